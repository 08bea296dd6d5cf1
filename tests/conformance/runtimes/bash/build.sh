#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: the function script; the runtime is the bootstrap of echo-runtime/.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../stamp.sh"
need bash curl jq
begin_build "$here" "$out"

cp "$here/function.sh" "$out/"
end_build "$out"
