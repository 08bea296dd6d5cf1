# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The function of this example: its answer is its event.

# $1 is the event as a string, $2 a file with the headers that came with it (request id, deadline, ARN ...), stdin
# the event byte for byte. What goes to stdout is the answer, what goes to stderr the log.
handler() {
	cat
}
