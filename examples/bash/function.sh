# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A function for the bash runtime of ../../echo-runtime: stdin is the event, stdout the answer, stderr the log, a
# status other than 0 a function error. $2 is a file with the headers of the event.

handler() {
	local name request_id

	name=$(jq -er '.name | strings') || {
		echo "the event has no name" >&2
		return 1
	}
	request_id=$(sed -n 's/^Lambda-Runtime-Aws-Request-Id: *\([^[:space:]]*\).*/\1/Ip' "$2")
	echo "greeting $name" >&2
	jq -cn --arg name "$name" --arg id "$request_id" \
		'{message: "Hello \($name)", requestId: $id, function: $ENV.AWS_LAMBDA_FUNCTION_NAME}'
}
