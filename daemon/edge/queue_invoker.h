/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invocations of functions that take them from AMQP queues (edge/amqp_rpc.h): the gateway's side. A function exists if its
 * queue does. Replies come to a queue of our own that outlives a lost connection, though not a restart of the broker.
 */
#ifndef EDGE_QUEUE_INVOKER_H
#define EDGE_QUEUE_INVOKER_H

#include "base/attr.h"
#include "edge/invoker.h"

struct amqp_settings;
struct config;
struct err;
struct loop;
struct queue_invoker;

struct queue_invoker_deps {
	struct loop *loop;
	const struct config *cfg;
	const struct amqp_settings *settings;
	/* The broker cannot be reached, and the attempts at the start are used up. */
	void (*failed)(void *ctx, const char *reason);
	void *ctx;
};

/* Connects from now on. Borrows all of deps. NULL with the reason in err. */
struct queue_invoker *queue_invoker_new(const struct queue_invoker_deps *deps, struct err *err) MUST_CHECK;
void queue_invoker_free(struct queue_invoker *q); /* no invocation is left */
struct invoker *queue_invoker_invoker(struct queue_invoker *q);
unsigned queue_invoker_running(const struct queue_invoker *q);

#endif
