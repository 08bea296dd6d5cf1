#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: docker/packages/dist.sh VERSION ARCH
# Packs the static executables that make static left (bin/static: those of this machine's ARCH; bin/static/OTHER), with
# manual pages, completion and the licences of what is linked in, into build/dist. The same input gives the same bytes.
set -eu
cd "$(dirname "$0")/../.."
version=${1:?version}
here=${2:?architecture of this machine}
cache=${STATIC_CACHE:-build/static/sources}
stamp=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)}
out=build/dist

# Package, source: name and version of the source package; of a cross compiler's package, of what it was built from.
source_of() {
	built_using=$(dpkg-query -W -f '${Built-Using}' "$1" | sed -n "s/.*\b\($2\) (= \([^)]*\)).*/\1 \2/p")
	echo "${built_using:-$(dpkg-query -W -f '${source:Package} ${source:Version}' "$1")}"
}

# Archive of the compiler, name of its source, directory: its licence, and a line of the README.
licence_of_archive() {
	package=$(dpkg -S "$(realpath "$1")" | cut -d: -f1)
	cp -L "/usr/share/doc/$package/copyright" "$3/${2%%-*}"
	echo "  $(source_of "$package" "$2")" >>"$3/README"
}

# Directory, architecture.
licences() {
	grep -v '^#' docker/static/sources.txt | while read -r name _ path _; do
		case $path in
		*.debian.tar.*) tar -xOf "$cache/$(basename "$path")" debian/copyright >"$1/$name" ;;
		*aria2*) tar -xOf "$cache/$(basename "$path")" --wildcards '*/deps/wslay/COPYING' >"$1/$name" ;;
		*openssl*) tar -xOf "$cache/$(basename "$path")" --wildcards '*/LICENSE.txt' >"$1/$name" ;;
		esac
	done
	cat >"$1/README" <<-'END'
		Licences of the libraries that are linked into the executables. Their sources are the packages of Debian that
		docker/static/sources.txt of this program's source names; "make static" there builds and links them, as they are or
		as you changed them. Those of the C library and of what the compiler adds are Debian's source packages

	END
	case $2 in arm64) compiler=aarch64-linux-gnu-gcc ;; *) compiler=x86_64-linux-gnu-gcc ;; esac
	licence_of_archive "$($compiler -print-file-name=libc.a)" glibc "$1"
	licence_of_archive "$($compiler -print-libgcc-file-name)" 'gcc-[0-9]*' "$1"
	cp /usr/share/common-licenses/LGPL-2.1 /usr/share/common-licenses/GPL-3 "$1/"
}

rm -rf "$out"
mkdir -p "$out"
for arch in amd64 arm64; do
	name=lambda-runtime-api-daemon-$version-linux-$arch
	tree=$out/$name
	from=bin/static/$arch
	[ "$arch" != "$here" ] || from=bin/static
	mkdir -p "$tree/bin" "$tree/share/man/man1" "$tree/share/bash-completion/completions" "$tree/licences"
	find "$from" -maxdepth 1 \( -type f -o -type l \) -exec cp -P {} "$tree/bin/" \;
	cp build/release/*.1 "$tree/share/man/man1/"
	cp docker/packages/completion.bash "$tree/share/bash-completion/completions/lambda-runtime-api-daemon"
	cp LICENSE README.md "$tree/"
	licences "$tree/licences" $arch
	tar -C "$out" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$stamp" --mode=go-w -c "$name" | gzip -9n >"$tree.tar.gz"
	rm -rf "$tree"
done
cd "$out"
sha256sum ./*.tar.gz >SHA256SUMS
cat SHA256SUMS
