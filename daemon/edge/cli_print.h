/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lambda-invoke says: results on stdout, all else on stderr (as emulambda: all on stdout), and how far a long stream
 * has come, on a terminal.
 */
#ifndef EDGE_CLI_PRINT_H
#define EDGE_CLI_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/invocation.h"
#include "core/profile.h"

struct blob;
struct cli_args;
struct cli_print;
struct line;
struct sink;

#define CLI_HEAD 65

/* One event that has its end. */
struct cli_result {
	uint64_t number; /* of the event, from 1 */
	uint64_t line;
	char head[CLI_HEAD + 1]; /* how its text begins */
	bool head_cut;
	enum outcome_kind kind;
	struct blob *body; /* NULL = none */
	struct profile_run run;
};

/* what: the function's name for the report. All borrowed. */
struct cli_print *cli_print_new(const struct cli_args *args, struct sink *out, struct sink *err, const char *what,
				double timeout_s) MUST_CHECK;
void cli_print_free(struct cli_print *p); /* NULL is fine */

void cli_print_result(struct cli_print *p, const struct cli_result *r);
void cli_print_head(const struct line *line, struct cli_result *r); /* fills in how it begins */
/* A line that is no event. */
void cli_print_bad_line(struct cli_print *p, const struct line *line, const char *why);
void cli_print_note(struct cli_print *p, const char *fmt, ...) PRINTF(2, 3);
/* For text that stands in the report's place. */
void cli_print_report(struct cli_print *p, const char *text);
void cli_print_progress(struct cli_print *p, const struct profile *profile, int64_t elapsed_us, uint64_t done,
			uint64_t size);
bool cli_print_full(struct cli_print *p);

/* The error type of an error document; "" = none. Returns out. */
const char *cli_error_type(const struct blob *body, char *out, size_t size);

#endif
