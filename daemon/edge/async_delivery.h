/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the results of asynchronous invocations get to their destinations and dead-letter queues (core/async_target.h). What
 * fails for a reason that may pass is tried again, for as long as an event may be old: later and later, and one for all
 * that wait for the same destination.
 */
#ifndef EDGE_ASYNC_DELIVERY_H
#define EDGE_ASYNC_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "base/text.h"
#include "loop/loop.h"

struct amqp_settings;
struct async_targets;
struct aws_call;
struct blob;
struct buf;
struct children;
struct config;
struct err;
struct guard;
struct httpc_call;

enum async_slot { ASYNC_ON_SUCCESS, ASYNC_ON_FAILURE, ASYNC_DLQ, ASYNC_SLOTS /* keep last */ };

struct async_targets_deps {
	struct loop *loop;
	struct children *children;
	struct guard *guard; /* NULL = none */
	const struct config *cfg;
	const struct amqp_settings *amqp; /* when there is an AMQP_URI */
};

/* NULL with the reason in err. Borrows all of deps. */
struct async_targets *async_targets_new(const struct async_targets_deps *deps, struct err *err) MUST_CHECK;
void async_targets_free(struct async_targets *t); /* no delivery is left; NULL is fine */
bool async_targets_has(const struct async_targets *t, enum async_slot slot);
/* No further attempts; what is under way may end. */
void async_targets_stop(struct async_targets *t);
unsigned async_targets_active(const struct async_targets *t); /* under way right now */
/* Is any under way, or does one wait for a destination that has not failed? */
bool async_targets_hopeful(const struct async_targets *t);
void async_targets_render(const struct async_targets *t, struct buf *out);

enum delivery_phase { DELIVERY_NONE, DELIVERY_QUEUED, DELIVERY_ACTIVE };

/* Embedded by its owner, zeroed. All private. */
struct async_delivery {
	struct async_targets *home;
	struct list link; // target::queue or active
	enum async_slot slot;
	enum delivery_phase phase;
	uint64_t serial; /* of an attempt */
	char id[UUID_LEN];
	struct blob *body;
	unsigned error_code;
	char *error_message; /* NULL: body is an invocation record and not the event */
	int64_t until_us;
	struct aws_call *aws;
	struct httpc_call *http;
	void (*done)(void *ctx, bool delivered);
	void *ctx;
};

/* slot, id, body (moved), error_code, error_message (moved), done and ctx are set. done() follows, never from inside. */
void async_delivery_start(struct async_targets *t, struct async_delivery *d);
void async_delivery_cancel(struct async_delivery *d); /* idempotent */

#endif
