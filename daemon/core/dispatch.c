/* SPDX-License-Identifier: Apache-2.0 */
/* Matching of invocations and instances; what callers and the Runtime API may do. */
#include "core/dispatch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/mem.h"
#include "core/dispatch_priv.h"

/* An instance that has answered asks for its next event within microseconds. Starting another one for work that
 * arrives in between would leave more processes than there is work for; waiting longer would stall the work. */
static const int64_t return_grace_us = 100 * 1000;

struct dispatch *dispatch_new(const struct dispatch_config *cfg, const struct dispatch_ops *ops, void *ctx)
{
	struct dispatch *d = xcalloc(1, sizeof(*d));

	d->cfg = *cfg;
	d->ops = ops;
	d->ctx = ctx;
	d->next_us = INT64_MAX;
	d->cfg.max_tasks = is_managed(d) ? cfg->max_tasks : 1;
	assert(d->cfg.max_tasks > 0);
	list_init(&d->pending);
	list_init(&d->open);
	for (unsigned s = 0; s < INST_COUNT; s++) {
		list_init(&d->by_state[s]);
	}
	d->instances = xcalloc(cfg->max_instances, sizeof(*d->instances));
	for (unsigned i = 0; i < cfg->max_instances; i++) {
		struct instance *inst = &d->instances[i];

		inst->slot = i;
		inst->deadline_us = INT64_MAX;
		inst->late_us = INT64_MAX;
		inst->init_us = -1;
		list_init(&inst->polls);
		list_init(&inst->open);
		task_set_init(&inst->tasks);
		list_push_back(&d->by_state[INST_DEAD], &inst->link);
	}
	d->count[INST_DEAD] = cfg->max_instances;
	return d;
}

void dispatch_free(struct dispatch *d)
{
	if (d == NULL) {
		return;
	}
	assert(list_empty(&d->pending));
	for (unsigned i = 0; i < d->cfg.max_instances; i++) {
		task_set_fini(&d->instances[i].tasks);
		extension_set_fini(&d->instances[i].extensions);
	}
	free(d->instances);
	free(d);
}

struct instance *dispatch_instance(struct dispatch *d, unsigned slot)
{
	assert(slot < d->cfg.max_instances);
	return &d->instances[slot];
}

void dispatch_observe(struct dispatch *d, lifecycle_fn fn, void *ctx)
{
	d->observer = fn;
	d->observer_ctx = ctx;
}

static bool transition_allowed(enum inst_state from, enum inst_state to)
{
	static const unsigned allowed[INST_COUNT] = {
		[INST_DEAD] = 1u << INST_STARTING,
		[INST_STARTING] = 1u << INST_INIT | 1u << INST_STOPPING | 1u << INST_DEAD,
		[INST_INIT] = 1u << INST_IDLE | 1u << INST_SNAPSHOT | 1u << INST_STOPPING | 1u << INST_DEAD,
		[INST_SNAPSHOT] = 1u << INST_INIT | 1u << INST_STOPPING | 1u << INST_DEAD,
		[INST_IDLE] = 1u << INST_BUSY | 1u << INST_STOPPING | 1u << INST_DEAD,
		[INST_BUSY] = 1u << INST_IDLE | 1u << INST_STOPPING | 1u << INST_DEAD,
		[INST_STOPPING] = 1u << INST_DEAD,
	};

	return (allowed[from] & 1u << to) != 0;
}

void inst_set_state(struct dispatch *d, struct instance *inst, enum inst_state to, int64_t now_us)
{
	assert(transition_allowed(inst->state, to));
	d->count[inst->state]--;
	d->count[to]++;
	inst->state = to;
	inst->since_us = now_us;
	list_unlink(&inst->link);
	/* IDLE is a stack: the rarely used sink to its end and retire. */
	if (to == INST_IDLE) {
		list_push_front(&d->by_state[to], &inst->link);
	} else {
		list_push_back(&d->by_state[to], &inst->link);
	}
	tasks_room_changed(d, inst);
}

void dispatch_arm(struct dispatch *d, int64_t at_us)
{
	if (at_us < d->next_us) {
		d->next_us = at_us;
		d->ops->rearm(d->ctx, at_us);
	}
}

unsigned dispatch_live(const struct dispatch *d)
{
	return d->cfg.max_instances - d->count[INST_DEAD];
}

static void begin_task(struct dispatch *d, struct task *t, int64_t now_us)
{
	struct instance *inst = t->inst;

	if (!is_managed(d)) {
		inst->rt = RT_RUNNING;
	}
	inst->deadline_us = INT64_MAX;
	inst->late_us = INT64_MAX;
	if (inst->state == INST_IDLE) {
		inst_set_state(d, inst, INST_BUSY, now_us);
	} else {
		tasks_room_changed(d, inst);
	}
	dispatch_arm(d, t->deadline_us);
	d->ops->handed(d->ctx, inst, t->event);
	if (d->observer != NULL) {
		tell_start(d, t);
	}
	if (inst->extensions.invoke_count > 0) {
		env_invoke(t);
	}
}

/* Hands the event of inv to one of the polls of inst. false: they were all dead. */
static bool hand_over(struct dispatch *d, struct instance *inst, struct invocation *inv, int64_t now_us)
{
	int64_t deadline = inv->event->unlimited && !d->draining ? INT64_MAX : now_us + d->cfg.invoke_timeout_us;

	env_thaw(d, inst, now_us);
	d->ops->handing(d->ctx, inst, inv->event);
	while (!list_empty(&inst->polls)) {
		/* The newest: an older one may belong to a call that the runtime has given up. The workers of a
		 * managed instance take turns. */
		struct poll *p = is_managed(d) ? list_first(&inst->polls, struct poll, link)
					       : list_last(&inst->polls, struct poll, link);

		list_unlink(&p->link);
		if (p->ops->deliver(p, inv->event, deadline) != 0) {
			continue;
		}
		list_unlink(&inv->link);
		d->pending_count--;
		begin_task(d, task_begin(&inst->tasks, inst, inv, now_us, deadline), now_us);
		return true;
	}
	return false;
}

/* The runtime lives but has no /next open: it must come back within the time an init may take. */
static void set_away(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	if (inst->state == INST_BUSY) {
		tasks_room_changed(d, inst);
		return;
	}
	env_thaw(d, inst, now_us);
	inst_set_state(d, inst, INST_BUSY, now_us);
	inst->deadline_us = now_us + d->cfg.init_timeout_us;
	dispatch_arm(d, inst->deadline_us);
}

static void start_failed(struct dispatch *d, struct instance *inst, const struct fault *why, int64_t now_us)
{
	tell_init_end(d, inst, lifecycle_status_of(OUTCOME_INIT_ERROR, why->type), why->type, now_us);
	if (!bury_if_gone(d, inst, now_us)) {
		stop_instance(d, inst, STOP_FAILURE, now_us);
	}
	end_failed_init(d, inst, OUTCOME_INIT_ERROR, why, NULL, NULL, now_us);
}

void start_runtime(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct fault why = { "", "" };

	inst->runtime_alive = true;
	if (d->ops->start(d->ctx, inst, &why) != 0) {
		inst->runtime_alive = false;
		start_failed(d, inst, &why, now_us);
	}
}

static void start_one(struct dispatch *d, int64_t now_us)
{
	struct instance *inst = d->instances;
	struct fault why = { "", "" };

	/* The lowest free slot, so that a single runtime is always at the first address. */
	while (inst->state != INST_DEAD) {
		inst++;
	}
	d->stats.starts++;
	/* What AWS calls a suppressed init: it makes good for an environment that ended, inside the next invocation. */
	inst->phase = d->unasked_ends > 0 && d->pending_count > 0 ? PHASE_INVOKE : PHASE_INIT;
	if (d->unasked_ends > 0) {
		d->unasked_ends--;
		d->stats.restarts++;
	}
	inst->rt = RT_STARTED;
	inst->started_us = now_us;
	inst->init_us = -1;
	inst->deadline_us = now_us + d->cfg.init_timeout_us;
	inst->init_told = false;
	inst->init_reported = false;
	inst->restoring_us = 0;
	inst->restore_us = 0;
	inst->away = 0;
	inst_set_state(d, inst, INST_STARTING, now_us);
	dispatch_arm(d, inst->deadline_us);
	tell(d, inst, LC_INIT_START, now_us);
	if (d->ops->launch != NULL && d->ops->launch(d->ctx, inst, &why) != 0) {
		start_failed(d, inst, &why, now_us);
	} else if (inst->extensions.count == 0) {
		start_runtime(d, inst, now_us);
	}
}

/* Events that instances are about to ask for without anybody's doing. */
static size_t on_their_way(struct dispatch *d, int64_t now_us)
{
	size_t n = (size_t)(d->count[INST_STARTING] + d->count[INST_INIT]) * d->cfg.max_tasks;
	struct list *pos;

	list_foreach(&d->by_state[INST_BUSY], pos) {
		const struct instance *inst = container_of(pos, struct instance, link);

		if (is_managed(d)) {
			n += tasks_expected(d, inst, now_us);
		} else if (inst->rt == RT_RESPONDED && now_us < inst->since_us + return_grace_us) {
			n++;
			dispatch_arm(d, inst->since_us + return_grace_us);
		}
	}
	return n;
}

/* Where runtimes are started ahead of work, a failed init is tried again without any: nobody may send work to a daemon that
 * is not ready. */
static bool wants_one_ahead(const struct dispatch *d)
{
	return d->cfg.init_type != INIT_ON_DEMAND && d->init_failures > 0 && dispatch_live(d) == 0 && !d->draining;
}

static bool wants_one_for_work(struct dispatch *d, int64_t now_us)
{
	return d->pending_count > 0 && d->count[INST_DEAD] > 0 && d->pending_count > on_their_way(d, now_us);
}

static void start_missing(struct dispatch *d, int64_t now_us)
{
	while (d->count[INST_SNAPSHOT] > 0 && d->pending_count > on_their_way(d, now_us)) {
		(void)restore_one(d, now_us);
	}
	while (wants_one_for_work(d, now_us) || wants_one_ahead(d)) {
		if (now_us < d->not_before_us) {
			dispatch_arm(d, d->not_before_us);
			return;
		}
		start_one(d, now_us);
	}
}

/* Who gets the next event; NULL: nobody can take one now. */
static struct instance *next_taker(struct dispatch *d)
{
	struct instance *inst = list_first(&d->open, struct instance, open);

	return inst != NULL ? inst : list_first(&d->by_state[INST_IDLE], struct instance, link);
}

void dispatch_pump(struct dispatch *d, int64_t now_us)
{
	struct instance *inst;

	while (!list_empty(&d->pending) && (inst = next_taker(d)) != NULL) {
		struct invocation *inv = list_first(&d->pending, struct invocation, link);

		if (!hand_over(d, inst, inv, now_us)) {
			set_away(d, inst, now_us);
		}
	}
	start_missing(d, now_us);
	if (d->draining && d->pending_count == 0) {
		stop_free_instances(d, now_us);
	}
	if (d->cfg.freeze) {
		env_freeze_idle(d, now_us);
	}
}

void dispatch_prestart(struct dispatch *d, int64_t now_us)
{
	if (dispatch_live(d) == 0 && !d->draining) {
		start_one(d, now_us);
		dispatch_pump(d, now_us);
	}
}

static void refuse(struct dispatch *d, struct invocation *inv, enum outcome_kind kind)
{
	const struct outcome out = { .kind = kind };

	watch_ended(d, inv->event, &out, NULL);
	end_invocation(d, inv, &out);
}

void dispatch_submit(struct dispatch *d, struct invocation *inv, int64_t now_us)
{
	assert(inv->state == INV_NEW);
	watch_queued(d, inv->event);
	if (d->draining && (!inv->no_return || d->told_drained)) {
		refuse(d, inv, OUTCOME_SHUTDOWN);
		return;
	}
	if (!inv->bounded && d->pending_count >= d->cfg.max_pending && next_taker(d) == NULL) {
		refuse(d, inv, OUTCOME_THROTTLED);
		return;
	}
	d->stats.request_bytes += inv->event->body->len;
	inv->state = INV_QUEUED;
	list_push_back(&d->pending, &inv->link);
	d->pending_count++;
	dispatch_pump(d, now_us);
}

void dispatch_cancel(struct dispatch *d, struct invocation *inv, int64_t now_us)
{
	(void)now_us;
	if (inv->state == INV_QUEUED || inv->state == INV_RUNNING) {
		watch_cancelled(d, inv->event);
		release_invocation(d, inv);
		d->stats.cancelled++;
	}
}

/* The first /next is the end of the runtime's own init; any other is the end of its work on the event before. */
void instance_back(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	if (inst->rt == RT_RESTORING) {
		tell_restore(d, inst, LC_RESTORE_RUNTIME_DONE, LC_SUCCESS, NULL, now_us);
	} else if (!inst->init_told) {
		inst->extensions.closed = true;
		tell_init_runtime_done(d, inst, LC_SUCCESS, NULL, now_us);
		tell(d, inst, LC_REGISTERED, now_us);
	} else if (!is_managed(d)) {
		wrap_runtime_done(d, inst, now_us);
	}
	if (!is_managed(d)) {
		forget_events(inst);
	}
	inst->rt = RT_READY;
	env_settle(d, inst, now_us);
}

enum rt_verdict dispatch_poll(struct dispatch *d, struct instance *inst, struct poll *p, int64_t now_us)
{
	list_init(&p->link);
	if (inst->rt == RT_INIT_ERROR || inst->rt == RT_RESTORE_READY || inst->rt == RT_RESTORE_ERROR ||
	    (inst->rt == RT_RESPONDING && inst->state == INST_BUSY) || inst->state == INST_DEAD ||
	    inst->state == INST_STARTING) {
		return RT_INVALID_STATE;
	}
	if (inst->state == INST_STOPPING) {
		return RT_OK; /* parked on no list: its connection goes with the process */
	}
	if (inst->rt == RT_RUNNING) {
		/* AWS hands out the same event again; a failure to deliver leaves things as they were. */
		const struct task *t = task_running(&inst->tasks);

		(void)p->ops->deliver(p, t->event, t->deadline_us);
		return RT_OK;
	}
	list_push_back(&inst->polls, &p->link);
	if (inst->away > 0) {
		inst->away--;
	}
	tasks_room_changed(d, inst);
	instance_back(d, inst, now_us);
	return RT_OK;
}

void dispatch_poll_gone(struct dispatch *d, struct instance *inst, struct poll *p, int64_t now_us)
{
	list_unlink(&p->link);
	tasks_room_changed(d, inst);
	if (inst->state == INST_IDLE && list_empty(&inst->polls)) {
		set_away(d, inst, now_us);
		d->ops->lost(d->ctx, inst);
	} else if (inst->state == INST_SNAPSHOT && list_empty(&inst->polls)) {
		restore_poll_gone(d, inst, now_us);
	}
}

void dispatch_spawned(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	inst_set_state(d, inst, INST_INIT, now_us);
}

bool dispatch_can_work(const struct dispatch *d)
{
	if (d->draining) {
		return false;
	}
	return d->count[INST_IDLE] + d->count[INST_BUSY] + d->count[INST_SNAPSHOT] > 0 ||
	       (dispatch_live(d) == 0 && d->init_failures == 0);
}

size_t dispatch_pending(const struct dispatch *d)
{
	return d->pending_count;
}

unsigned dispatch_count(const struct dispatch *d, enum inst_state s)
{
	return d->count[s];
}

const struct dispatch_stats *dispatch_stats(const struct dispatch *d)
{
	return &d->stats;
}
