#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: a virtual environment with the pinned awslambdaric, and the handler beside it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../stamp.sh"
need python3
begin_build "$1" "$(python3 -VV)"

python3 -m venv "$out/venv"
"$out/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
cp "$here/handler.py" "$out/"
end_build
