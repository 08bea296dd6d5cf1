/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where lambda-invoke's events come from: a file, or standard input. Read only as far as somebody asks, and without ever
 * blocking the loop, so that a pipe that never ends works.
 */
#ifndef EDGE_CLI_INPUT_H
#define EDGE_CLI_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/lines.h"

struct cli_input;
struct err;
struct loop;

enum cli_input_result {
	CLI_INPUT_WAIT, /* there is nothing yet: on_ready will be called */
	CLI_INPUT_EVENT,
	CLI_INPUT_TOO_LONG,
	CLI_INPUT_END,
	CLI_INPUT_FAILED, /* it could not be read: the reason is in cli_input_error() */
};

/* path: "-" = standard input. stream: an event on each line, else the whole input is one. NULL with the reason. */
struct cli_input *cli_input_new(struct loop *loop, const char *path, bool stream, void (*on_ready)(void *ctx),
				void *ctx, struct err *err) MUST_CHECK;
void cli_input_free(struct cli_input *in); /* NULL is fine */
/* out is borrowed until the next call. */
enum cli_input_result cli_input_next(struct cli_input *in, struct line *out) MUST_CHECK;
const char *cli_input_error(const struct cli_input *in);
/* How much of it has been read, in bytes; *size is 0 where that is not known. */
uint64_t cli_input_read(const struct cli_input *in, uint64_t *size);

#endif
