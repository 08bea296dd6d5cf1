#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: the pinned chrome-remote-interface, and the script beside it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../../conformance/runtimes/stamp.sh"
need node npm
begin_build "$here" "$out" "$(node -v)"

cp "$here"/package*.json "$here"/*.mjs "$out/"
cd "$out"
npm ci --ignore-scripts --no-audit --no-fund
end_build "$out"
