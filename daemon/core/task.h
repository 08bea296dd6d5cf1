/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in an execution environment: a task is one event there, from its hand-over until the last was told about it.
 * An environment has a set of them; its size is how many events the runtime takes at once.
 *
 *	RUNNING: the runtime owes an answer -> ANSWERED: the next /next and the extensions may be yet to come
 */
#ifndef CORE_TASK_H
#define CORE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "core/invocation.h"

/* What is yet to be told about an event that has its outcome. */
struct wrap {
	struct event *event; /* one reference; NULL = nothing */
	enum outcome_kind kind;
	char error_type[80];
	int64_t handed_us;
	int64_t response_us; /* first byte of the answer, its last; -1 = there was none */
	int64_t answered_us;
	int64_t runtime_done_us; /* -1 = not yet */
	int64_t init_us;
	int64_t restore_us;
	size_t produced;
	bool report_due; /* ops->finished waits for the extensions too */
};

struct task;
struct upload;

/* An answer that is being streamed by the runtime. Embedded in the Runtime API's request. */
struct upload_ops {
	void (*pause)(struct upload *u, bool paused);
	/* The event has ended otherwise: core has forgotten u, and what comes yet is nobody's. */
	void (*over)(struct upload *u);
};

struct upload {
	const struct upload_ops *ops;
	/* private */
	struct task *task;
};

enum task_state { TASK_RUNNING, TASK_ANSWERED };

struct task {
	struct list link;    // task_set::all or task_set::spare
	struct list id_link; // task_set::by_id, while it has its event
	struct instance *inst;
	enum task_state state;
	struct event *event;	/* handed out; NULL once a /next has followed the answer; one reference */
	struct invocation *inv; /* who waits for it; NULL when answered or cancelled */
	int64_t handed_us;	/* when it was handed over */
	int64_t deadline_us;	/* of the answer; INT64_MAX = none */
	struct upload *upload;	/* its answer is on its way in pieces; NULL = not, or not any more */
	bool begun;		/* one of those has begun */
	int64_t begun_us;
	size_t streamed; /* bytes of it so far */
	struct wrap wrap;
};

/* Enough that a thousand events at once cost little, few enough that one alone does. */
#define TASK_BUCKETS 32

/* AWS's: so many late answers are told apart from those to unknown events. */
#define TASKS_LATE_MAX 1000

struct task_set {
	unsigned running;		 /* those that owe an answer */
	struct list all;		 // task::link, oldest hand-over first
	struct list by_id[TASK_BUCKETS]; // task::id_link
	struct list spare;		 // task::link; kept, so that an event allocates nothing
	char (*late)[UUID_LEN];		 /* ids of events that were given up, of a ring; NULL = there was none yet */
	unsigned late_next;
};

void task_set_init(struct task_set *set);
void task_set_fini(struct task_set *set);

/* inv is handed to inst: RUNNING from now on. */
struct task *task_begin(struct task_set *set, struct instance *inst, struct invocation *inv, int64_t now_us,
			int64_t deadline_us);
void task_answered(struct task_set *set, struct task *t);
/* Its event is not in the runtime's hands any more. t is gone after it unless its wrap is still open; so wherever nothing
 * is left of either. */
void task_forget(struct task_set *set, struct task *t);
void task_unwrap(struct task_set *set, struct task *t);

struct task *task_first(const struct task_set *set);   /* NULL: nothing runs */
struct task *task_running(const struct task_set *set); /* the first that owes an answer; NULL: none does */
struct task *task_find(const struct task_set *set, const char *id); /* whose event it is; NULL: none */

/* The event of t was given up, its answer may come all the same. */
void task_note_late(struct task_set *set, const struct task *t);
/* Is that what this id is? Says so once. */
bool task_take_late(struct task_set *set, const char *id);
void task_forget_late(struct task_set *set);

#endif
