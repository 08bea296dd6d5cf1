#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: docker/packages/deb.sh VERSION
# Builds the Debian package from a copy of the tree and checks it with lintian; it is left in build/deb.
set -eu
cd "$(dirname "$0")/../.."
version=${1:?version of the package}
stamp=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)}
out=$PWD/build/deb
tree=$out/lambda-runtime-api-daemon-$version

rm -rf "$out"
mkdir -p "$tree"
tar -c --exclude=./build --exclude=./bin --exclude=./.git --exclude=node_modules . | tar -x -C "$tree"
cp -r docker/packages/debian "$tree/debian"
# The list of what a build needs stands in one place.
needed=$(sed -n 's/^packages="\(.*\)"$/\1/p' tests/install-deps.sh | tr ' ' '\n' | grep -vxE 'gcc|make|libc6-dev' | paste -sd, | sed 's/,/, /g')
sed "s/@LIBRARIES@/$needed/" docker/packages/debian/control >"$tree/debian/control"
cat >"$tree/debian/changelog" <<-END
	lambda-runtime-api-daemon ($version) bookworm; urgency=medium

	  * Release $version.

	 -- $(sed -n 's/^Maintainer: //p' docker/packages/debian/control)  $(date -R -d "@$stamp")
END
cd "$tree"
dpkg-buildpackage -b -us -uc -jauto >"$out/log" 2>&1 || {
	tail -30 "$out/log" >&2
	echo "deb.sh: the package could not be built; the whole log is $out/log" >&2
	exit 1
}
cd "$out"
rm -rf "$tree"
lintian --allow-root --fail-on error,warning ./*.changes
ls ./*.deb
