/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events through a function, wherever it runs: read, invoked, a bounded number at a time, their ends told in the order in
 * which they were read. Memory does not grow with the stream.
 */
#ifndef EDGE_CLI_RUN_H
#define EDGE_CLI_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct cli_args;
struct cli_context;
struct cli_print;
struct cli_run;
struct err;
struct event;
struct invoker;
struct loop;
struct profile;

struct cli_run_deps {
	struct loop *loop;
	const struct cli_args *args;
	const struct cli_context *context;
	struct invoker *invoker;
	struct cli_print *print;
	struct profile *profile;
	const char *arn;	     /* of the function; NULL = none is known */
	const char *function;	     /* its name; NULL = the configured one */
	unsigned at_once;	     /* events that are invoked and not yet done */
	void (*finished)(void *ctx); /* the input is at its end and everything is printed; never from inside */
	void *ctx;
};

/* Opens the input. NULL with the reason. Borrows all of deps. */
struct cli_run *cli_run_new(const struct cli_run_deps *deps, struct err *err) MUST_CHECK;
void cli_run_free(struct cli_run *r); /* cancels what is under way; NULL is fine */
void cli_run_start(struct cli_run *r);
/* No new events. Those that run may end; the second time they are given up. */
void cli_run_interrupt(struct cli_run *r);
void cli_run_resume(struct cli_run *r); /* there is space for output again */
/* The figures of the event whose end follows; ran: a runtime had it. */
void cli_run_measured(struct cli_run *r, const struct event *ev, bool ran, int64_t clock_us, int64_t init_us,
		      uint64_t memory);
int cli_run_exit_code(const struct cli_run *r);
/* Something may run on that nobody waits for. */
bool cli_run_gave_up(const struct cli_run *r);
int64_t cli_run_elapsed_us(const struct cli_run *r);

#endif
