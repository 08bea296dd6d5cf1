#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: the handler's classes and, in lib/, the pinned Java runtime interface client.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../stamp.sh"
need mvn java javac
begin_build "$here" "$out" "$(java -version 2>&1)"

mvn --batch-mode --no-transfer-progress -f "$here/pom.xml" -Dinto="$out" -DoutputDirectory="$out/lib" \
	-DincludeScope=runtime compile dependency:copy-dependencies
mv "$out/target/classes" "$out/classes"
rm -rf "$out/target"
end_build "$out"
