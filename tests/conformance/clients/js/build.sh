#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: the pinned AWS SDK for JavaScript, and the scripts beside it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../../runtimes/stamp.sh"
need node npm
begin_build "$here" "$out" "$(node -v)"

cp "$here"/package*.json "$here"/*.mjs "$out/"
cd "$out"
npm ci --ignore-scripts --no-audit --no-fund
end_build "$out"
