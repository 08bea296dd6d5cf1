#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every environment variable of the table in edge/config.c stands in the README's table, and the other way about.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n 's/^	{ "\([A-Z_]*\)", [A-Z_0-9]*, AT(.*/\1/p' daemon/edge/config.c | sort >"$work/code"
sed -n '/^| variable | default | meaning |/,/^$/s/^| \([A-Z_]*\) |.*/\1/p' README.md | sort >"$work/readme"
test -s "$work/code" || { echo "options: no table found in daemon/edge/config.c"; exit 1; }
if ! diff "$work/code" "$work/readme" >"$work/diff"; then
	echo "options: daemon/edge/config.c (<) and README.md (>) differ:"
	grep '^[<>]' "$work/diff"
	exit 1
fi
# Nothing reads the environment behind the table's back.
if grep -rn 'getenv(' daemon --include='*.c' | grep -v -e 'edge/config.c' -e 'edge/command.c:.*_HANDLER'; then
	echo "options: getenv outside the table"
	exit 1
fi
echo "options: ok"
