#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tests/lint.sh MANPAGE... Formatting, shell scripts, static analysis, the manual pages, limits of the house style.
set -eu
cd "$(dirname "$0")/.."
tests/install-deps.sh lint
passed=0
failed=0

check() {
	name=$1
	shift
	if out=$("$@" 2>&1); then
		passed=$((passed + 1))
		echo "lint: $name ok"
	else
		failed=$((failed + 1))
		echo "lint: $name failed"
		echo "$out" | head -40
	fi
}

sources() {
	git ls-files --cached --others --exclude-standard "$@"
}

file_lengths() {
	sources 'daemon/*.[ch]' 'tests/*.c' 'tests/*.py' 'echo-runtime/*.c' | xargs wc -l |
		awk '$2 != "total" && $1 > 600 { print $2 " has " $1 " lines, 600 are the limit"; bad = 1 } END { exit bad }'
}

# shellcheck disable=SC2046
{
	check format clang-format-14 --dry-run -Werror $(sources '*.[ch]')
	check shell shellcheck -x -P SCRIPTDIR $(sources '*.sh' '.ci/run' 'echo-runtime/bootstrap')
	check cppcheck cppcheck -q --error-exitcode=1 --enable=warning,portability --inline-suppr --std=c11 \
		--suppress=unknownMacro --suppress=ctuuninitvar -Idaemon $(sources 'daemon/*.c')
}
check mandoc mandoc -T lint -W warning "$@"
check lengths file_lengths
echo "lint: $passed passed, $failed failed"
[ $failed = 0 ]
