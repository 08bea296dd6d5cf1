/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of lambda-invoke, and that of emulambda, whose habits it can take on. */
#ifndef EDGE_CLI_ARGS_H
#define EDGE_CLI_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"

struct err;

enum cli_action { CLI_RUN, CLI_HELP, CLI_VERSION, CLI_TEMPLATE };

/* Texts are borrowed from argv; NULL = not given. */
struct cli_args {
	enum cli_action action;
	bool compat; /* emulambda's arguments, output and exit codes */
	bool stream;
	bool verbose;
	bool json; /* strings keep their quotes */
	bool sign; /* calls of other endpoints than Amazon's, too */
	bool terminal;
	bool timeout_given;
	int64_t timeout_us; /* 0 = none */
	uint64_t concurrency;
	const char *role;
	const char *handler;
	const char *context;
	const char *endpoint;
	const char *function;
	const char *report;
	const char *template;
	const char *events; /* a path, or "-" */
	char **command;	    /* NULL terminated, may be empty */
	/* private */
	char *own_command[5];
};

/* 0, or -1 with the reason and the exit code. Changes argv. */
int cli_args_parse(struct cli_args *args, int argc, char **argv, struct err *err) MUST_CHECK;
void cli_args_print_help(FILE *out);

#endif
