#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tests/install-deps.sh build|static-amd64|static-arm64|static-test|containers-test|test|conformance|deb|lint
# Installs the packages that are missing (Debian, Ubuntu; a second run needs no network), and for tests the Python packages
# of tests/requirements.txt into build/venv.
set -eu
cd "$(dirname "$0")/.."

level=${1:?build, test, conformance or lint}
packages="gcc make pkg-config libc6-dev libmicrohttpd-dev libjansson-dev librabbitmq-dev libssl-dev libcurl4-openssl-dev zlib1g-dev libwslay-dev"
test_packages="libcmocka-dev python3 python3-venv python3-pip curl ca-certificates rabbitmq-server openssl"

# Beside the compiler, for the libraries of the static executables; and for the images that they are tested in.
static_packages="make pkg-config cmake ninja-build perl patch xz-utils bzip2"
image_packages="mmdebstrap busybox-static musl musl-tools openssl"

# The machine's own architecture has the plain compiler.
compiler_for() {
	case $1-$(uname -m) in
	amd64-x86_64 | arm64-aarch64) echo gcc libc6-dev ;;
	amd64-*) echo gcc-x86-64-linux-gnu libc6-dev-amd64-cross ;;
	*) echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
	esac
}

# Tools that may be there without their package: a newer node or go must not be replaced.
wanted_tools() {
	command -v node >/dev/null && command -v npm >/dev/null || echo nodejs npm
	command -v go >/dev/null || echo golang-go
	command -v g++ >/dev/null || echo g++
	command -v cmake >/dev/null || echo cmake
	command -v dlv >/dev/null || echo delve
	command -v chromium >/dev/null || echo chromium
}

extra_conformance_tools() {
	# Debian 12's own cargo is too old for today's lock files; its packages for browsers are not.
	command -v cargo >/dev/null || { apt-cache show cargo-web >/dev/null 2>&1 && echo cargo-web; } || echo cargo
	command -v mvn >/dev/null || echo maven
	command -v javac >/dev/null || echo default-jdk-headless
	command -v gdb >/dev/null || echo gdb
	command -v gdbserver >/dev/null || echo gdbserver
}

listed_packages() {
	if [ -f tests/conformance/apt-packages.txt ]; then
		grep -v '^#' tests/conformance/apt-packages.txt
	fi
}

# Where a service manager runs, or none that could be asked, the package starts a broker on all addresses. The tests start
# their own.
stop_installed_broker() {
	if [ -d /run/systemd/system ]; then
		$sudo systemctl disable -q --now rabbitmq-server.service epmd.socket epmd.service || true
	elif [ -x /etc/init.d/rabbitmq-server ]; then
		$sudo /etc/init.d/rabbitmq-server stop >/dev/null 2>&1 || true
		# It keeps running while it has nodes.
		$sudo epmd -kill >/dev/null 2>&1 || true
	fi
}

case $level in
build) ;;
deb) packages="$packages debhelper dpkg-dev lintian" ;;
static-amd64 | static-arm64) packages="$static_packages $(compiler_for "${level#static-}")" ;;
static-test)
	packages="$static_packages $(compiler_for amd64) $(compiler_for arm64) $test_packages $image_packages qemu-user dnsmasq-base iproute2"
	;;
containers-test)
	packages="$static_packages gcc libc6-dev $test_packages $image_packages docker.io docker-compose iptables iproute2 systemd"
	packages="$packages $(wanted_tools) $(listed_packages)"
	;;
test) packages="$packages $test_packages $(wanted_tools) $(listed_packages)" ;;
conformance) packages="$packages $test_packages $(wanted_tools) $(extra_conformance_tools) $(listed_packages)" ;;
lint) packages="$packages clang-format-14 clang-14 libclang-rt-14-dev shellcheck cppcheck mandoc" ;;
*)
	echo "install-deps: unknown level $level" >&2
	exit 2
	;;
esac

missing=
for p in $packages; do
	if command -v dpkg-query >/dev/null; then
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	fi
done

if ! command -v apt-get >/dev/null; then
	if [ "$level" = build ] && pkg-config --exists libmicrohttpd jansson librabbitmq libcurl zlib 2>/dev/null &&
		echo '#include <wslay/wslay.h>' | cc -E - >/dev/null 2>&1; then
		exit 0
	fi
	echo "install-deps: this is neither Debian nor Ubuntu; please install what these Debian packages hold:" >&2
	echo "  $packages" >&2
	exit 1
fi

if [ -n "$missing" ]; then
	sudo=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || {
			echo "install-deps: not root and no sudo; please install:$missing" >&2
			exit 1
		}
		# It drops the environment.
		sudo="sudo DEBIAN_FRONTEND=noninteractive"
	fi
	echo "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086
	$sudo apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
		$sudo apt-get update -q >/dev/null
		# shellcheck disable=SC2086
		$sudo apt-get install -y --no-install-recommends $missing >/dev/null
	}
	case $missing in
	*rabbitmq-server*) stop_installed_broker ;;
	esac
fi

case $level in
*test | conformance)
	stamp=build/venv/.requirements
	if ! cmp -s tests/requirements.txt "$stamp" 2>/dev/null; then
		mkdir -p build
		rm -rf build/venv
		python3 -m venv build/venv
		build/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
		cp tests/requirements.txt "$stamp"
	fi
	;;
esac
