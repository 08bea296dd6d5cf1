# SPDX-License-Identifier: Apache-2.0
# bash completion for lambda-runtime-api-daemon and the programs around it. -*- shell-script -*-

_lambda_flags() {
	mapfile -t COMPREPLY < <(compgen -W "--help --version $("$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | grep -vxE -- '--(help|version)' | sort -u)" -- "$cur")
}

_lambda_value() {
	case $1 in
	--log-level)
		mapfile -t COMPREPLY < <(compgen -W 'TRACE DEBUG INFO WARN ERROR' -- "$cur")
		;;
	--runtime-api-address | --runtime-interface-emulator-address)
		mapfile -t COMPREPLY < <(compgen -W '127.0.0.1: 0.0.0.0:' -- "$cur")
		compopt -o nospace
		;;
	--event-template)
		mapfile -t COMPREPLY < <(compgen -W "list $("$2" --event-template list 2>/dev/null | sed 's/ .*//')" -- "$cur")
		;;
	--concurrency | --endpoint | --function | --handler | --role | --timeout | -r | -t) ;;
	*)
		return 1
		;;
	esac
}

_lambda_program() {
	local cur prev words cword
	_init_completion -n : || return
	_lambda_value "$prev" && return
	case $cur in
	-*) _lambda_flags "$1" ;;
	*) _filedir ;;
	esac
}

# After -- there is the runtime's command.
_lambda_invoke() {
	local cur prev words cword i
	_init_completion -n : || return
	for ((i = 1; i < cword; i++)); do
		if [[ ${words[i]} == -- ]]; then
			_command_offset $((i + 1))
			return
		fi
	done
	_lambda_value "$prev" "$1" && return
	case $cur in
	-*) _lambda_flags "$1" ;;
	*) _filedir ;;
	esac
}

# The first word that is neither a flag nor its value is the runtime's command; what follows is completed as that does.
_lambda_daemon() {
	local cur prev words cword i
	_init_completion -n : || return
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--log-level | --runtime-api-address | --runtime-interface-emulator-address) ((i++)) ;;
		-*) ;;
		*)
			_command_offset "$i"
			return
			;;
		esac
	done
	_lambda_value "$prev" && return
	case $cur in
	-*) _lambda_flags "$1" ;;
	*) mapfile -t COMPREPLY < <(compgen -c -- "$cur") && _filedir ;;
	esac
}

complete -F _lambda_daemon lambda-runtime-api-daemon aws-lambda-rie
complete -F _lambda_program lambda-server proxy-lambda debug-broker
complete -F _lambda_invoke lambda-invoke emulambda
