/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has happened, for tests that ask afterwards: the last invocations with their results, the last telemetry events, how
 * often each thing happened. Bounded in number and in bytes; the oldest make room. Sans I/O: now_us is monotonic, wall_ms
 * Unix time.
 *
 * The life of an invocation: queued, running, answered (its caller has the outcome), finished (the runtime and its extensions
 * are done with it, too); or cancelled, when its caller left before a runtime had it.
 */
#ifndef CORE_CONTROL_JOURNAL_H
#define CORE_CONTROL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "core/lifecycle.h"

struct blob;
struct journal;

#define JOURNAL_CALLS 1000
#define JOURNAL_EVENTS 10000
#define JOURNAL_BYTES ((size_t)32 << 20) /* of bodies and of events, each */

enum call_state {
	CALL_QUEUED,
	CALL_RUNNING,
	CALL_ANSWERED,
	CALL_FINISHED,
	CALL_CANCELLED,
	CALL_STATE_COUNT /* keep last */
};

/* One invocation. Times in monotonic microseconds, -1 = has not happened. */
struct call {
	struct list link; // journal::calls
	char id[UUID_LEN];
	enum call_state state;
	bool abandoned; /* its caller left while it ran */
	bool ended;	/* it has an outcome */
	int slot;	/* that ran it; -1 = none */
	enum outcome_kind outcome;
	char error_type[80];
	char *arn;
	char *trace_id;
	struct blob *payload;
	struct blob *result; /* NULL = there is none */
	int64_t queued_ms;   /* wall clock */
	int64_t queued_us;
	int64_t started_us;
	int64_t answered_us;
	int64_t runtime_done_us;
	int64_t finished_us;
	int64_t init_us;
	int64_t extensions_us; /* that they took after the runtime was done; -1 = none takes INVOKE */
};

/* One telemetry event. */
struct capture {
	struct list link; // journal::events
	uint64_t seq;	  /* 1, 2, ...: never given twice */
	unsigned slot;
	char type[40]; /* "platform.report", "function", ... */
	char request_id[UUID_LEN];
	struct blob *text; /* the event as JSON */
};

/* How often; also names to wait for. */
enum journal_count {
	COUNT_INVOCATIONS, /* taken or refused */
	COUNT_ANSWERED,
	COUNT_FINISHED,
	COUNT_CANCELLED,
	COUNT_STARTS, /* of environments */
	COUNT_INITS,  /* that ended well */
	COUNT_INIT_FAILURES,
	COUNT_RESTORES,
	COUNT_FREEZES,
	COUNT_THAWS,
	COUNT_SHUTDOWNS, /* of environments with extensions: SHUTDOWN was sent */
	COUNT_ENDS,	 /* of environments */
	COUNT_EVENTS,	 /* captured */
	COUNT_COUNT,	 // keep last
};

/* The last init of an environment. */
struct journal_init {
	bool known;
	enum lifecycle_status status;
	char error_type[80];
	int64_t duration_us;
};

struct journal *journal_new(unsigned slots) MUST_CHECK;
void journal_free(struct journal *j);

void journal_queued(struct journal *j, const struct event *ev, int64_t now_us, int64_t wall_ms);
void journal_ended(struct journal *j, const struct event *ev, const struct outcome *out, const char *error_type,
		   int64_t now_us, int64_t wall_ms);
void journal_cancelled(struct journal *j, const struct event *ev, int64_t now_us);
void journal_lifecycle(struct journal *j, unsigned slot, const struct lifecycle *what);
/* text: {"time":..,"type":..,"record":..}; a reference is kept. */
void journal_event(struct journal *j, unsigned slot, struct blob *text);
void journal_clear_events(struct journal *j); /* sequence numbers go on */

const struct call *journal_call(const struct journal *j, const char *id); /* NULL: unknown, or too long ago */
const struct list *journal_calls(const struct journal *j);		  // call::link, oldest first
const struct list *journal_events(const struct journal *j);		  // capture::link, oldest first
uint64_t journal_next_seq(const struct journal *j);			  /* of the event that comes next */
uint64_t journal_dropped_events(const struct journal *j);		  /* for want of space */
uint64_t journal_count(const struct journal *j, enum journal_count which);
const struct journal_init *journal_init(const struct journal *j, unsigned slot);

const char *journal_count_name(enum journal_count which); /* "finished", ... */
const char *call_state_name(enum call_state s);

#endif
