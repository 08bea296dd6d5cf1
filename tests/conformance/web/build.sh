#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: a Python web framework and its adapter for Lambda, to be used with the Python runtime client.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../runtimes/stamp.sh"
need python3
begin_build "$here" "$out" "$(python3 -VV)"

python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$out" -r "$here/requirements.txt"
cp "$here"/app.py "$here"/web.mjs "$out/"
end_build "$out"
