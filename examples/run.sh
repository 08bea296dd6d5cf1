#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: examples/run.sh bash|go|java|node|python [--aws-base] [DOCKER OPTIONS...]
# Builds the image of the example and runs it with the daemon mounted where images look for the Runtime Interface
# Emulator, as restricted as on Lambda: no root, no capabilities, nothing writable but /tmp.
#	PORT		port of the Invoke API on this machine, loopback only (8080)
#	DAEMON		the daemon to mount: one that is linked statically (bin/static/lambda-runtime-api-daemon)
#	AMQP_URI	broker to serve as well, and MAX_CONCURRENCY, AWS_LAMBDA_FUNCTION_TIMEOUT, LOG_LEVEL: as in the README
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
name=${1:-}
dockerfile=Dockerfile
if [[ -z $name || ! -f $here/$name/Dockerfile ]]; then
	sed -n 's/^# usage: /usage: /p' "${BASH_SOURCE[0]}" >&2
	exit 2
fi
shift
if [[ ${1:-} == --aws-base ]]; then
	dockerfile=Dockerfile.aws-base
	shift
fi
if [[ ! -f $here/$name/$dockerfile ]]; then
	echo "run.sh: the $name example has no $dockerfile" >&2
	exit 2
fi
daemon=${DAEMON:-$here/../bin/static/lambda-runtime-api-daemon}
if [[ ! -x $daemon ]]; then
	echo "run.sh: there is no $daemon: run make static first, or set DAEMON" >&2
	exit 1
fi

if [[ $name == bash ]]; then
	docker build --tag echo-lambda "$here/../echo-runtime"
fi
docker build --tag "example-$name" --file "$here/$name/$dockerfile" "$here/$name"

options=(
	--rm
	--user "$(id -u):$(id -g)"
	--cap-drop ALL
	--read-only
	--tmpfs /tmp:exec
	--publish "127.0.0.1:${PORT:-8080}:8080"
	--mount "type=bind,source=$(realpath "$daemon"),target=/usr/local/bin/aws-lambda-rie,readonly"
	--env "AWS_LAMBDA_FUNCTION_NAME=example-$name"
)
# An image without a shell cannot choose: its entry point is the runtime itself, as Lambda wants it.
if [[ $name$dockerfile == goDockerfile ]]; then
	options+=(--entrypoint /usr/local/bin/aws-lambda-rie)
fi
# By name only: docker takes the value from the environment, and a password is not seen in the list of processes.
for variable in AMQP_URI MAX_CONCURRENCY AWS_LAMBDA_FUNCTION_TIMEOUT LOG_LEVEL; do
	if [[ -n ${!variable:-} ]]; then
		options+=(--env "$variable")
	fi
done

exec docker run "${options[@]}" "$@" "example-$name"
