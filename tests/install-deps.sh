#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tests/install-deps.sh build|static-amd64|static-arm64|test|conformance|lint
# Installs the packages that are missing (Debian, Ubuntu; a second run needs no network), and for tests the Python packages
# of tests/requirements.txt into build/venv.
set -eu
cd "$(dirname "$0")/.."

level=${1:?build, test, conformance or lint}
packages="gcc make pkg-config libc6-dev libmicrohttpd-dev libjansson-dev librabbitmq-dev libssl-dev libcurl4-openssl-dev zlib1g-dev"
level=${1:?build, static-amd64, static-arm64, test, conformance or lint}
packages="gcc make pkg-config libc6-dev libmicrohttpd-dev libjansson-dev librabbitmq-dev libssl-dev"
static_packages="make pkg-config cmake ninja-build perl patch xz-utils bzip2"
test_packages="libcmocka-dev python3 python3-venv python3-pip curl ca-certificates rabbitmq-server openssl"

# Tools that may be there without their package: a newer node or go must not be replaced.
wanted_tools() {
	command -v node >/dev/null && command -v npm >/dev/null || echo nodejs npm
	command -v go >/dev/null || echo golang-go
	command -v g++ >/dev/null || echo g++
	command -v cmake >/dev/null || echo cmake
}

extra_conformance_tools() {
	# Debian 12's own cargo is too old for today's lock files; its packages for browsers are not.
	command -v cargo >/dev/null || { apt-cache show cargo-web >/dev/null 2>&1 && echo cargo-web; } || echo cargo
	command -v mvn >/dev/null || echo maven
	command -v javac >/dev/null || echo default-jdk-headless
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
static-amd64) packages="$static_packages gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;;
static-arm64) packages="$static_packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;;
test) packages="$packages $test_packages $(wanted_tools) $(listed_packages)" ;;
conformance) packages="$packages $test_packages $(wanted_tools) $(extra_conformance_tools) $(listed_packages)" ;;
lint) packages="$packages clang-format-14 clang-14 libclang-rt-14-dev shellcheck cppcheck mandoc" ;;
*)
	echo "install-deps: unknown level $level" >&2
	exit 2
	;;
esac

# The compiler of the machine's own architecture is the plain one.
case $level-$(uname -m) in
static-amd64-x86_64 | static-arm64-aarch64) packages="$static_packages gcc libc6-dev" ;;
esac

missing=
for p in $packages; do
	if command -v dpkg-query >/dev/null; then
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	fi
done

if ! command -v apt-get >/dev/null; then
	if [ "$level" = build ] && pkg-config --exists libmicrohttpd jansson librabbitmq libcurl zlib 2>/dev/null; then
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
		sudo=sudo
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

if [ "$level" = test ] || [ "$level" = conformance ]; then
	stamp=build/venv/.requirements
	if ! cmp -s tests/requirements.txt "$stamp" 2>/dev/null; then
		mkdir -p build
		rm -rf build/venv
		python3 -m venv build/venv
		build/venv/bin/pip install -q --disable-pip-version-check -r tests/requirements.txt
		cp tests/requirements.txt "$stamp"
	fi
fi
