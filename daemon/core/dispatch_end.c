/* SPDX-License-Identifier: Apache-2.0 */
/* Every way an invocation or an instance ends: answers, failures, deadlines, exits, drain. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "core/dispatch_priv.h"

/* The first retry of a failed init is free: the usual case is somebody who mends the function and tries again. */
static const int64_t backoff_first_us = 100 * 1000;
static const int64_t backoff_max_us = 2 * 1000 * 1000;
/* Time to come back with /next after an answer that came close to its deadline. */
static const int64_t return_min_us = 1000 * 1000;
/* What extensions have in a drain to be done with an event that was answered. */
static const int64_t drain_extensions_us = 2000 * 1000;

const int64_t dispatch_bucket_us[DISPATCH_BUCKETS] = {
	500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 5000000, 30000000, 900000000,
};

void forget_events(struct instance *inst)
{
	struct list *pos, *tmp;

	list_foreach_safe(&inst->tasks.all, pos, tmp) {
		task_forget(&inst->tasks, container_of(pos, struct task, link));
	}
}

void release_invocation(struct dispatch *d, struct invocation *inv)
{
	if (inv->state == INV_QUEUED) {
		list_unlink(&inv->link);
		d->pending_count--;
	} else if (inv->state == INV_RUNNING) {
		stream_release(inv->task);
		inv->task->inv = NULL;
		inv->task = NULL;
	}
	inv->state = INV_DONE;
}

void end_invocation(struct dispatch *d, struct invocation *inv, const struct outcome *out)
{
	release_invocation(d, inv);
	d->stats.outcomes[out->kind]++;
	if (out->body != NULL) {
		d->stats.response_bytes += out->body->len;
	}
	inv->ops->done(inv, out);
}

static void count_duration(struct dispatch *d, int64_t us)
{
	unsigned b = 0;

	while (b < DISPATCH_BUCKETS && us > dispatch_bucket_us[b]) {
		b++;
	}
	d->stats.duration_bucket[b]++;
	d->stats.duration_sum_us += (uint64_t)us;
}

void end_event(struct dispatch *d, struct task *t, const struct outcome *result, const char *error_type,
	       const struct answer *a, int64_t now_us)
{
	struct instance *inst = t->inst;
	struct invocation *inv = t->inv;
	struct report r = {
		.event = t->event,
		.kind = result->kind,
		.error_type = error_type,
		.duration_us = now_us - t->handed_us,
		.init_us = inst->init_us,
		.restore_us = inst->restore_us,
		.handed = true,
	};
	struct outcome out = *result;
	/* A report with the extensions' time in it waits for them. */
	bool later = inst->extensions.invoke_count > 0;

	inst->init_us = -1;
	inst->restore_us = 0;
	if (is_managed(d)) {
		inst->away++;
	} else {
		inst->rt = RT_RESPONDED;
	}
	inst->since_us = now_us;
	out.error_type = error_type;
	out.streamed = t->begun;
	stream_over(t);
	task_answered(&inst->tasks, t);
	count_duration(d, r.duration_us);
	if (later || d->observer != NULL) {
		wrap_begin(t, &r, a, later);
	}
	watch_ended(d, t->event, &out, error_type);
	/* Only a caller that wants the log has to wait for it to be collected. */
	if (inv != NULL && !r.event->want_tail) {
		end_invocation(d, inv, &out);
		inv = NULL;
	}
	if (!later || r.event->want_tail) {
		r.part = later ? REPORT_TAIL : REPORT_WHOLE;
		out.log_tail = d->ops->finished(d->ctx, inst, &r);
	}
	if (inv != NULL) {
		end_invocation(d, inv, &out);
	}
	blob_unref(out.log_tail);
	if (a == NULL || is_managed(d)) {
		wrap_up_task(d, t, now_us);
	}
}

/* A queued invocation that no runtime will get, because the init of inst has failed. */
static void end_queued(struct dispatch *d, struct instance *inst, struct invocation *inv, enum outcome_kind kind,
		       const struct fault *f, struct blob *body, const char *content_type, int64_t init_us)
{
	struct blob *own = body != NULL ? blob_ref(body) : fault_body(f, inv->event->id);
	struct outcome out = { .kind = kind, .body = own, .content_type = content_type };
	struct report r = { .event = inv->event, .kind = kind, .error_type = f->type, .init_us = init_us };

	out.log_tail = d->ops->finished(d->ctx, inst, &r);
	watch_ended(d, inv->event, &out, f->type);
	end_invocation(d, inv, &out);
	blob_unref(out.log_tail);
	blob_unref(own);
}

static int64_t backoff_us(unsigned failures)
{
	int64_t wait = backoff_first_us;

	if (failures < 2) {
		return 0;
	}
	for (unsigned i = 2; i < failures && wait < backoff_max_us; i++) {
		wait *= 2;
	}
	return wait < backoff_max_us ? wait : backoff_max_us;
}

void end_failed_init(struct dispatch *d, struct instance *inst, enum outcome_kind kind, const struct fault *f,
		     struct blob *body, const char *content_type, int64_t now_us)
{
	int64_t init_us = now_us - inst->started_us;
	unsigned healthy = d->count[INST_IDLE] + d->count[INST_BUSY] + d->count[INST_SNAPSHOT];

	d->init_failures++;
	d->unasked_ends++;
	d->not_before_us = now_us + backoff_us(d->init_failures);
	while (healthy == 0 &&
	       d->pending_count > (size_t)(d->count[INST_STARTING] + d->count[INST_INIT]) * d->cfg.max_tasks) {
		struct invocation *inv = list_first(&d->pending, struct invocation, link);

		end_queued(d, inst, inv, kind, f, body, content_type, init_us);
		init_us = -1; /* one init, one report of it */
	}
}

void stop_instance(struct dispatch *d, struct instance *inst, enum stop_reason why, int64_t now_us)
{
	wrap_up(d, inst, now_us);
	env_thaw(d, inst, now_us);
	env_begin_stop(d, inst, why, now_us);
	inst_set_state(d, inst, INST_STOPPING, now_us);
	if (inst->runtime_alive) {
		d->ops->stop(d->ctx, inst, why);
	} else {
		env_shutdown(d, inst, now_us);
	}
}

enum rt_verdict dispatch_may_answer(const struct instance *inst, const char *id)
{
	const struct task *t = task_find(&inst->tasks, id);

	if (t == NULL) {
		return RT_INVALID_ID;
	}
	return t->state == TASK_RUNNING && !t->begun ? RT_OK : RT_INVALID_STATE;
}

/* What is left to come back with /next, and for the extensions to be done. */
static void limit_return(struct dispatch *d, const struct task *t, int64_t now_us)
{
	struct instance *inst = t->inst;
	int64_t least = now_us + return_min_us;

	if (inst->extensions.invoke_count > 0 && d->cfg.ready_timeout_us >= 0) {
		inst->late_us = now_us + d->cfg.ready_timeout_us;
		least = inst->late_us + return_min_us;
		dispatch_arm(d, inst->late_us);
	}
	inst->deadline_us = t->event->unlimited || t->deadline_us == INT64_MAX ? now_us + d->cfg.init_timeout_us
									       : t->deadline_us;
	if (inst->deadline_us < least) {
		inst->deadline_us = least;
	}
	dispatch_arm(d, inst->deadline_us);
}

void take_answer(struct dispatch *d, struct task *t, const struct answer *a, int64_t now_us)
{
	struct outcome out = { .kind = a->kind, .content_type = a->content_type };
	struct instance *inst = t->inst;
	const char *error_type = a->error_type;
	struct fault f;

	if (a->kind == OUTCOME_TOO_LARGE) {
		out.body = fault_too_large_body(a->size, t->begun ? d->cfg.max_stream : d->cfg.max_response);
		error_type = FAULT_TOO_LARGE;
		out.content_type = NULL;
	} else if (a->kind == OUTCOME_INVALID) {
		fault_set(&f, a->error_type, "%s", a->error_text);
		out.body = fault_body(&f, t->event->id);
		out.content_type = NULL;
	} else {
		out.body = blob_ref(a->body);
	}
	if (!is_managed(d)) {
		limit_return(d, t, now_us);
	}
	end_event(d, t, &out, error_type, a, now_us);
	blob_unref(out.body);
	if (is_managed(d)) {
		tasks_over(d, t, now_us);
		dispatch_pump(d, now_us);
	} else if (inst->state == INST_BUSY && d->draining && d->pending_count == 0 &&
		   extension_running(&inst->extensions) == NULL) {
		stop_instance(d, inst, STOP_SHUTDOWN, now_us);
	} else if (inst->state == INST_BUSY && !list_empty(&inst->polls)) {
		/* A second /next that was parked all the while is as good as a new one. */
		instance_back(d, inst, now_us);
	}
}

enum rt_verdict dispatch_answer(struct dispatch *d, struct instance *inst, const char *id, const struct answer *a,
				int64_t now_us)
{
	enum rt_verdict verdict = dispatch_may_answer(inst, id);

	if (verdict == RT_OK && inst->state == INST_BUSY) {
		take_answer(d, task_find(&inst->tasks, id), a, now_us);
	}
	return verdict;
}

enum rt_verdict dispatch_init_error(struct dispatch *d, struct instance *inst, struct blob *body,
				    const char *content_type, const char *error_type, int64_t now_us)
{
	struct fault f;

	if (inst->rt == RT_RESTORING) {
		return dispatch_restore_error(d, inst, body, content_type, error_type, now_us);
	}
	if (inst->state != INST_INIT || inst->rt != RT_STARTED) {
		return RT_INVALID_STATE;
	}
	inst->rt = RT_INIT_ERROR;
	fault_set(&f, error_type, "the runtime reported an init error");
	tell_init_end(d, inst, LC_ERROR, error_type, now_us);
	stop_instance(d, inst, STOP_INIT_ERROR, now_us);
	end_failed_init(d, inst, OUTCOME_INIT_ERROR, &f, body, content_type, now_us);
	dispatch_pump(d, now_us);
	return RT_OK;
}

static bool owes_work(const struct instance *inst)
{
	return inst->state == INST_BUSY && (inst->tasks.running > 0 || extension_running(&inst->extensions) != NULL);
}

void stop_free_instances(struct dispatch *d, int64_t now_us)
{
	static const enum inst_state live[] = { INST_STARTING, INST_INIT, INST_SNAPSHOT, INST_IDLE, INST_BUSY };
	struct list *pos, *tmp;

	for (size_t i = 0; i < countof(live); i++) {
		list_foreach_safe(&d->by_state[live[i]], pos, tmp) {
			struct instance *inst = container_of(pos, struct instance, link);

			if (!owes_work(inst)) {
				stop_instance(d, inst, STOP_SHUTDOWN, now_us);
			} else if (inst->tasks.running == 0 && inst->deadline_us > now_us + drain_extensions_us) {
				inst->deadline_us = now_us + drain_extensions_us;
				dispatch_arm(d, inst->deadline_us);
			}
		}
	}
}

void check_drained(struct dispatch *d)
{
	if (d->draining && !d->told_drained && dispatch_live(d) == 0 && d->pending_count == 0) {
		d->told_drained = true;
		d->ops->drained(d->ctx);
	}
}

/* They are not told: their connections were closed by whoever reaped the process. */
static void forget_polls(struct instance *inst)
{
	while (!list_empty(&inst->polls)) {
		list_unlink(inst->polls.next);
	}
}

static void bury(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	forget_polls(inst);
	inst->deadline_us = INT64_MAX;
	inst->rt = RT_STARTED;
	inst->frozen = false;
	task_forget_late(&inst->tasks);
	inst_set_state(d, inst, INST_DEAD, now_us);
	tell(d, inst, LC_GONE, now_us);
	extension_set_reset(&inst->extensions);
}

bool bury_if_gone(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	if (inst->runtime_alive || extension_alive(&inst->extensions) > 0) {
		return false;
	}
	bury(d, inst, now_us);
	return true;
}

/* The runtime of inst has ended, its extensions live on. */
static void end_extensions(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	if (inst->state == INST_STOPPING) {
		env_shutdown(d, inst, now_us);
	} else {
		stop_instance(d, inst, STOP_FAILURE, now_us);
	}
}

void end_task_by_fault(struct dispatch *d, struct task *t, enum outcome_kind kind, const struct fault *f,
		       int64_t now_us)
{
	struct outcome out = { .kind = kind, .body = fault_body(f, t->event->id) };

	end_event(d, t, &out, f->type, NULL, now_us);
	if (d->observer != NULL) {
		tell_fault(d, t, f, now_us);
	}
	blob_unref(out.body);
}

void end_by_fault(struct dispatch *d, struct instance *inst, enum outcome_kind kind, const struct fault *f,
		  int64_t now_us)
{
	struct task *t;

	while ((t = task_running(&inst->tasks)) != NULL) {
		end_task_by_fault(d, t, kind, f, now_us);
	}
}

void dispatch_exited(struct dispatch *d, struct instance *inst, bool signaled, int code, int64_t now_us)
{
	enum inst_state was = inst->state;
	struct fault f;

	fault_exit(&f, signaled, code);
	inst->runtime_alive = false;
	end_by_fault(d, inst, OUTCOME_EXIT, &f, now_us);
	wrap_up(d, inst, now_us);
	forget_events(inst);
	forget_polls(inst);
	if (was == INST_STARTING || was == INST_INIT) {
		tell_init_end(d, inst, LC_ERROR, f.type, now_us);
		restore_end(d, inst, LC_ERROR, f.type, now_us);
	}
	if (!bury_if_gone(d, inst, now_us)) {
		end_extensions(d, inst, now_us);
	}
	if (was == INST_STARTING || was == INST_INIT) {
		end_failed_init(d, inst, OUTCOME_INIT_ERROR, &f, NULL, NULL, now_us);
	} else if (was != INST_STOPPING) {
		d->unasked_ends++;
	}
	d->ops->lost(d->ctx, inst);
	dispatch_pump(d, now_us);
	check_drained(d);
}

static void init_timed_out(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct fault f;

	env_init_timeout(d, inst, &f);
	tell_init_end(d, inst, LC_TIMEOUT, f.type, now_us);
	restore_end(d, inst, LC_TIMEOUT, f.type, now_us);
	stop_instance(d, inst, STOP_TIMEOUT, now_us);
	end_failed_init(d, inst, OUTCOME_TIMEOUT, &f, NULL, NULL, now_us);
}

static void busy_timed_out(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct fault f;

	if (d->draining && inst->tasks.running == 0) {
		stop_instance(d, inst, STOP_SHUTDOWN, now_us);
		return;
	}
	d->unasked_ends++;
	/* Answered, but an extension or the runtime did not come back. */
	wrap_late(inst);
	/* Killed first, so that it cannot do anything more after its caller was told. */
	stop_instance(d, inst, STOP_TIMEOUT, now_us);
	fault_timeout(&f, d->cfg.invoke_timeout_us);
	end_by_fault(d, inst, OUTCOME_TIMEOUT, &f, now_us);
}

static void timed_out(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	if (inst->state == INST_BUSY && is_managed(d) && inst->tasks.running > 0) {
		tasks_timed_out(d, inst, now_us);
	} else if (inst->state == INST_BUSY) {
		busy_timed_out(d, inst, now_us);
	} else if (inst->state == INST_STOPPING) {
		env_kill_left(d, inst);
	} else {
		init_timed_out(d, inst, now_us);
	}
}

/* The next of inst and of what runs in it. */
static int64_t first_deadline(const struct instance *inst)
{
	int64_t tasks = tasks_deadline(inst);

	return tasks < inst->deadline_us ? tasks : inst->deadline_us;
}

bool dispatch_overdue(const struct instance *inst, int64_t now_us)
{
	return first_deadline(inst) <= now_us;
}

static void check_deadlines(struct dispatch *d, int64_t now_us)
{
	static const enum inst_state timed[] = { INST_STARTING, INST_INIT, INST_BUSY, INST_STOPPING };
	struct list *pos, *tmp;

	for (size_t i = 0; i < countof(timed); i++) {
		list_foreach_safe(&d->by_state[timed[i]], pos, tmp) {
			struct instance *inst = container_of(pos, struct instance, link);

			if (dispatch_overdue(inst, now_us)) {
				timed_out(d, inst, now_us);
				continue;
			}
			dispatch_arm(d, first_deadline(inst));
			if (inst->late_us <= now_us) {
				env_settle_only(d, inst, now_us);
			} else {
				dispatch_arm(d, inst->late_us);
			}
		}
	}
}

void dispatch_set_deadline(struct dispatch *d, struct instance *inst, int64_t at_us)
{
	struct task *t = task_running(&inst->tasks);

	if (t != NULL) {
		t->deadline_us = at_us;
		dispatch_arm(d, at_us);
	}
}

/* Idle instances above the first, least recently used first. */
static void retire_idle(struct dispatch *d, int64_t now_us)
{
	while (d->cfg.idle_timeout_us > 0 && !list_empty(&d->by_state[INST_IDLE]) &&
	       dispatch_live(d) - d->count[INST_STOPPING] > 1) {
		struct instance *inst = list_last(&d->by_state[INST_IDLE], struct instance, link);

		if (inst->since_us + d->cfg.idle_timeout_us > now_us) {
			dispatch_arm(d, inst->since_us + d->cfg.idle_timeout_us);
			return;
		}
		stop_instance(d, inst, STOP_RETIRE, now_us);
	}
}

void dispatch_tick(struct dispatch *d, int64_t now_us)
{
	d->next_us = INT64_MAX;
	check_deadlines(d, now_us);
	retire_idle(d, now_us);
	dispatch_pump(d, now_us);
	if (d->next_us == INT64_MAX) {
		d->ops->rearm(d->ctx, INT64_MAX);
	}
}

/* Nobody who ends the daemon waits for a function that may take for ever. */
static void bound_unlimited(struct dispatch *d, int64_t now_us)
{
	struct list *at, *pos;

	list_foreach(&d->by_state[INST_BUSY], at) {
		struct instance *inst = container_of(at, struct instance, link);

		list_foreach(&inst->tasks.all, pos) {
			struct task *t = container_of(pos, struct task, link);

			if (t->state == TASK_RUNNING && t->event->unlimited) {
				t->deadline_us = now_us + d->cfg.invoke_timeout_us;
				dispatch_arm(d, t->deadline_us);
			}
		}
	}
}

void dispatch_drain(struct dispatch *d, int64_t now_us)
{
	struct outcome out = { .kind = OUTCOME_SHUTDOWN };
	struct list *pos, *tmp;

	if (d->draining) {
		return;
	}
	d->draining = true;
	bound_unlimited(d, now_us);
	list_foreach_safe(&d->pending, pos, tmp) {
		struct invocation *inv = container_of(pos, struct invocation, link);

		if (!inv->no_return) {
			watch_ended(d, inv->event, &out, NULL);
			end_invocation(d, inv, &out);
		}
	}
	dispatch_pump(d, now_us);
	check_drained(d);
}
