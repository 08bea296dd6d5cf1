#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: a virtual environment with the pinned awslambdaric, and the handler beside it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../stamp.sh"
need python3
begin_build "$here" "$out" "$(python3 -VV)"

python3 -m venv "$out/venv"
"$out/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
cp "$here/handler.py" "$out/"
end_build "$out"
