#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# build.sh OUTDIR: the aws-lambda-ric that serves managed instances (4.x), with its own C++ core, and the handler of ../node.
#
# As there, the core is compiled from the package's unmodified sources, but with the system's libcurl.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$(realpath -m "$1")
# shellcheck source=tests/conformance/runtimes/stamp.sh
. "$here/../stamp.sh"
need node npm cmake make g++ python3 xz
begin_build "$here" "$out" "$(node -v)" "$(sha256sum <"$here/../node/index.mjs")"

cp "$here"/package*.json "$here/../node/index.mjs" "$out/"
cd "$out"
npm ci --ignore-scripts --no-audit --no-fund
cd node_modules/aws-lambda-ric
deps=$PWD/deps
core=$deps/aws-lambda-cpp-src

mkdir -p "$core"
tar xJf "$deps/aws-lambda-cpp.tar.xz" --no-same-owner --warning=no-unknown-keyword -C "$core"
cmake -S "$core" -B "$deps/build" -DCMAKE_CXX_FLAGS=-fPIC -DCMAKE_INSTALL_PREFIX="$deps/artifacts" \
	-DCMAKE_INSTALL_LIBDIR=lib
cmake --build "$deps/build" -j2
cmake --install "$deps/build"
# The recipe names an archive; this one sends the linker to the system's library.
echo 'INPUT(-lcurl)' >"$deps/artifacts/lib/libcurl.a"

# Without this node-gyp would download the headers of this very node.
prefix=$(dirname "$(dirname "$(node -p process.execPath)")")
nodedir=()
if [ -f "$prefix/include/node/node.h" ]; then
	nodedir=(--nodedir="$prefix")
fi
DEPS_PREFIX=$deps/artifacts "$out/node_modules/.bin/node-gyp" rebuild "${nodedir[@]}" --directory=src/native
cp src/native/build/Release/rapid-client.node .
rm -rf src/native/build "$deps/build" "$core"
end_build "$out"
