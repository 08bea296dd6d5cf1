/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to run the function, whatever it came in by. A transport embeds a struct invocation in its own request,
 * fills in the event and submits it (core/dispatch.h).
 *
 * The completion contract: after dispatch_submit(d, inv) exactly one of these ends it: inv->ops->done is called once
 * (it may be within the submit), or the owner calls dispatch_cancel(d, inv). After either, core holds no pointer to it.
 *
 * An owner that takes answers in pieces sets ops->begin and ops->piece. If the runtime streams its answer, these come before
 * done(), which is the end in any case: a stream may still fail there (late errors, a runtime that stops in the middle,
 * the timeout). To everybody else a streamed answer is given whole, within the limit of a buffered one.
 */
#ifndef CORE_INVOCATION_H
#define CORE_INVOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/text.h"

struct blob;
struct invocation;
struct task;

/* AWS's invocation types. */
enum invocation_type { INVOKE_REQUEST_RESPONSE, INVOKE_EVENT, INVOKE_DRY_RUN };

/* What the runtime is given. Immutable once submitted; shared by reference, because an instance needs it for a
 * repeated /next when the invocation itself was cancelled. Strings are owned, NULL = not there. */
struct event {
	char id[UUID_LEN];
	struct blob *body;
	char *content_type;
	char *arn; /* with the qualifier the caller used */
	char *trace_id;
	char *client_context; /* decoded JSON */
	char *cognito_identity;
	char *tenant_id;
	char *function; /* the name asked for; NULL = the configured one */
	enum invocation_type type;
	bool want_tail;	     /* the caller asked for the log tail */
	bool unlimited;	     /* no timeout but in a drain: a debugger may hold the function for as long as it likes */
	int64_t deadline_ms; /* wall clock, to be shown to the runtime instead of the real one; 0 = the real one */
	/* private */
	unsigned refs;
};

struct event *event_new(void) MUST_CHECK; /* one reference, a fresh id, no body */
struct event *event_ref(struct event *ev);
void event_unref(struct event *ev); /* NULL is fine */

enum outcome_kind {
	OUTCOME_RESPONSE,
	OUTCOME_ERROR,	    /* the runtime's /error */
	OUTCOME_TOO_LARGE,  /* response over the limit */
	OUTCOME_INVALID,    /* the runtime answered in a way that cannot be passed on (truncated, unknown mode) */
	OUTCOME_EXIT,	    /* the runtime ended without an answer */
	OUTCOME_TIMEOUT,    /* function or init timeout */
	OUTCOME_INIT_ERROR, /* no runtime could be started or initialised */
	OUTCOME_THROTTLED,  /* the queue is full: never ran */
	OUTCOME_SHUTDOWN,   /* the daemon is ending: never ran */
	/* Of gateways, which pass invocations on: */
	OUTCOME_ACCEPTED,    /* Event or DryRun: taken */
	OUTCOME_NO_FUNCTION, /* there is no such function */
	OUTCOME_UNAVAILABLE, /* what it is passed on to cannot be reached, or lost it */
	OUTCOME_COUNT,	     // keep last
};

/* How an invocation ended. Everything is borrowed for the call of done(); take a reference to keep the body. */
struct outcome {
	enum outcome_kind kind;
	struct blob *body;	  /* NULL for THROTTLED and SHUTDOWN */
	const char *content_type; /* NULL = application/json; function URLs that stream: octets */
	const char *error_type;	  /* NULL unless there was an error that has one */
	bool streamed;		  /* begin() was called: body is NULL, or the document of what made the stream fail */
	struct blob *log_tail;	  /* START..REPORT text, at most 4 KB; NULL unless asked for */
	const char *id;		  /* that the function saw; NULL = the event's */
	const char *version;	  /* that was executed; NULL = the configured one */
};

bool outcome_is_function_error(enum outcome_kind kind); /* HTTP 200 with X-Amz-Function-Error */
const char *outcome_name(enum outcome_kind kind);	/* "success", "timeout", ...: metrics and logs */

struct invocation_ops {
	void (*done)(struct invocation *inv, const struct outcome *out);
	/* Both or none. begin(): the answer has begun; of head only content_type means anything. */
	void (*begin)(struct invocation *inv, const struct outcome *head);
	void (*piece)(struct invocation *inv, const char *data, size_t len); /* borrowed; may pause */
};

enum inv_state { INV_NEW, INV_QUEUED, INV_RUNNING, INV_DONE, INV_COUNT /* keep last */ };

struct invocation {
	const struct invocation_ops *ops;
	struct event *event; /* one reference, from invocation_init */
	bool bounded;	     /* its transport bounds how many there are: max_pending does not count for it */
	bool no_return;	     /* nobody would take it back: it is run in a drain, too */
	/* private */
	enum inv_state state;
	struct list link;  // dispatch::pending
	struct task *task; /* RUNNING: what it is in its environment */
};

void invocation_init(struct invocation *inv, const struct invocation_ops *ops, struct event *ev); /* ev is moved */
/* Between begin() and done(): let the runtime wait with the rest of its answer, or go on. A few pieces may still come that
 * were on their way. */
void invocation_pause(struct invocation *inv, bool paused);
bool invocation_is_waiting(const struct invocation *inv); /* submitted, and no runtime has it yet */
void invocation_fini(struct invocation *inv);		  /* not while QUEUED or RUNNING */

#endif
