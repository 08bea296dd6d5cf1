#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts the runtime where there is a Runtime API, which is on Lambda, and else under the daemon that is mounted in
# the place of the emulator.
set -- python3 -m awslambdaric "$@"
if [ -n "$AWS_LAMBDA_RUNTIME_API" ]; then
	exec "$@"
fi
exec /usr/local/bin/aws-lambda-rie "$@"
