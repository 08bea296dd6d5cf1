/* SPDX-License-Identifier: Apache-2.0 */
/* The function of lambda-invoke on this machine: the daemon's own parts, without any way in but this one. */
#ifndef EDGE_CLI_LOCAL_H
#define EDGE_CLI_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct children;
struct cli_local;
struct config;
struct err;
struct event;
struct guard;
struct invoker;
struct loop;
struct sink;

struct cli_local_deps {
	struct loop *loop;
	struct children *children;
	struct guard *guard; /* NULL = none */
	struct sink *sink;   /* for the function's output */
	const struct config *cfg;
	bool terminal; /* edge/supervisor.h */
	void (*drained)(void *ctx);
	void (*measured)(void *ctx, const struct event *ev, bool ran, int64_t clock_us, int64_t init_us,
			 uint64_t memory);
	void *ctx;
};

/* NULL with the reason. Borrows all of deps. Nothing is started before the first event. */
struct cli_local *cli_local_new(const struct cli_local_deps *deps, struct err *err) MUST_CHECK;
void cli_local_free(struct cli_local *l); /* NULL is fine; ends what still runs */
struct invoker *cli_local_invoker(struct cli_local *l);
const char *cli_local_arn(const struct cli_local *l);
/* Ends the runtimes in order; deps.drained follows, possibly from within. */
void cli_local_drain(struct cli_local *l);
void cli_local_resume_output(struct cli_local *l); /* the sink has space */

#endif
