#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: docker/rootfs.sh PROGRAMS OUT
# Lays out what the images of docker/Dockerfile hold: OUT/daemon and OUT/lambda-server, from the static executables in PROGRAMS.
set -eu
cd "$(dirname "$0")/.."
programs=${1:?directory of the static executables}
out=${2:?directory to write}

# Program, directory.
layout() {
	root=$out/$2
	mkdir -p "$root/usr/local/bin" "$root/etc/ssl/certs" "$root/tmp" "$root/var/task"
	chmod 1777 "$root/tmp"
	cp "$programs/$1" "$programs/healthcheck" "$root/usr/local/bin/"
	cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
}

layout lambda-runtime-api-daemon daemon
ln -sf lambda-runtime-api-daemon "$out/daemon/usr/local/bin/aws-lambda-rie"
layout lambda-server lambda-server
