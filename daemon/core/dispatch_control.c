/* SPDX-License-Identifier: Apache-2.0 */
/* The dispatcher's side of the control surface. */
#include "core/dispatch_control.h"

#include "core/dispatch_priv.h"

void dispatch_set_watch(struct dispatch *d, const struct dispatch_watch *watch, void *ctx)
{
	d->watch = watch;
	d->watch_ctx = ctx;
}

void watch_queued(struct dispatch *d, const struct event *ev)
{
	if (d->watch != NULL) {
		d->watch->queued(d->watch_ctx, ev);
	}
}

void watch_ended(struct dispatch *d, const struct event *ev, const struct outcome *out, const char *error_type)
{
	if (d->watch != NULL) {
		d->watch->ended(d->watch_ctx, ev, out, error_type);
	}
}

void watch_cancelled(struct dispatch *d, const struct event *ev)
{
	if (d->watch != NULL) {
		d->watch->cancelled(d->watch_ctx, ev);
	}
}

unsigned dispatch_slots(const struct dispatch *d)
{
	return d->cfg.max_instances;
}

bool dispatch_draining(const struct dispatch *d)
{
	return d->draining;
}

const struct event *dispatch_running(const struct instance *inst)
{
	const struct task *t = task_running(&inst->tasks);

	return inst->state == INST_BUSY && t != NULL ? t->event : NULL;
}

static bool is_live(const struct instance *inst)
{
	return inst->state != INST_DEAD && inst->state != INST_STOPPING;
}

bool dispatch_trigger_end(struct dispatch *d, struct instance *inst, enum stop_reason why, int64_t now_us)
{
	if (!is_live(inst) || inst->state == INST_STARTING || inst->state == INST_INIT ||
	    dispatch_running(inst) != NULL) {
		return false;
	}
	/* What it acts out would not have been asked for either. */
	d->unasked_ends += why != STOP_SHUTDOWN;
	stop_instance(d, inst, why, now_us);
	dispatch_pump(d, now_us);
	return true;
}

bool dispatch_trigger_timeout(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct list *pos;

	if (inst->state != INST_STARTING && inst->state != INST_INIT && inst->state != INST_BUSY) {
		return false;
	}
	inst->deadline_us = inst->tasks.running == 0 ? now_us : inst->deadline_us;
	list_foreach(&inst->tasks.all, pos) {
		struct task *t = container_of(pos, struct task, link);

		t->deadline_us = t->state == TASK_RUNNING ? now_us : t->deadline_us;
	}
	dispatch_tick(d, now_us);
	return true;
}

bool dispatch_trigger_reset(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct fault f;

	if (!is_live(inst)) {
		return false;
	}
	fault_set(&f, FAULT_SANDBOX, "the environment was reset by the control surface");
	env_fail(d, inst, &f, now_us);
	return true;
}

bool dispatch_trigger_freeze(struct dispatch *d, struct instance *inst, bool frozen, int64_t now_us)
{
	if (inst->state != INST_IDLE && inst->state != INST_SNAPSHOT) {
		return false;
	}
	if (frozen) {
		env_freeze(d, inst, now_us);
	} else {
		env_thaw(d, inst, now_us);
	}
	return true;
}
