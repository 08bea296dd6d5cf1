# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by every build.sh: leaves at once when OUT was already built from the same inputs.

# begin_build HERE OUT WORD...: inputs are every file in HERE and the WORDs: tool versions and the like.
# From then on all output goes to OUT/build.log, whose end is shown when the build fails.
begin_build() {
	local here=$1 out=$2

	shift 2
	mkdir -p "$(dirname "$out")"
	# Two test runs at once must not build into the same directory.
	exec 9>"$out.lock"
	flock 9
	stamp=$( (
		echo "$@"
		find "$here" "${BASH_SOURCE[0]}" -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
	) | sha256sum)
	if [ -f "$out/.stamp" ] && [ "$(cat "$out/.stamp")" = "$stamp" ]; then
		exit 0
	fi
	rm -rf "$out"
	mkdir -p "$out"
	exec 3>&2 >"$out/build.log" 2>&1
	# shellcheck disable=SC2064 # this OUT, as it is now
	trap "[ \$? = 0 ] || tail -n 50 '$out/build.log' >&3" EXIT
}

# end_build OUT: written last, so that a build that was interrupted is done again.
end_build() {
	echo "$stamp" >"$1/.stamp"
}

# need TOOL...
need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || {
			echo "$tool: not found (tests/install-deps.sh conformance installs it)" >&2
			exit 1
		}
	done
}
