#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: docker/static/pin.sh
# Rewrites sources.txt with the newest version of each source package that Debian's signed index for this release names,
# security archive first. Look at the difference, then run make static and its tests.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
cat >"$work/sources.list" <<-END
	deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main
	deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian-security bookworm-security main
END
apt=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists"
	-o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
apt-get "${apt[@]}" update -q >&2

# The paragraph of the highest version: its directory, and the files with their sums.
newest() {
	apt-cache "${apt[@]}" showsrc --only-source "$1" | awk -v RS= '{ print > ("'"$work"'/p" NR) }'
	local best='' version p
	for p in "$work"/p*; do
		version=$(sed -n 's/^Version: //p' "$p")
		if [ -z "$best" ] || dpkg --compare-versions "$version" gt "$best"; then
			best=$version
			mv "$p" "$work/best"
		else
			rm "$p"
		fi
	done
}

sed '/^[^#]/d' sources.txt >"$work/new"
for name in openssl curl librabbitmq libmicrohttpd jansson zlib wslay; do
	package=$name
	[ "$name" != wslay ] || package=aria2 # libs.sh says why
	newest "$package"
	directory=$(sed -n 's/^Directory: //p' "$work/best")
	archive=debian
	case $directory in pool/updates/*) archive=security ;; esac
	sed -n '/^Checksums-Sha256:/,/^[^ ]/s/^ \([0-9a-f]*\) [0-9]* \(.*\)/\1 \2/p' "$work/best" |
		grep -E '\.(orig|debian)\.tar\.[a-z0-9]+$' | sort -k2,2r | while read -r sum file; do
		case $file in
		# Upstream's releases of OpenSSL are taken as they are: what Debian adds is about its packaging.
		openssl*.debian.* | aria2*.debian.*) ;;
		*) echo "$name $archive $directory/$file $sum" ;;
		esac
	done >>"$work/new"
done
cp "$work/new" sources.txt
git --no-pager diff --stat -- sources.txt 2>/dev/null || true
