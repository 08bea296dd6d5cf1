/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of core/dispatch, shared by its two files: matching (dispatch.c) and endings (dispatch_end.c). */
#ifndef CORE_DISPATCH_PRIV_H
#define CORE_DISPATCH_PRIV_H

#include "core/dispatch.h"

struct dispatch {
	struct dispatch_config cfg;
	const struct dispatch_ops *ops;
	void *ctx;
	lifecycle_fn observer; /* NULL = nobody */
	void *observer_ctx;
	struct instance *instances;	  /* cfg.max_instances of them; unused slots are DEAD */
	struct list by_state[INST_COUNT]; // instance::link; IDLE: used last first
	unsigned count[INST_COUNT];
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

/* dispatch_end.c: every way an invocation or an instance ends. */
/* Takes it off the queue or its instance: core forgets it. */
void release_invocation(struct dispatch *d, struct invocation *inv);
void end_invocation(struct dispatch *d, struct invocation *inv, const struct outcome *out);
/* The instance's event has its outcome: reports, answers the caller if there is one still. */
void end_event(struct dispatch *d, struct instance *inst, enum outcome_kind kind, struct blob *body,
	       const char *content_type, const char *error_type, int64_t now_us);
/* Init failed with *f, or with the runtime's own document if body is not NULL. Before: inst is off STARTING/INIT. */
void end_failed_init(struct dispatch *d, struct instance *inst, enum outcome_kind kind, const struct fault *f,
		     struct blob *body, const char *content_type, int64_t now_us);
void stop_instance(struct dispatch *d, struct instance *inst, enum stop_reason why, int64_t now_us);
/* Everything but the runtimes that owe an answer. */
void stop_free_instances(struct dispatch *d, int64_t now_us);
void forget_event(struct instance *inst);

#endif
