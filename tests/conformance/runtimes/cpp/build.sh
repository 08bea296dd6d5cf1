#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: aws-lambda-cpp, whose source is in the pinned aws-lambda-ric package, and the handler.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../stamp.sh"
need npm cmake make g++
lock=$here/../node/package-lock.json
begin_build "$here" "$out" "$(g++ --version)" "$(sha256sum <"$lock")"

cp "$lock" "$here/../node/package.json" "$out/"
cd "$out"
npm ci --ignore-scripts --no-audit --no-fund
deps=$out/node_modules/aws-lambda-ric/deps
# shellcheck source=/dev/null
. "$deps/versions"

tar xzf "$deps/aws-lambda-cpp-$AWS_LAMBDA_CPP_RELEASE.tar.gz" --no-same-owner -C "$out"
cmake -S "aws-lambda-cpp-$AWS_LAMBDA_CPP_RELEASE" -B runtime -DCMAKE_BUILD_TYPE=Release \
	-DCMAKE_INSTALL_PREFIX="$out/prefix"
cmake --build runtime -j2
cmake --install runtime
cmake -S "$here" -B handler -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$out/prefix"
cmake --build handler
cp handler/bootstrap "$out/"
rm -rf node_modules runtime handler
end_build "$out"
