#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: a bootstrap with the lambda_runtime, and extensions/telemetry with the lambda-extension, of Cargo.lock.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../stamp.sh"
need cargo
begin_build "$here" "$out" "$(cargo --version)"

cargo build --locked --manifest-path "$here/Cargo.toml" --target-dir "$out/target"
mv "$out/target/debug/bootstrap" "$out/bootstrap"
mkdir -p "$out/extensions"
mv "$out/target/debug/extension" "$out/extensions/telemetry"
rm -rf "$out/target"
end_build "$out"
