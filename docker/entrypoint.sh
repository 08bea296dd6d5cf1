#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Entry point of the base image: on Lambda the bootstrap (or the command) itself, anywhere else under the daemon.
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
	exec /usr/local/bin/aws-lambda-rie "$@"
fi
if [ $# = 0 ]; then
	exec /var/task/bootstrap
fi
exec "$@"
