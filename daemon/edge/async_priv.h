/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by edge/async.c (acceptance, attempts, life) and edge/async_end.c (what follows an event's end). */
#ifndef EDGE_ASYNC_PRIV_H
#define EDGE_ASYNC_PRIV_H

#include "core/async_queue.h"
#include "edge/async.h"
#include "edge/async_delivery.h"
#include "edge/async_spool.h"
#include "edge/invoker.h"

struct async {
	struct invoker invoker;
	struct async_deps deps;
	struct async_queue queue;
	struct async_targets *targets;
	struct async_spool *spool; /* NULL = none */
	struct list events;	   // async_event::all
	struct loop_timer pump;
	struct loop_timer limit; /* of a drain */
	bool draining;
	bool stopped; /* no further attempts */
	uint64_t accepted;
	uint64_t refused;
	uint64_t restored;
	uint64_t retries;
	uint64_t ended[ASYNC_CONDITIONS];
};

struct async_event {
	struct async_item item;
	struct spool_entry entry;
	struct async *home;
	struct list all;
	struct event *event;
	int64_t wall_ms;	   /* of its acceptance */
	struct invocation *caller; /* waits for the acceptance; NULL = nobody */
	struct invocation inv;	   /* of an attempt */
	/* how the last attempt ended */
	enum async_condition condition;
	bool ran;
	bool function_error;
	struct blob *response;
	struct async_delivery *deliveries; /* two; NULL = none yet */
	unsigned undelivered;
};

/* It will not be tried again: whoever wants to know is told. May free it. */
void async_event_end(struct async_event *ev, enum async_condition condition);
/* The same for one that had ended before a restart. */
void async_event_resume_end(struct async_event *ev);
/* Done with it, or it never was. */
void async_event_free(struct async_event *ev);
/* Its end, for the spool. */
void async_event_describe_end(const struct async_event *ev, struct journal_record *r);
void async_render(const struct async *a, struct buf *out);
void async_wake(struct async *a);

#endif
