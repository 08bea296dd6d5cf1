/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy-lambda: a runtime that is deployed in place of a function and hands each event to the machine where the function is
 * debugged: purge what is left on the response queue, send the event to the request queue, wait for the response until
 * shortly before the deadline, return it. The other end is the daemon's SQS bridge or another emulator of the same message
 * format. Several of these may share the queues when the other end is the daemon: responses carry the id of their
 * request.
 */
#ifndef EDGE_PROXY_LAMBDA_H
#define EDGE_PROXY_LAMBDA_H

#include "base/attr.h"

struct aws;
struct err;
struct loop;
struct proxy_lambda;
struct proxy_settings;

struct proxy_deps {
	struct loop *loop;
	const struct proxy_settings *settings;
	struct aws *aws;
	/* The Runtime API cannot be reached any more. */
	void (*failed)(void *ctx, const char *reason);
	void (*drained)(void *ctx); /* after proxy_lambda_drain(), maybe within it */
	void *ctx;
};

struct proxy_lambda *proxy_lambda_new(const struct proxy_deps *deps, struct err *err) MUST_CHECK; /* borrows all */
void proxy_lambda_free(struct proxy_lambda *p);							  /* NULL is fine */
void proxy_lambda_start(struct proxy_lambda *p); /* asks for the first event */
void proxy_lambda_drain(struct proxy_lambda *p); /* ends the event at hand and asks for no more */

#endif
