#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The layers: who may include whom, and which file alone may see a library or a system facility.
set -eu
cd "$(dirname "$0")/../daemon"
bad=0

complain() {
	if [ -n "$2" ]; then
		echo "layers: $1:"
		echo "$2"
		bad=1
	fi
}

# $1 may include nothing of ours but from the layers that match $2.
# shellcheck disable=SC2086 # the pattern is meant to expand
layer() {
	found=$(grep -Hn '^#include "' $1 2>/dev/null | grep -Ev "#include \"($2)/" || true)
	complain "$1 may only include from $2" "$found"
}

# $1 (a pattern of code) may stand in the file $2 only.
only_in() {
	found=$(grep -rn --include='*.[ch]' -E "$1" . | grep -v "^\./$2:" || true)
	complain "$1 belongs into $2" "$found"
}

layer 'base/*.[ch]' 'base'
layer 'core/*.[ch]' 'base|core'
layer 'loop/*.[ch]' 'base|loop'
layer 'io/*.[ch]' 'base|loop|io'
layer 'debug/*.[ch]' 'base|loop|io|debug'
layer 'edge/*.[ch]' 'base|core|loop|io|debug|edge'
only_in '#include <microhttpd' io/httpd_mhd_priv.h
only_in '#include <jansson' io/json.c
only_in '#include <wslay' io/ws.c
only_in '#include <curl/' io/httpc.c
only_in '#include <zlib' io/gzip.c
only_in '#include <amqp' 'io/amqp_conn\.[ch]'
only_in 'pthread_mutex' loop/mailbox.c
only_in '\bclock_gettime\(' base/clock.c
only_in '\b(fork|vfork)\(\)' io/guard.c
complain 'core does no I/O' "$(grep -n -E '#include <(unistd|fcntl|sys/|poll|netinet)' core/*.[ch] || true)"
[ $bad = 0 ] && echo "layers: ok"
exit $bad
