# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The conformance protocol for the bash example runtime: $1 is the event, $2 the file of its headers.

field() {
	jq -r "$1" <<<"$event"
}

header_value() {
	sed -n "s/^$1: *//Ip" "$headers" | tr -d '\r'
}

describe() {
	local client_context

	client_context=$(header_value Lambda-Runtime-Client-Context)
	jq -nc --arg id "$(header_value Lambda-Runtime-Aws-Request-Id)" \
		--arg arn "$(header_value Lambda-Runtime-Invoked-Function-Arn)" \
		--arg trace "$(header_value Lambda-Runtime-Trace-Id)" \
		--argjson deadline "$(header_value Lambda-Runtime-Deadline-Ms)" \
		--argjson client "${client_context:-null}" '{
			request_id: $id, invoked_function_arn: $arn, trace_id: $trace, client_context: $client,
			function_name: $ENV.AWS_LAMBDA_FUNCTION_NAME,
			function_version: $ENV.AWS_LAMBDA_FUNCTION_VERSION,
			memory_limit: $ENV.AWS_LAMBDA_FUNCTION_MEMORY_SIZE | tonumber,
			remaining_ms: ($deadline - now * 1000 | floor)}'
}

handler() {
	local event=$1 headers=$2

	case $(field .do) in
	echo) jq -c .value <<<"$event" ;;
	raise)
		field .message >&2
		return 9
		;;
	sleep)
		sleep "$(field .seconds)"
		echo '"slept"'
		;;
	context) describe ;;
	exit) exit "$(field .code)" ;;
	log)
		# stdout is the answer, so that only stderr is left for the log.
		field '.text, .text, "logger " + .text' >&2
		echo null
		;;
	env) jq -c '[.names[] as $n | {key: $n, value: $ENV[$n]}] | from_entries' <<<"$event" ;;
	*) return 2 ;;
	esac
}
