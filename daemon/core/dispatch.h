/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matcher: a FIFO of waiting invocations, a bounded set of instances, and every deadline. Sans I/O: it asks the
 * world for things through struct dispatch_ops only, and time is an argument (microseconds, monotonic).
 *
 * Rules it keeps:
 * - FIFO. An event is handed to the idle instance that was used last, so that the others can retire.
 * - Exactly as many instances are started as there is work for: waiting invocations, less the instances that are on
 *   their way (starting, or just about to ask for their next event), within max_instances.
 * - The invoke timeout runs from hand-over, the init timeout from the start of the first process.
 * - A failed init ends every waiting invocation that no healthy or starting instance is left for. The next start then
 *   waits for a back-off that doubles with each failure in a row.
 * - A caller has its answer as soon as the runtime has given it; the environment is busy until its extensions are done.
 * - An environment whose runtime or extension fails ends as a whole: the runtime first, then the extensions, which have
 *   what is left of 2 s to react to SHUTDOWN.
 * - Managed instances (INIT_MANAGED): an environment gets up to max_tasks events at once, as many as it has /next open for;
 *   one that works already is filled up before another is used. A timeout ends the event for its caller and nothing
 *   else: the runtime is left alone, and told so when its answer comes (dispatch_was_late). An environment in which
 *   nothing runs and nobody asks for more is given up after the time that an init may take.
 * - Callbacks are called when the state is consistent, and may call back into dispatch.
 */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fault.h"
#include "core/instance.h"
#include "core/invocation.h"
#include "core/report.h"

enum stop_reason {
	STOP_TIMEOUT,	 /* function or init timeout, or it did not come back: kill at once */
	STOP_INIT_ERROR, /* it reported an init error and is expected to end by itself */
	STOP_RETIRE,	 /* idle for too long */
	STOP_SHUTDOWN,	 /* the daemon ends */
	STOP_FAILURE,	 /* an extension has failed, or the runtime has while extensions live on */
};

struct dispatch_ops {
	/* Launch the external extensions of inst: extension_add() for each, alive when its process runs. -1: one could
	 * not be, why is in *why. NULL: there never are any. */
	int (*launch)(void *ctx, struct instance *inst, struct fault *why);
	/* Launch the runtime of inst. 0, then dispatch_spawned() or dispatch_exited() follows (also from within);
	 * -1: it could not be started, why is in *why. */
	int (*start)(void *ctx, struct instance *inst, struct fault *why);
	/* End the runtime's processes; dispatch_exited() follows. */
	void (*stop)(void *ctx, struct instance *inst, enum stop_reason why);
	/* End those of an extension at once; dispatch_extension_exited() follows. May be NULL where launch is. */
	void (*kill)(void *ctx, struct instance *inst, struct extension *x);
	/* Stop all processes of inst where they stand, or let them go on. NULL unless config.freeze. */
	void (*freeze)(void *ctx, struct instance *inst, bool frozen);
	/* An event is about to be handed over: what the runtime has written so far belongs to what came before. */
	void (*handing)(void *ctx, struct instance *inst, const struct event *ev);
	/* It was. */
	void (*handed)(void *ctx, struct instance *inst, const struct event *ev);
	/* An event has its outcome; if no runtime got it (!r->handed), by the failed init of inst. Returns the log tail
	 * if the event wants one (one reference), else NULL. */
	struct blob *(*finished)(void *ctx, struct instance *inst, const struct report *r);
	/* Call dispatch_tick() at that time; INT64_MAX = no need. */
	void (*rearm)(void *ctx, int64_t at_us);
	/* The last instance is gone and drain was asked for. */
	void (*drained)(void *ctx);
	/* The runtime of inst ended, or hung up while it waited for an event: what comes next is another one, or a
	 * restarted one. */
	void (*lost)(void *ctx, struct instance *inst);
};

struct dispatch_config {
	unsigned max_instances;
	size_t max_pending;
	size_t max_response; /* bytes; for the text of Function.ResponseSizeTooLarge */
	size_t max_stream;   /* bytes of a streamed response */
	int64_t invoke_timeout_us;
	int64_t init_timeout_us;
	int64_t idle_timeout_us;  /* 0 = never */
	int64_t ready_timeout_us; /* extensions may keep the environment after an answer; -1 = until the deadline */
	bool freeze;		  /* idle environments */
	enum init_type init_type; /* INIT_SNAP_START: runtimes may ask for restore/next; INIT_MANAGED: see above */
	unsigned max_tasks;	  /* INIT_MANAGED: how many events an environment takes at once; else it is 1 */
};

#define DISPATCH_BUCKETS 14

/* Counters since start; read-only for others. */
struct dispatch_stats {
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t cancelled;
	uint64_t starts;
	uint64_t restarts; /* starts that replace one that ended unasked: exit, timeout, failed init */
	uint64_t duration_bucket[DISPATCH_BUCKETS + 1]; /* by dispatch_bucket_us; not cumulative; the last is +Inf */
	uint64_t duration_sum_us;
	uint64_t request_bytes;
	uint64_t response_bytes;
	uint64_t streams; /* answers that were passed on in pieces */
};

extern const int64_t dispatch_bucket_us[DISPATCH_BUCKETS];

struct dispatch;

struct dispatch *dispatch_new(const struct dispatch_config *cfg, const struct dispatch_ops *ops,
			      void *ctx) MUST_CHECK;
void dispatch_free(struct dispatch *d); /* no invocation and no live instance is left */
struct instance *dispatch_instance(struct dispatch *d, unsigned slot); /* to attach the edge's data */
/* Who is told what happens in the environments; once, before the first start. */
void dispatch_observe(struct dispatch *d, lifecycle_fn fn, void *ctx);

/* --- callers --- */
/* Start a first instance ahead of any work. If its init fails: tried again, unless instances are started on demand. */
void dispatch_prestart(struct dispatch *d, int64_t now_us);
void dispatch_submit(struct dispatch *d, struct invocation *inv, int64_t now_us);
/* The owner lost interest: a queued one is never run, a running one runs on and its result is thrown away. */
void dispatch_cancel(struct dispatch *d, struct invocation *inv, int64_t now_us);

/* --- the Runtime API --- */
enum rt_verdict {
	RT_OK,
	RT_INVALID_ID,	  /* 400 InvalidRequestID */
	RT_INVALID_STATE, /* 403 InvalidStateTransition, from rt_state_name(inst->rt) */
};

struct answer {
	enum outcome_kind kind; /* RESPONSE, ERROR, TOO_LARGE or INVALID */
	struct blob *body;	/* borrowed; for TOO_LARGE and INVALID it is made here */
	const char *content_type;
	const char *error_type; /* normalised; for INVALID the type of the document; NULL = none */
	const char *error_text; /* for INVALID */
	size_t size;		/* bytes the runtime sent */
	int64_t begun_us;	/* when the first of them came; 0 = with the last */
};

/* RT_OK: p is parked, or was answered already. p->ops and nothing else is set by the caller. */
enum rt_verdict dispatch_poll(struct dispatch *d, struct instance *inst, struct poll *p, int64_t now_us) MUST_CHECK;
void dispatch_poll_gone(struct dispatch *d, struct instance *inst, struct poll *p, int64_t now_us);
/* Is this id the current one, and may it be answered now? What dispatch_answer would say, without doing it. */
enum rt_verdict dispatch_may_answer(const struct instance *inst, const char *id) MUST_CHECK;
/* After RT_INVALID_ID: was it answered with a timeout meanwhile (managed instances)? Says so once for an id. */
bool dispatch_was_late(struct instance *inst, const char *id);
enum rt_verdict dispatch_answer(struct dispatch *d, struct instance *inst, const char *id, const struct answer *a,
				int64_t now_us) MUST_CHECK;
/* The same two for an error: in a managed instance it may come while the answer is streamed, and cuts that off. */
enum rt_verdict dispatch_may_fail(const struct dispatch *d, const struct instance *inst, const char *id) MUST_CHECK;
enum rt_verdict dispatch_fail(struct dispatch *d, struct instance *inst, const char *id, const struct answer *a,
			      int64_t now_us) MUST_CHECK;
/* May be answered, and who waits takes it in pieces: then dispatch_begin() is allowed. */
bool dispatch_wants_stream(const struct instance *inst, const char *id);
/* Only u->ops is set by the caller. Until u->ops->over() or dispatch_finish() the answer is u's. */
void dispatch_begin(struct dispatch *d, struct instance *inst, const char *id, struct upload *u,
		    const char *content_type, int64_t now_us);
/* data: borrowed. false: that is too much; the event has ended with Function.ResponseSizeTooLarge, u is forgotten. */
bool dispatch_piece(struct dispatch *d, struct upload *u, const char *data, size_t len, int64_t now_us) MUST_CHECK;
/* a: RESPONSE, ERROR or INVALID; its body is the document of an error; size and begun_us are filled in here. */
void dispatch_finish(struct dispatch *d, struct upload *u, const struct answer *a, int64_t now_us);
/* body: borrowed; given verbatim to whoever waits. */
enum rt_verdict dispatch_init_error(struct dispatch *d, struct instance *inst, struct blob *body,
				    const char *content_type, const char *error_type, int64_t now_us) MUST_CHECK;

/* Moves the deadline of what inst works on, one event at a time; INT64_MAX = it has none while, say, a debugger is
 * attached. */
void dispatch_set_deadline(struct dispatch *d, struct instance *inst, int64_t at_us);

/* restore/next, as dispatch_poll. The runtime is restored when there is work for it, or by dispatch_restore(). */
enum rt_verdict dispatch_restore_poll(struct dispatch *d, struct instance *inst, struct poll *p,
				      int64_t now_us) MUST_CHECK;
/* As dispatch_init_error, which does the same for a runtime that is restoring. */
enum rt_verdict dispatch_restore_error(struct dispatch *d, struct instance *inst, struct blob *body,
				       const char *content_type, const char *error_type, int64_t now_us) MUST_CHECK;
/* Restores every environment that waits for it. Returns how many those were. */
unsigned dispatch_restore(struct dispatch *d, int64_t now_us);

/* --- the Extensions API --- */
/* EXT_OK: *out is the extension. May start the runtime. */
enum ext_verdict dispatch_register(struct dispatch *d, struct instance *inst, const char *name, unsigned events,
				   struct extension **out, int64_t now_us) MUST_CHECK;
/* EXT_OK: p is parked, or was answered already. */
enum ext_verdict dispatch_extension_poll(struct dispatch *d, struct instance *inst, struct extension *x,
					 struct ext_poll *p, int64_t now_us) MUST_CHECK;
/* init/error or exit/error: the environment is done for. */
enum ext_verdict dispatch_extension_error(struct dispatch *d, struct instance *inst, struct extension *x, bool init,
					  const char *error_type, int64_t now_us) MUST_CHECK;

/* --- processes --- */
void dispatch_spawned(struct dispatch *d, struct instance *inst, int64_t now_us);
void dispatch_extension_exited(struct dispatch *d, struct instance *inst, struct extension *x, bool signaled,
			       int code, int64_t now_us);
/* The processes of the runtime are gone. */
void dispatch_exited(struct dispatch *d, struct instance *inst, bool signaled, int code, int64_t now_us);

/* --- time, end, figures --- */
/* Is dispatch_tick() going to end inst, or what it works on, for being late? Whatever was sent in time comes first. */
bool dispatch_overdue(const struct instance *inst, int64_t now_us);
void dispatch_tick(struct dispatch *d, int64_t now_us);
/* No new work: what is queued ends with OUTCOME_SHUTDOWN (invocation::no_return: is run all the same), what runs may
 * finish, instances are stopped as they become free. ops->drained follows, possibly from within. Idempotent. */
void dispatch_drain(struct dispatch *d, int64_t now_us);
bool dispatch_can_work(
	const struct dispatch *d); /* readiness: idle or busy instances, or nothing was asked for yet */
size_t dispatch_pending(const struct dispatch *d);
unsigned dispatch_count(const struct dispatch *d, enum inst_state s);
const struct dispatch_stats *dispatch_stats(const struct dispatch *d);

#endif
