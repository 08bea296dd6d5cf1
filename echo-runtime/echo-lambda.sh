#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the image with the daemon of this checkout mounted where images look for the Runtime Interface Emulator.
#	PORT		port of the Invoke API on this machine, loopback only (8080)
#	IMAGE		name of the image (echo-lambda)
#	AMQP_URI	broker to serve as well; without it the function is reached over HTTP only
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
daemon=$here/../bin/static/lambda-runtime-api-daemon
image=${IMAGE:-echo-lambda}

if [[ ! -x $daemon ]]; then
	echo "echo-lambda.sh: there is no bin/static/lambda-runtime-api-daemon yet: run make static first" >&2
	exit 1
fi

options=(
	--rm
	--user "$(id -u):$(id -g)"
	--publish "127.0.0.1:${PORT:-8080}:8080"
	--mount "type=bind,source=$(realpath "$daemon"),target=/usr/local/bin/aws-lambda-rie,readonly"
	--env AWS_LAMBDA_FUNCTION_NAME=echo-lambda
)
# By name only: docker takes the value from the environment, and a password is not seen in the list of processes.
if [[ -n ${AMQP_URI:-} ]]; then
	options+=(--env AMQP_URI)
fi

exec docker run "${options[@]}" "$image" "$@"
