/* SPDX-License-Identifier: Apache-2.0 */
/* Options and words of lambda-invoke. */
#include "edge/cli_args.h"

#include <getopt.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

enum long_only {
	OPT_JSON = 256,
	OPT_HANDLER,
	OPT_CONCURRENCY,
	OPT_COMPAT,
	OPT_REPORT,
	OPT_TEMPLATE,
	OPT_ENDPOINT,
	OPT_FUNCTION,
	OPT_SIGN,
	OPT_TERMINAL,
	OPT_VERSION,
};

static const char short_options[] = ":hst:vr:c:";

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "stream", no_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "role", required_argument, NULL, 'r' },
	{ "context", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "handler", required_argument, NULL, OPT_HANDLER },
	{ "concurrency", required_argument, NULL, OPT_CONCURRENCY },
	{ "compat", no_argument, NULL, OPT_COMPAT },
	{ "report", required_argument, NULL, OPT_REPORT },
	{ "event-template", required_argument, NULL, OPT_TEMPLATE },
	{ "endpoint", required_argument, NULL, OPT_ENDPOINT },
	{ "function", required_argument, NULL, OPT_FUNCTION },
	{ "sign", no_argument, NULL, OPT_SIGN },
	{ "terminal", no_argument, NULL, OPT_TERMINAL },
	{ NULL, 0, NULL, 0 },
};

static int set_timeout(struct cli_args *args, const char *value, struct err *err)
{
	if (!text_to_us(value, &args->timeout_us)) {
		return err_set(err, 2, "-t %.100s: not allowed; expected seconds, 0 = no timeout", value);
	}
	args->timeout_given = true;
	return 0;
}

static int set_concurrency(struct cli_args *args, const char *value, struct err *err)
{
	if (!text_to_u64(value, 1, 1000, &args->concurrency)) {
		return err_set(err, 2, "--concurrency %.100s: not allowed; expected a whole number from 1 to 1000",
			       value);
	}
	return 0;
}

/* The options that are a switch or a text. false: it is none of these. */
static bool set_plain(struct cli_args *args, int option, const char *value)
{
	const struct {
		int option;
		bool *on;
		const char **text;
	} plain[] = {
		{ 's', &args->stream, NULL },
		{ 'v', &args->verbose, NULL },
		{ OPT_JSON, &args->json, NULL },
		{ OPT_COMPAT, &args->compat, NULL },
		{ OPT_SIGN, &args->sign, NULL },
		{ OPT_TERMINAL, &args->terminal, NULL },
		{ 'r', NULL, &args->role },
		{ 'c', NULL, &args->context },
		{ OPT_HANDLER, NULL, &args->handler },
		{ OPT_REPORT, NULL, &args->report },
		{ OPT_TEMPLATE, NULL, &args->template },
		{ OPT_ENDPOINT, NULL, &args->endpoint },
		{ OPT_FUNCTION, NULL, &args->function },
	};

	for (size_t i = 0; i < countof(plain); i++) {
		if (plain[i].option == option && plain[i].on != NULL) {
			*plain[i].on = true;
			return true;
		}
		if (plain[i].option == option) {
			*plain[i].text = value;
			return true;
		}
	}
	return false;
}

static int set(struct cli_args *args, int option, char **argv, struct err *err)
{
	if (set_plain(args, option, optarg)) {
		return 0;
	}
	switch (option) {
	case 'h':
		args->action = CLI_HELP;
		return 0;
	case OPT_VERSION:
		args->action = CLI_VERSION;
		return 0;
	case 't':
		return set_timeout(args, optarg, err);
	case OPT_CONCURRENCY:
		return set_concurrency(args, optarg, err);
	case ':':
		return err_set(err, 2, "%.100s: a value is missing", argv[optind - 1]);
	default:
		return err_set(err, 2, "unknown option %.100s; --help shows what there is", argv[optind - 1]);
	}
}

/* emulambda's words: HANDLER EVENTFILE [CONTEXTFILE]. */
static int take_compat_words(struct cli_args *args, char **words, int count, struct err *err)
{
	static char python[][16] = { "python3", "-m", "awslambdaric" };
	const char *handler = count > 0 ? words[0] : "";

	if (count < 2 || count > 3) {
		return err_set(err, 2, "expected HANDLER EVENTFILE [CONTEXTFILE], not %d words", count);
	}
	if (strpbrk(handler, "/\\") != NULL) {
		return err_set(
			err, 1,
			"%.200s looks like the path of a Python file; expected an import path, module.function. "
			"Perhaps it is something like `%.100s`?",
			handler, "module.lambda_handler");
	}
	args->handler = handler;
	args->events = words[1];
	if (count == 3) {
		args->context = words[2];
	}
	if (args->command[0] == NULL && args->endpoint == NULL) {
		for (size_t i = 0; i < countof(python); i++) {
			args->own_command[i] = python[i];
		}
		args->own_command[countof(python)] = words[0];
		args->command = args->own_command;
	}
	return 0;
}

static int take_words(struct cli_args *args, char **words, int count, struct err *err)
{
	if (args->compat) {
		return take_compat_words(args, words, count, err);
	}
	if (count == 0) {
		return err_set(err, 2, "an EVENTFILE is expected, or - for standard input");
	}
	if (count > 1) {
		return err_set(err, 2, "%.200s: one EVENTFILE is expected; the COMMAND goes after --", words[1]);
	}
	args->events = words[0];
	return 0;
}

static int check(const struct cli_args *args, struct err *err)
{
	bool stdin_events = strcmp(args->events, "-") == 0;
	bool stdin_context = args->context != NULL && strcmp(args->context, "-") == 0;

	if (stdin_events && stdin_context) {
		return err_set(err, 2, "events and context cannot both be read from standard input");
	}
	if (args->terminal && (stdin_events || stdin_context)) {
		return err_set(err, 2, "--terminal gives standard input to the function; expected a file, not -");
	}
	if (args->terminal && args->concurrency > 1) {
		return err_set(err, 2, "--terminal is for one runtime; expected no --concurrency");
	}
	if (args->endpoint != NULL && (args->command[0] != NULL || args->terminal)) {
		return err_set(err, 2,
			       "--endpoint: the function runs elsewhere; expected neither COMMAND nor --terminal");
	}
	if (args->endpoint == NULL && (args->sign || args->function != NULL)) {
		return err_set(err, 2, "--sign and --function belong to --endpoint");
	}
	return 0;
}

static bool named(const char *program, const char *name)
{
	const char *slash = strrchr(program, '/');

	return strcmp(slash != NULL ? slash + 1 : program, name) == 0;
}

int cli_args_parse(struct cli_args *args, int argc, char **argv, struct err *err)
{
	int count = 1;
	int option;

	memset(args, 0, sizeof(*args));
	args->compat = argc > 0 && named(argv[0], "emulambda");
	while (count < argc && strcmp(argv[count], "--") != 0) {
		count++;
	}
	args->command = count < argc ? argv + count + 1 : args->own_command;
	opterr = 0;
	optind = 0; /* from the start, whatever was parsed before */
	while (count > 0 && (option = getopt_long(count, argv, short_options, long_options, NULL)) != -1) {
		if (set(args, option, argv, err) != 0) {
			return -1;
		}
		if (args->action != CLI_RUN) {
			return 0;
		}
	}
	if (args->template != NULL) {
		args->action = CLI_TEMPLATE;
		return 0;
	}
	if (take_words(args, argv + optind, count - optind, err) != 0) {
		return -1;
	}
	return check(args, err);
}

void cli_args_print_help(FILE *out)
{
	fputs("usage: lambda-invoke [OPTIONS] EVENTFILE|- [-- COMMAND [ARGS...]]\n"
	      "       emulambda [OPTIONS] HANDLER EVENTFILE|- [CONTEXTFILE] [-- COMMAND [ARGS...]]\n\n"
	      "Runs a Lambda function with one event, or with a stream of them, prints the results and, if asked "
	      "to,\n"
	      "what they took. COMMAND is the runtime, as for lambda-runtime-api-daemon; without one the first "
	      "executable\n"
	      "of /var/task/bootstrap, /opt/bootstrap and /var/runtime/bootstrap. emulambda, the second name of "
	      "this\n"
	      "program, takes: python3 -m awslambdaric HANDLER.\n\n"
	      "Options:\n"
	      "  -s, --stream            the input is a stream: one event on each line\n"
	      "  -t, --timeout SECONDS   of each event (default 300; 0 = none)\n"
	      "  -v, --verbose           time, billing and memory of each event, a summary of a stream\n"
	      "  -c, --context FILE      a JSON object: what the function finds in its context\n"
	      "  -r, --role ARN          a role to be assumed; the function gets its credentials\n"
	      "  --handler HANDLER       handler of the function\n"
	      "  --concurrency N         so many events of a stream at once (default 1)\n"
	      "  --json                  results that are strings are printed as JSON, with their quotes\n"
	      "  --report FILE           a page (HTML) with figures and drawings\n"
	      "  --event-template NAME   print an event to begin with (sqs, s3, apigateway, ...; list: all names)\n"
	      "  --endpoint URL          the function runs elsewhere: under a daemon, or on AWS (signed)\n"
	      "  --function NAME         which one it is there\n"
	      "  --sign                  sign for other endpoints than Amazon's, too\n"
	      "  --terminal              the function has the terminal: for debuggers\n"
	      "  --compat                arguments, output and exit codes of emulambda, whatever the program's name\n"
	      "  -h, --help, --version\n\n"
	      "Exit status: 0 success, 1 a function error, timeout or bad line, 2 usage or unreadable input.\n\n"
	      "Environment:\n",
	      out);
}
