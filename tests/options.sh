#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every environment variable of the tables in edge/config.c and edge/{aws,proxy,url,sqs_event}_settings.c stands in the README's
# tables, and the other way about.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -n 's/^	{ "\([A-Z_]*\)", [A-Z_0-9]*, AT(.*/\1/p' daemon/edge/config.c >"$work/config"
sed -n '/NULL },$/d; s/^	{ "\([A-Z_0-9]*\)", AT(.*/\1/p' daemon/edge/aws_settings.c >"$work/aws"
sed -n '/NULL },$/d; s/^	{ "\([A-Z_0-9]*\)", [A-Z_]*, AT(.*/\1/p' daemon/edge/proxy_settings.c >"$work/proxy"
sed -n 's/^	{ "\([A-Z_]*\)", [A-Z]*, AT(.*/\1/p' daemon/edge/url_settings.c >"$work/url"
sed -n 's/^	{ "\([A-Z_]*\)", [A-Z]*, AT(.*/\1/p' daemon/edge/sqs_event_settings.c >"$work/sqs_event"
sort -u "$work/config" "$work/aws" "$work/proxy" "$work/url" "$work/sqs_event" >"$work/code"
sed -n '/^| variable | default | meaning |/,/^$/s/^| \([A-Z_0-9]*\) |.*/\1/p' README.md | sort >"$work/readme"
for table in config aws proxy url sqs_event; do
	test -s "$work/$table" || { echo "options: no table found ($table)"; exit 1; }
done
if ! diff "$work/code" "$work/readme" >"$work/diff"; then
	echo "options: the sources' tables (<) and README.md (>) differ:"
	grep '^[<>]' "$work/diff"
	exit 1
fi
# Nothing reads the environment behind the table's back.
if grep -rn 'getenv(' daemon --include='*.c' | grep -v -e 'edge/config.c' -e 'edge/aws_settings.c' -e 'edge/proxy_settings.c' -e 'edge/env_table.c' -e 'edge/command.c:.*_HANDLER'; then
	echo "options: getenv outside the table"
	exit 1
fi
echo "options: ok"
