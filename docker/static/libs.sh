#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: docker/static/libs.sh amd64|arm64
# Builds the libraries of the static executables from Debian's source packages (sources.txt) into
# build/static/ARCH/sysroot. A second run with the same sources and the same script does nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=docker/static
arch=${1:?amd64 or arm64}
case $arch in
amd64) triplet=x86_64-linux-gnu cpu=x86_64 openssl_target=linux-x86_64 ;;
arm64) triplet=aarch64-linux-gnu cpu=aarch64 openssl_target=linux-aarch64 ;;
*)
	echo "libs.sh: $arch: not a known architecture; expected amd64 or arm64" >&2
	exit 2
	;;
esac

cache=${STATIC_CACHE:-$PWD/build/static/sources}
work=$PWD/build/static/$arch
sysroot=$work/sysroot
log=$work/log
jobs=$(nproc)
CC=${STATIC_CC:-$triplet-gcc}
# Sections, so that the linker can drop what no program calls.
flags="-O2 -g0 -ffunction-sections -fdata-sections -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -DNDEBUG"

command -v "$CC" >/dev/null || {
	echo "libs.sh: there is no $CC; expected a C compiler for $arch (tests/install-deps.sh static installs it)" >&2
	exit 1
}
mkdir -p "$cache" "$work/src" "$log" "$work/built" "$sysroot/lib"

# The root of the archive that apt uses here for a suite, else Debian's own.
archive_root() {
	local suite=bookworm default=http://deb.debian.org/debian/ found
	[ "$1" = debian ] || { suite=bookworm-security; default=http://deb.debian.org/debian-security/; }
	# shellcheck disable=SC2016 # the names are apt's
	found=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
		awk -v s=$suite '$1 == s { print $2; exit }')
	echo "${found:-$default}"
}

download() {
	/usr/lib/apt/apt-helper -o APT::Sandbox::User="$(id -un)" download-file "$1" "$2" "SHA256:$3" >>"$log/fetch" 2>&1
}

# Archive, path, SHA-256: the file in the cache. apt's helper fetches as apt does (proxies, mirrors) and checks the sum.
# What came by the security archive may have moved to the main one.
fetch() {
	local file
	file=$cache/$(basename "$2")
	if ! echo "$3  $file" | sha256sum -c --status 2>/dev/null; then
		download "$(archive_root "$1")$2" "$file" "$3" ||
			download "$(archive_root debian)${2/pool\/updates\//pool/}" "$file" "$3" || {
			tail -3 "$log/fetch" >&2
			echo "libs.sh: $2 of Debian's archive could not be fetched with the pinned SHA-256;" \
				"if Debian has replaced it by a newer one, run docker/static/pin.sh and look at the difference" >&2
			return 1
		}
	fi
	echo "$file"
}

# Unpacks a library's release into $work/src/NAME and applies Debian's patches, which is where security fixes come.
unpack() {
	local name=$1 dir=$work/src/$1 where path sum file patch
	mkdir "$dir"
	while read -r where path sum; do
		file=$(fetch "$where" "$path" "$sum") || return 1
		case $path in
		*.orig.*) tar xf "$file" -C "$dir" --strip-components 1 ;;
		*)
			tar xf "$file" -C "$dir"
			grep -Ev '^(#|$)' "$dir/debian/patches/series" | while read -r patch; do
				case $patch in 90_gnutls* | 99_nss*) continue ;; esac # for Debian's two other builds of curl
				patch -d "$dir" -p1 -s <"$dir/debian/patches/$patch" || return 1
			done
			;;
		esac
	done < <(sed -n "s/^$name //p" $here/sources.txt)
}

with_cmake() {
	local name=$1
	shift
	cmake -S "$work/src/$name" -B "$work/src/$name-build" -G Ninja -Wno-dev --log-level=WARNING \
		-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=$cpu -DCMAKE_C_COMPILER="$CC" \
		-DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" -DBUILD_SHARED_LIBS=OFF \
		-DCMAKE_INSTALL_PREFIX="$sysroot" -DCMAKE_INSTALL_LIBDIR=lib \
		-DCMAKE_FIND_ROOT_PATH="$sysroot" -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY \
		-DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY "$@" &&
		ninja -C "$work/src/$name-build" -j "$jobs" install
}

build_zlib() {
	cd "$work/src/zlib" || return
	CHOST=$triplet CC="$CC" CFLAGS="$flags" ./configure --static --prefix="$sysroot" && make -j"$jobs" install
}

build_jansson() {
	with_cmake jansson -DJANSSON_BUILD_DOCS=OFF -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF
}

# Without TLS: the Invoke API is plain HTTP, and GnuTLS cannot be linked statically from Debian's packages.
build_libmicrohttpd() {
	cd "$work/src/libmicrohttpd" || return
	CC="$CC" CFLAGS="$flags" ./configure -q --host=$triplet --prefix="$sysroot" --disable-shared --disable-https \
		--disable-doc --disable-examples --disable-curl --disable-postprocessor --disable-dauth --disable-bauth &&
		make -s -C src/include install && make -s -j"$jobs" -C src/microhttpd libmicrohttpd.la &&
		make -s -C src/microhttpd install-libLTLIBRARIES && make -s install-pkgconfigDATA
}

# What TLS 1.2 and 1.3 to brokers and AWS need. Nothing is loaded at run time: an image's openssl.cnf, engines and
# providers were made for another libcrypto and another libc.
build_openssl() {
	cd "$work/src/openssl" || return
	CC="$CC" ./Configure $openssl_target --prefix="$sysroot" --libdir=lib --openssldir=/etc/ssl no-shared no-dso no-module \
		no-autoload-config no-tests no-legacy no-comp no-dtls no-ssl3 no-tls1 no-tls1_1 no-aria no-bf no-blake2 \
		no-camellia no-cast no-cmp no-cms no-ct no-dsa no-ec2m no-gost no-idea no-md4 no-mdc2 no-ocb no-psk no-rc2 \
		no-rc4 no-rmd160 no-scrypt no-seed no-siphash no-siv no-sm2 no-sm3 no-sm4 no-srp no-srtp no-ts no-whirlpool \
		no-rfc3779 no-ui-console "$flags" &&
		make -s -j"$jobs" build_libs ENGINESDIR=/usr/lib/engines-3 MODULESDIR=/usr/lib/ossl-modules &&
		make -s install_dev
}

# As aria2 carries it: the source package of wslay itself is missing on mirrors.
build_wslay() {
	cd "$work/src/wslay/deps/wslay/lib" || return
	# shellcheck disable=SC2086 # words
	"$CC" $flags -DHAVE_ARPA_INET_H -DHAVE_NETINET_IN_H -Iincludes -c wslay_*.c &&
		"${CC%gcc}ar" rcs "$sysroot/lib/libwslay.a" wslay_*.o &&
		mkdir -p "$sysroot/include/wslay" && cp includes/wslay/*.h "$sysroot/include/wslay/"
}

build_librabbitmq() {
	with_cmake librabbitmq -DBUILD_EXAMPLES=OFF -DBUILD_TOOLS=OFF -DBUILD_TESTS=OFF -DBUILD_API_DOCS=OFF \
		-DENABLE_SSL_SUPPORT=ON -DBUILD_STATIC_LIBS=ON -DOPENSSL_ROOT_DIR="$sysroot"
}

build_curl() {
	# It has its files' names in what it allocates.
	local flags="$flags -ffile-prefix-map=$work=."
	with_cmake curl -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DHTTP_ONLY=ON -DCURL_USE_OPENSSL=ON -DCURL_ZLIB=OFF \
		-DUSE_LIBIDN2=OFF -DCURL_USE_LIBSSH2=OFF -DCURL_USE_LIBPSL=OFF -DENABLE_MANUAL=OFF -DENABLE_THREADED_RESOLVER=ON \
		-DCURL_DISABLE_OPENSSL_AUTO_LOAD_CONFIG=ON -DCURL_DISABLE_SRP=ON -DCURL_DISABLE_NTLM=ON \
		-DCURL_DISABLE_ALTSVC=ON -DCURL_DISABLE_HSTS=ON -DCURL_DISABLE_COOKIES=ON -DCURL_DISABLE_NETRC=ON \
		-DCURL_DISABLE_DOH=ON -DCURL_DISABLE_MIME=ON -DCURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
		-DCURL_CA_PATH=/etc/ssl/certs -DOPENSSL_ROOT_DIR="$sysroot"
}

# What a library was built from and how; the second line is of those that are built against another one.
recipe() {
	echo "$CC $flags" && sed -n "s/^$1 //p" $here/sources.txt && declare -f "build_$1" with_cmake unpack
	case $1 in librabbitmq | curl) recipe openssl ;; esac
}

library() {
	local start=$SECONDS
	if [ "$(cat "$work/built/$1" 2>/dev/null)" = "$(recipe "$1")" ]; then
		return
	fi
	rm -rf "$work/built/$1" "$work/src/$1" "$work/src/$1-build"
	if (unpack "$1" && "build_$1") >"$log/$1" 2>&1; then
		recipe "$1" >"$work/built/$1"
		rm -rf "$work/src/$1" "$work/src/$1-build"
		echo "static $arch: $1 built in $((SECONDS - start)) s"
	else
		tail -20 "$log/$1" >&2
		echo "libs.sh: $1 could not be built for $arch; the whole log is $log/$1" >&2
		return 1
	fi
}

# A checkout that was moved or copied links its own libraries, and not the machine's: their .pc files name no place.
make_relocatable() {
	local file prefix
	for file in "$sysroot"/lib/pkgconfig/*.pc; do
		prefix=$(sed -n 's#^prefix=\(/.*\)#\1#p' "$file")
		# shellcheck disable=SC2016 # the names are pkg-config's
		[ -z "$prefix" ] || sed -i -e 's#^prefix=.*#prefix=${pcfiledir}/../..#;t' -e "s#$prefix/#\${prefix}/#g" "$file"
	done
}

# The small ones spend their time in single-threaded configure scripts, so they run beside OpenSSL.
main() {
	trap wait EXIT
	(library libmicrohttpd && library jansson && library zlib && library wslay) &
	library openssl
	wait $!
	library librabbitmq
	library curl
	make_relocatable
}

main
