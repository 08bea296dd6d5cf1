/* SPDX-License-Identifier: Apache-2.0 */
/* Managed instances: environments that take several events at once. */
#include "core/dispatch_priv.h"

/* The workers of a runtime ask for their first events one by one, and for the next ones right after their answers. */
static const int64_t warm_up_us = 1000 * 1000;
static const int64_t return_grace_us = 100 * 1000;

void tasks_room_changed(struct dispatch *d, struct instance *inst)
{
	bool open = is_managed(d) && inst->state == INST_BUSY && inst->tasks.running < d->cfg.max_tasks &&
		    !list_empty(&inst->polls);

	if (!open) {
		list_unlink(&inst->open);
	} else if (list_empty(&inst->open)) {
		list_push_front(&d->open, &inst->open);
	}
}

size_t tasks_expected(struct dispatch *d, const struct instance *inst, int64_t now_us)
{
	unsigned free = d->cfg.max_tasks - inst->tasks.running;
	int64_t until = inst->ready_us + warm_up_us;

	/* Some runtimes have a /next open all the time: then it is max_tasks that counts. */
	if (!list_empty(&inst->polls)) {
		return 0;
	}
	if (now_us < until) {
		dispatch_arm(d, until);
		return free;
	}
	until = inst->since_us + return_grace_us;
	if (now_us < until && inst->away > 0) {
		dispatch_arm(d, until);
		return inst->away < free ? inst->away : free;
	}
	return 0;
}

void tasks_over(struct dispatch *d, struct task *t, int64_t now_us)
{
	struct instance *inst = t->inst;

	task_forget(&inst->tasks, t);
	if (inst->state != INST_BUSY) {
		return;
	}
	if (inst->tasks.running == 0 && d->draining && d->pending_count == 0) {
		stop_instance(d, inst, STOP_SHUTDOWN, now_us);
		return;
	}
	if (inst->tasks.running == 0 && list_empty(&inst->polls)) {
		inst->deadline_us = now_us + d->cfg.init_timeout_us;
		dispatch_arm(d, inst->deadline_us);
	}
	tasks_room_changed(d, inst);
	env_settle_only(d, inst, now_us);
}

int64_t tasks_deadline(const struct instance *inst)
{
	int64_t first = INT64_MAX;
	struct list *pos;

	list_foreach(&inst->tasks.all, pos) {
		const struct task *t = container_of(pos, struct task, link);

		if (t->state == TASK_RUNNING && t->deadline_us < first) {
			first = t->deadline_us;
		}
	}
	return first;
}

static struct task *overdue(const struct instance *inst, int64_t now_us)
{
	struct list *pos;

	list_foreach(&inst->tasks.all, pos) {
		struct task *t = container_of(pos, struct task, link);

		if (t->state == TASK_RUNNING && t->deadline_us <= now_us) {
			return t;
		}
	}
	return NULL;
}

void tasks_timed_out(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct task *t;
	struct fault f;

	fault_timeout(&f, d->cfg.invoke_timeout_us);
	/* From the start each time: whoever is told may have changed anything. */
	while ((t = overdue(inst, now_us)) != NULL) {
		task_note_late(&inst->tasks, t);
		end_task_by_fault(d, t, OUTCOME_TIMEOUT, &f, now_us);
		tasks_over(d, t, now_us);
	}
	dispatch_arm(d, tasks_deadline(inst));
}

bool dispatch_was_late(struct instance *inst, const char *id)
{
	return task_take_late(&inst->tasks, id);
}
