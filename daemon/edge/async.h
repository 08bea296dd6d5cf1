/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous invocations (type Event) of the function on this machine, in front of the invoker that runs the others: 202
 * as soon as the event is safe, then attempts, retries, and the result to its destinations (core/async_queue.h,
 * edge/async_spool.h, edge/async_delivery.h).
 *
 * Of the environments, events take as many as there are, but stand in one line with everybody else: at most one for each
 * environment waits for a runtime at any time.
 */
#ifndef EDGE_ASYNC_H
#define EDGE_ASYNC_H

#include "base/attr.h"

struct amqp_settings;
struct async;
struct children;
struct config;
struct err;
struct guard;
struct invoker;
struct loop;

struct async_deps {
	struct loop *loop;
	struct children *children;
	struct guard *guard; /* NULL = none */
	const struct config *cfg;
	const struct amqp_settings *amqp;
	struct invoker *inner;
	/* After async_drain(), maybe from inside: no further attempts are made. Without a spool all is delivered, too, or out
	 * of time. */
	void (*quiet)(void *ctx);
	void *ctx;
};

/* Reads what an earlier daemon left. NULL with the reason in err. Borrows all of deps. */
struct async *async_new(const struct async_deps *deps, struct err *err) MUST_CHECK;
/* Says what is kept or lost. When nobody calls the invoker any more, and before the inner one goes; NULL is fine. */
void async_free(struct async *a);
struct invoker *async_invoker(struct async *a);
void async_start(struct async *a); /* when everything listens */
/* No new events. With a spool nothing is begun any more; without one there is a little time for all that was accepted. */
void async_drain(struct async *a);
unsigned async_busy(const struct async *a); /* > 0: after the drain something is still on its way */

#endif
