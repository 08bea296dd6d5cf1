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
	--log-format)
		mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur")
		;;
	--runtime-api-address | --runtime-interface-emulator-address | --lambda-address | --user-address | --tcp | --listen)
		mapfile -t COMPREPLY < <(compgen -W '127.0.0.1: 0.0.0.0:' -- "$cur")
		__ltrim_colon_completions "$cur"
		compopt -o nospace
		;;
	--event-template)
		mapfile -t COMPREPLY < <(compgen -W "list $("$2" --event-template list 2>/dev/null | sed 's/ .*//')" -- "$cur")
		;;
	--concurrency | --endpoint | --function | --handler | --max-message | --ping | --ready-fd | --role | --timeout | -r | -t) ;;
	*)
		return 1
		;;
	esac
}

# words has --flag=value and HOST:PORT in one piece, COMP_WORDS as readline splits them: completes from words[$1] on.
_lambda_command() {
	local word joined n=0
	for word in "${words[@]:0:$1}"; do
		joined=
		while [[ $joined != "$word" ]] && ((n < COMP_CWORD)); do
			joined+=${COMP_WORDS[n++]}
		done
	done
	_command_offset "$n"
}

_lambda_program() {
	local cur prev words cword split
	_init_completion -s -n : || return
	_lambda_value "$prev" && return
	case $cur in
	-*) _lambda_flags "$1" ;;
	*) _filedir ;;
	esac
}

_lambda_broker() {
	local cur prev words cword split
	_init_completion -s -n : || return
	_lambda_value "$prev" && return
	case $prev in
	--tls-cert | --tls-key | --token-file | --ca-file)
		_filedir
		return
		;;
	esac
	case $cur in
	-*) _lambda_flags "$1" ;;
	*) ((cword > 1)) || mapfile -t COMPREPLY < <(compgen -W connect -- "$cur") ;;
	esac
}

# After -- there is the runtime's command.
_lambda_invoke() {
	local cur prev words cword split i
	_init_completion -s -n : || return
	for ((i = 1; i < cword; i++)); do
		if [[ ${words[i]} == -- ]]; then
			_lambda_command $((i + 1))
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
	local cur prev words cword split i
	_init_completion -s -n : || return
	for ((i = 1; i < cword; i++)); do
		case ${words[i]} in
		--log-level | --runtime-api-address | --runtime-interface-emulator-address) ((i++)) ;;
		-*) ;;
		*)
			_lambda_command "$i"
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
complete -F _lambda_program lambda-server proxy-lambda
complete -F _lambda_broker debug-broker
complete -F _lambda_invoke lambda-invoke emulambda
