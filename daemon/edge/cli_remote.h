/* SPDX-License-Identifier: Apache-2.0 */
/* Events of lambda-invoke to functions elsewhere, by the Invoke API of a daemon or of AWS. */
#ifndef EDGE_CLI_REMOTE_H
#define EDGE_CLI_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct aws;
struct aws_credentials;
struct cli_remote;
struct err;
struct event;
struct invoker;
struct loop;
struct sink;

struct cli_remote_deps {
	struct loop *loop;
	const char *endpoint;
	const char *function;
	int64_t timeout_us; /* of an event, with the way there and back; 0 = none */
	struct aws *aws;    /* to sign with; NULL = no signature */
	struct sink *log;   /* where the function's log goes, as far as the reply has it */
	/* As edge/supervisor.h; clock_us is the daemon's or AWS's own figure where the reply has it. */
	void (*measured)(void *ctx, const struct event *ev, int64_t clock_us, int64_t init_us, uint64_t memory);
	void *ctx;
};

/* Is it one of Amazon's hosts, where nothing works without a signature? */
bool cli_remote_is_amazon(const char *endpoint);

/* NULL with the reason. Borrows all of deps. */
struct cli_remote *cli_remote_new(const struct cli_remote_deps *deps, struct err *err) MUST_CHECK;
void cli_remote_free(struct cli_remote *r); /* NULL is fine; nothing is under way */
struct invoker *cli_remote_invoker(struct cli_remote *r);
/* To sign with these and none else. Takes a reference. */
void cli_remote_set_credentials(struct cli_remote *r, struct aws_credentials *credentials);

#endif
