/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One execution environment: a runtime process, with its extensions, that takes one event at a time; that of a managed
 * instance (AWS: Lambda Managed Instances) takes several.
 *
 * Two state machines. The life of the environment:
 *
 *	DEAD -> STARTING -> INIT -> IDLE <-> BUSY
 *	          |          |       |        |
 *	          +----------+-------+--------+--> STOPPING -> DEAD      (or at once to DEAD when the process ends)
 *
 *	SnapStart: INIT -> SNAPSHOT -> INIT (restoring) -> IDLE
 *
 *	IDLE: a /next is waiting. BUSY: it works on an event, or is between an answer and its next /next. A managed
 *	instance may have room for more while it is BUSY: dispatch::open.
 *
 * and the Runtime API's view of the runtime, in AWS's names, which decides what a call may do:
 *
 *	Started -> InitError | Ready -> Running [-> InvocationResponse] -> RuntimeResponseSentState -> Ready
 *	Started -> RestoreReady -> Restoring -> Ready | RuntimeRestoreErrorState
 *
 * That of a managed instance stays Ready from its first /next on: what it works on are tasks (core/task.h).
 *
 * Several parties share an environment: it is STARTING until all its external extensions have registered and the runtime
 * was started; it leaves INIT when runtime and extensions wait for their next event, BUSY when runtime and those that
 * take INVOKE do; it is STOPPING until the last process is gone.
 */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "core/extension.h"
#include "core/lifecycle.h"
#include "core/task.h"

struct event;
struct poll;

enum inst_state {
	INST_DEAD,
	INST_STARTING, /* asked for; the runtime's process does not run yet */
	INST_INIT,     /* the process runs, not everybody has asked for an event yet */
	INST_SNAPSHOT, /* initialised, waits to be restored */
	INST_IDLE,
	INST_BUSY,
	INST_STOPPING, /* told to end, not all are reaped yet */
	INST_COUNT,    // keep last
};

enum rt_state {
	RT_STARTED,
	RT_INIT_ERROR,
	RT_RESTORE_READY,
	RT_RESTORING,
	RT_RESTORE_ERROR,
	RT_READY,
	RT_RUNNING,
	RT_RESPONDING, /* with a stream */
	RT_RESPONDED,
	RT_COUNT, // keep last
};

struct instance {
	unsigned slot; /* 0.. : which Runtime API listener is its own */
	void *host;    /* the edge's data for this slot */
	/* private to core/dispatch.c and the edge's readers */
	enum inst_state state;
	enum rt_state rt;
	struct extension_set extensions;
	struct list link;      // dispatch::by_state[state]
	struct list open;      // dispatch::open
	struct list polls;     // poll::link, oldest first
	struct task_set tasks; /* what it works on */
	int64_t started_us;    /* start of the process */
	int64_t init_us;       /* its init duration; -1 once reported */
	int64_t restoring_us;  /* start of its restore */
	int64_t restore_us;    /* its duration; 0 = none, or reported */
	int64_t since_us;      /* when the current state was entered */
	int64_t ready_us;      /* managed: when its init was over */
	unsigned away;	       /* managed: answers that no /next has followed yet, as far as that can be told */
	int64_t deadline_us;   /* of init, coming back for the next event, or the end; INT64_MAX = none */
	int64_t late_us;       /* from then on the environment does not wait for its extensions; INT64_MAX = none */
	int64_t grace_us;      /* STOPPING: what the runtime has between SIGTERM and SIGKILL */
	const char *shutdown;  /* STOPPING: the reason that extensions are given */
	enum init_phase phase;
	bool runtime_alive; /* its process runs */
	bool init_told;	    /* LC_INIT_RUNTIME_DONE */
	bool init_reported; /* LC_INIT_REPORT */
	bool frozen;
	unsigned epoch; /* how often it was thawed */
};

const char *inst_state_name(enum inst_state s); /* lower case, for metrics and logs */
const char *rt_state_name(enum rt_state s);	/* AWS's spelling, part of the Runtime API's 403 text */

/* A waiting /next. Embedded in the Runtime API's request. */
struct poll_ops {
	/* Answers the poll with the event (NULL: a restore/next, go on); the poll is off every list and its owner forgets it.
	 * 0, or -1: the peer has gone and did not get a byte, so the event may be given to another. */
	int (*deliver)(struct poll *p, const struct event *ev, int64_t deadline_us);
};

struct poll {
	const struct poll_ops *ops;
	struct list link; // instance::polls
};

#endif
