/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of core/dispatch, shared by its files: matching (dispatch.c), endings (dispatch_end.c), the parties of an
 * environment (dispatch_env.c), several events in one (dispatch_tasks.c), streams (dispatch_stream.c) and what the observer
 * is told (dispatch_tell.c). */
#ifndef CORE_DISPATCH_PRIV_H
#define CORE_DISPATCH_PRIV_H

#include "core/dispatch.h"

struct dispatch {
	struct dispatch_config cfg;
	const struct dispatch_ops *ops;
	void *ctx;
	lifecycle_fn observer; /* NULL = nobody */
	void *observer_ctx;
	const struct dispatch_watch *watch; /* NULL = nobody; dispatch_control.h */
	void *watch_ctx;
	struct instance *instances;	  /* cfg.max_instances of them; unused slots are DEAD */
	struct list by_state[INST_COUNT]; // instance::link; IDLE: used last first
	unsigned count[INST_COUNT];
	struct list open;    // instance::open: managed instances that are BUSY and take more; used last first
	struct list pending; // invocation::link
	size_t pending_count;
	unsigned init_failures; /* in a row */
	unsigned unasked_ends;	/* ends that a start has yet to make good */
	int64_t not_before_us;	/* back-off: no start earlier */
	int64_t next_us;	/* what ops->rearm was told */
	bool draining;
	bool told_drained;
	struct dispatch_stats stats;
};

/* The only writer of instance::state; moves the instance between lists and refuses impossible transitions. */
void inst_set_state(struct dispatch *d, struct instance *inst, enum inst_state to, int64_t now_us);
/* Have dispatch_tick called at that time or earlier. */
void dispatch_arm(struct dispatch *d, int64_t at_us);
/* Hand waiting invocations to idle instances, start what is missing. */
void dispatch_pump(struct dispatch *d, int64_t now_us);
/* A poll of the instance waits: its invocation, or its init, is over. */
void instance_back(struct dispatch *d, struct instance *inst, int64_t now_us);
unsigned dispatch_live(const struct dispatch *d);
/* Every external extension has registered. */
void start_runtime(struct dispatch *d, struct instance *inst, int64_t now_us);

/* dispatch_end.c: every way an invocation or an instance ends. */
/* Takes it off the queue or its instance: core forgets it. */
void release_invocation(struct dispatch *d, struct invocation *inv);
void end_invocation(struct dispatch *d, struct invocation *inv, const struct outcome *out);
/* The event of t has its outcome: reports, answers the caller if there is one still. a: what the runtime said;
 * NULL = nothing. */
void end_event(struct dispatch *d, struct task *t, const struct outcome *result, const char *error_type,
	       const struct answer *a, int64_t now_us);
/* Init failed with *f, or with the runtime's own document if body is not NULL. Before: inst is off STARTING/INIT. */
void end_failed_init(struct dispatch *d, struct instance *inst, enum outcome_kind kind, const struct fault *f,
		     struct blob *body, const char *content_type, int64_t now_us);
/* The runtime has given its answer for t. */
void take_answer(struct dispatch *d, struct task *t, const struct answer *a, int64_t now_us);
void stop_instance(struct dispatch *d, struct instance *inst, enum stop_reason why, int64_t now_us);
/* Everything but the runtimes that owe an answer, and the extensions that are at work. */
void stop_free_instances(struct dispatch *d, int64_t now_us);
/* What the runtime was given is not in its hands any more. */
void forget_events(struct instance *inst);
/* The events that inst owes an answer to end with a document of ours. */
void end_by_fault(struct dispatch *d, struct instance *inst, enum outcome_kind kind, const struct fault *f,
		  int64_t now_us);
/* Nothing of it runs any more? Then it is DEAD from now on. */
bool bury_if_gone(struct dispatch *d, struct instance *inst, int64_t now_us);
void check_drained(struct dispatch *d);

/* The event of t ends with a document of ours. */
void end_task_by_fault(struct dispatch *d, struct task *t, enum outcome_kind kind, const struct fault *f,
		       int64_t now_us);

/* dispatch_tasks.c: managed instances. */
static inline bool is_managed(const struct dispatch *d)
{
	return d->cfg.init_type == INIT_MANAGED;
}
/* Whatever decides about dispatch::open may have changed. */
void tasks_room_changed(struct dispatch *d, struct instance *inst);
/* How many of those that inst could take will soon be asked for, without anybody's doing. */
size_t tasks_expected(struct dispatch *d, const struct instance *inst, int64_t now_us);
/* t has been answered, by whomever. */
void tasks_over(struct dispatch *d, struct task *t, int64_t now_us);
/* Ends those that are past their time. */
void tasks_timed_out(struct dispatch *d, struct instance *inst, int64_t now_us);
/* Of all that run in inst; INT64_MAX = none. */
int64_t tasks_deadline(const struct instance *inst);

/* dispatch_env.c: extensions, completion by several parties, freezing. */
/* The runtime waits, or an extension has changed: everybody may be back. */
void env_settle(struct dispatch *d, struct instance *inst, int64_t now_us);
/* As above, but for what follows from it (dispatch_pump). */
void env_settle_only(struct dispatch *d, struct instance *inst, int64_t now_us);
/* The event of t goes to those of its environment's extensions that take INVOKE, too. */
void env_invoke(const struct task *t);
/* Those that are idle after a pump. */
void env_freeze_idle(struct dispatch *d, int64_t now_us);
void env_freeze(struct dispatch *d, struct instance *inst, int64_t now_us);
void env_thaw(struct dispatch *d, struct instance *inst, int64_t now_us);
/* A party of the environment has failed: it ends as a whole. */
void env_fail(struct dispatch *d, struct instance *inst, const struct fault *f, int64_t now_us);
/* Sets what the end of inst takes: the order is the runtime, then env_shutdown(), then whatever is left at the deadline. */
void env_begin_stop(struct dispatch *d, struct instance *inst, enum stop_reason why, int64_t now_us);
void env_shutdown(struct dispatch *d, struct instance *inst, int64_t now_us);
void env_kill_left(struct dispatch *d, struct instance *inst);
/* The text of an init timeout, with the extension that was waited for. */
void env_init_timeout(const struct dispatch *d, const struct instance *inst, struct fault *f);

/* dispatch_stream.c: answers in pieces. */
/* Whoever waited has gone, and does not hold the runtime up any more. */
void stream_release(const struct task *t);
/* t has its outcome. */
void stream_over(struct task *t);

/* dispatch_control.c: who wants to know about each invocation. error_type: NULL = there is none. */
void watch_queued(struct dispatch *d, const struct event *ev);
void watch_ended(struct dispatch *d, const struct event *ev, const struct outcome *out, const char *error_type);
void watch_cancelled(struct dispatch *d, const struct event *ev);

/* dispatch_restore.c: SnapStart. */
/* The oldest that waits; false: it has lost its connection meanwhile. */
bool restore_one(struct dispatch *d, int64_t now_us);
void restore_poll_gone(struct dispatch *d, struct instance *inst, int64_t now_us);
/* It is over; error_type NULL = well. */
void restore_end(struct dispatch *d, struct instance *inst, enum lifecycle_status status, const char *error_type,
		 int64_t now_us);

/* dispatch_tell.c: what the observer and ops->finished are told. */
void tell(struct dispatch *d, struct instance *inst, enum lifecycle_kind kind, int64_t now_us);
void tell_restore(struct dispatch *d, struct instance *inst, enum lifecycle_kind kind, enum lifecycle_status status,
		  const char *error_type, int64_t now_us);
void tell_init_runtime_done(struct dispatch *d, struct instance *inst, enum lifecycle_status status,
			    const char *error_type, int64_t now_us);
/* Init is over. Nothing is told twice, so that any failure may call it. */
void tell_init_end(struct dispatch *d, struct instance *inst, enum lifecycle_status status, const char *error_type,
		   int64_t now_us);
void tell_start(struct dispatch *d, const struct task *t);
/* r is the event's report, a the runtime's answer (NULL: there was none). later: ops->finished is called by wrap_up(). */
void wrap_begin(struct task *t, const struct report *r, const struct answer *a, bool later);
/* What inst has answered has not come to its end in time. */
void wrap_late(struct instance *inst);
/* A /next has followed what inst has answered. */
void wrap_runtime_done(struct dispatch *d, struct instance *inst, int64_t now_us);
void tell_fault(struct dispatch *d, const struct task *t, const struct fault *f, int64_t now_us);
/* Whatever is yet to be told about events that have their outcome; idempotent. */
void wrap_up(struct dispatch *d, struct instance *inst, int64_t now_us);
void wrap_up_task(struct dispatch *d, struct task *t, int64_t now_us);

#endif
