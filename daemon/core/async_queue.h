/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of asynchronous invocations (AWS Lambda developer guide, "Invoking a function asynchronously"): how many there
 * may be, which one is tried next, when it is tried again, and when it is given up. Sans I/O; time is an argument
 * (microseconds, monotonic).
 *
 *	ACCEPTING -> READY -> RUNNING -> ENDED
 *	                ^--- WAITING <---'
 *
 * A function error counts as an attempt; after it the event waits for the retry delay, after the next one twice as long.
 * A throttle does not count: it waits for a second, then twice as long each time up to 5 minutes. An attempt that the
 * daemon's end prevented was none. An event that is too old is given up wherever it waits.
 */
#ifndef CORE_ASYNC_QUEUE_H
#define CORE_ASYNC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "core/invocation.h"

#define ASYNC_RETRIES_MAX 2
#define ASYNC_THROTTLE_LEVELS 10 /* 1 s, 2 s, ... 256 s, 300 s */
#define ASYNC_LEVELS (ASYNC_RETRIES_MAX + ASYNC_THROTTLE_LEVELS)

enum async_state {
	ASYNC_ACCEPTING, /* not safe yet */
	ASYNC_READY,
	ASYNC_RUNNING,
	ASYNC_WAITING, /* to be tried again */
	ASYNC_ENDED,   /* until it is removed: its destinations have to be told */
	ASYNC_STATES,  // keep last
};

enum async_condition {
	ASYNC_OPEN, /* it is tried again */
	ASYNC_SUCCESS,
	ASYNC_RETRIES_EXHAUSTED,
	ASYNC_AGE_EXCEEDED,
	ASYNC_CONDITIONS, // keep last
};

const char *async_condition_name(enum async_condition c); /* as invocation records have it; OPEN has none */

struct async_policy {
	unsigned max_retries;	/* at most ASYNC_RETRIES_MAX */
	int64_t retry_delay_us; /* before the first one */
	int64_t max_age_us;
	size_t max_events;
	size_t max_bytes;
};

/* Embedded by its owner. */
struct async_item {
	enum async_state state;
	unsigned attempts; /* that counted */
	int64_t accepted_us;
	/* private */
	struct list link; // of its state
	struct list age;  // async_queue::by_age, until it has ended
	int64_t due_us;
	unsigned throttles; /* in a row */
	size_t bytes;
};

struct async_queue {
	struct async_policy policy;
	struct list ready;		   // async_item::link
	struct list waiting[ASYNC_LEVELS]; // async_item::link; each by due_us, because all wait equally long
	struct list by_age;		   // async_item::age; by accepted_us
	unsigned count[ASYNC_STATES];
	size_t bytes; /* of all */
};

void async_queue_init(struct async_queue *q, const struct async_policy *policy);
unsigned async_queue_total(const struct async_queue *q);
/* Is there room for one more event of that size? Whoever brings events from before a restart does not ask. */
bool async_queue_has_room(const struct async_queue *q, size_t bytes) MUST_CHECK;
/* A new one: ACCEPTING, has its place. */
void async_queue_reserve(struct async_queue *q, struct async_item *item, size_t bytes);
/* It counts from now on: READY. */
void async_queue_admit(struct async_queue *q, struct async_item *item, int64_t now_us);
/* One from before a restart, of which attempts are known: READY or WAITING, or ENDED if no retry is left to it.
 * accepted_us may lie before all time. */
void async_queue_restore(struct async_queue *q, struct async_item *item, size_t bytes, unsigned attempts,
			 int64_t accepted_us, int64_t now_us);
/* One from before a restart that had ended. */
void async_queue_restore_ended(struct async_queue *q, struct async_item *item, size_t bytes, unsigned attempts);

/* The one to try now, RUNNING from here on; NULL = none. */
struct async_item *async_queue_take(struct async_queue *q, int64_t now_us);
/* How its attempt ended. ASYNC_OPEN: it is in the queue again; else it has ENDED. */
enum async_condition async_queue_settle(struct async_queue *q, struct async_item *item, enum outcome_kind kind,
					int64_t now_us) MUST_CHECK;
/* One that is too old: it has ENDED, ASYNC_AGE_EXCEEDED. NULL = no more of them. */
struct async_item *async_queue_expire(struct async_queue *q, int64_t now_us);
/* Its result is kept as well, for as long as it stays. */
void async_queue_grow(struct async_queue *q, struct async_item *item, size_t bytes);
/* Out of the queue, in whatever state but RUNNING. */
void async_queue_remove(struct async_queue *q, struct async_item *item);

/* When take() or expire() has something that it has not now; INT64_MAX = never. */
int64_t async_queue_next_us(const struct async_queue *q, int64_t now_us);
/* When it is tried again, of a WAITING one. */
int64_t async_item_wait_us(const struct async_item *item, int64_t now_us);

#endif
