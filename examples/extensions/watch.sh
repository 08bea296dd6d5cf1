#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An external extension in bash: tells each event, and at the end how many there were. Needs curl.
set -euo pipefail
name=${0##*/}
api=http://$AWS_LAMBDA_RUNTIME_API/2020-01-01/extension

# The name must be that of this file in /opt/extensions.
id=$(curl -sS -f -D - -o /dev/null -H "Lambda-Extension-Name: $name" -d '{"events":["INVOKE","SHUTDOWN"]}' "$api/register" |
	tr -d '\r' | sed -n 's/^[Ll]ambda-[Ee]xtension-[Ii]dentifier: //p')

count=0
while true; do
	# Waits until there is an event, however long that takes. On Lambda the environment is frozen meanwhile.
	event=$(curl -sS -f -H "Lambda-Extension-Identifier: $id" "$api/event/next")
	case $event in
	*'"eventType":"SHUTDOWN"'*)
		echo "$name: $count events, end: $event"
		exit 0
		;;
	esac
	count=$((count + 1))
	echo "$name: $event"
done
