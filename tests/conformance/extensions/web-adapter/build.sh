#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: extensions/lambda-adapter, the AWS Lambda Web Adapter of its published crate.
set -euo pipefail
version=0.9.1
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../../runtimes/stamp.sh"
need cargo
begin_build "$here" "$out" "$(cargo --version)" "$version"

# Unoptimised and without the crate's link-time optimisation, which takes longer than all the rest.
CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
	cargo install lambda_web_adapter --version "$version" --locked --root "$out" --target-dir "$out/target"
mkdir "$out/extensions"
mv "$out/bin/lambda-adapter" "$out/extensions/lambda-adapter"
rm -rf "${out:?}/target" "${out:?}/bin"
end_build "$out"
