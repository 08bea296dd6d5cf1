#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: the pinned aws-lambda-ric with its own C++ core, and the handler beside it.
#
# The package's install scripts would compile a private libcurl, which takes minutes. They are left out: the
# core is compiled from the package's unmodified sources by its own recipes, with the system's libcurl.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../stamp.sh"
need node npm cmake make g++ python3
begin_build "$here" "$out" "$(node -v)"

cp "$here"/package*.json "$here/index.mjs" "$out/"
cd "$out"
npm ci --ignore-scripts --no-audit --no-fund
cd node_modules/aws-lambda-ric
deps=$PWD/deps
# shellcheck source=/dev/null
. "$deps/versions"

tar xzf "$deps/aws-lambda-cpp-$AWS_LAMBDA_CPP_RELEASE.tar.gz" --no-same-owner -C "$deps"
cmake -S "$deps/aws-lambda-cpp-$AWS_LAMBDA_CPP_RELEASE" -B "$deps/build" -DCMAKE_CXX_FLAGS=-fPIC \
	-DCMAKE_INSTALL_PREFIX="$deps/artifacts" -DCMAKE_INSTALL_LIBDIR=lib
cmake --build "$deps/build" -j2
cmake --install "$deps/build"
mkdir -p "$deps/artifacts/bin"
printf '#!/bin/sh\necho -lcurl\n' >"$deps/artifacts/bin/curl-config"
chmod +x "$deps/artifacts/bin/curl-config"

# Without this node-gyp would download the headers of this very node.
prefix=$(dirname "$(dirname "$(node -p process.execPath)")")
nodedir=()
if [ -f "$prefix/include/node/node.h" ]; then
	nodedir=(--nodedir="$prefix")
fi
"$out/node_modules/.bin/node-gyp" rebuild "${nodedir[@]}"
cp build/Release/rapid-client.node dist/
rm -rf build "$deps/build"
end_build "$out"
