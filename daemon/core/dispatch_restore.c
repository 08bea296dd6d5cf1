/* SPDX-License-Identifier: Apache-2.0 */
/* SnapStart: an environment that is initialised waits in restore/next until there is work for it. */
#include "core/dispatch_priv.h"

/* AWS's limit for the hooks that run after a restore. */
static const int64_t restore_timeout_us = 10 * 1000 * 1000;

enum rt_verdict dispatch_restore_poll(struct dispatch *d, struct instance *inst, struct poll *p, int64_t now_us)
{
	list_init(&p->link);
	if (inst->state == INST_STOPPING) {
		return RT_OK;
	}
	if (inst->state != INST_INIT || (inst->rt != RT_STARTED && inst->rt != RT_RESTORE_READY)) {
		return RT_INVALID_STATE;
	}
	list_push_back(&inst->polls, &p->link);
	inst->extensions.closed = true;
	if (!inst->init_told) {
		tell_init_runtime_done(d, inst, LC_SUCCESS, NULL, now_us);
		tell(d, inst, LC_REGISTERED, now_us);
	}
	inst->rt = RT_RESTORE_READY;
	env_settle(d, inst, now_us);
	return RT_OK;
}

static void set_restoring(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	inst->restoring_us = now_us;
	inst->restore_us = 0;
	inst->init_us = -1; /* AWS reports the init of a snapshot apart */
	inst->deadline_us = now_us + restore_timeout_us;
	inst_set_state(d, inst, INST_INIT, now_us);
	dispatch_arm(d, inst->deadline_us);
}

void restore_poll_gone(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	env_thaw(d, inst, now_us);
	inst->deadline_us = now_us + d->cfg.init_timeout_us;
	inst_set_state(d, inst, INST_INIT, now_us);
	dispatch_arm(d, inst->deadline_us);
}

bool restore_one(struct dispatch *d, int64_t now_us)
{
	struct instance *inst = list_first(&d->by_state[INST_SNAPSHOT], struct instance, link);

	env_thaw(d, inst, now_us);
	while (!list_empty(&inst->polls)) {
		struct poll *p = list_last(&inst->polls, struct poll, link);

		list_unlink(&p->link);
		if (p->ops->deliver(p, NULL, now_us + restore_timeout_us) == 0) {
			inst->rt = RT_RESTORING;
			set_restoring(d, inst, now_us);
			tell_restore(d, inst, LC_RESTORE_START, LC_SUCCESS, NULL, now_us);
			return true;
		}
	}
	restore_poll_gone(d, inst, now_us);
	return false;
}

unsigned dispatch_restore(struct dispatch *d, int64_t now_us)
{
	unsigned restored = 0;

	while (!d->draining && d->count[INST_SNAPSHOT] > 0) {
		restored += restore_one(d, now_us);
	}
	return restored;
}

void restore_end(struct dispatch *d, struct instance *inst, enum lifecycle_status status, const char *error_type,
		 int64_t now_us)
{
	if (inst->restoring_us == 0 || inst->state != INST_INIT) {
		return;
	}
	if (status != LC_SUCCESS && inst->rt == RT_RESTORING) {
		tell_restore(d, inst, LC_RESTORE_RUNTIME_DONE, status, error_type, now_us);
	}
	tell_restore(d, inst, LC_RESTORE_REPORT, status, error_type, now_us);
	inst->restore_us = now_us - inst->restoring_us;
	inst->restoring_us = 0;
}

enum rt_verdict dispatch_restore_error(struct dispatch *d, struct instance *inst, struct blob *body,
				       const char *content_type, const char *error_type, int64_t now_us)
{
	struct fault f;

	if (inst->state != INST_INIT || inst->rt != RT_RESTORING) {
		return RT_INVALID_STATE;
	}
	fault_set(&f, error_type, "the runtime reported an error of its restore");
	restore_end(d, inst, LC_ERROR, error_type, now_us);
	inst->rt = RT_RESTORE_ERROR;
	stop_instance(d, inst, STOP_INIT_ERROR, now_us);
	end_failed_init(d, inst, OUTCOME_INIT_ERROR, &f, body, content_type, now_us);
	dispatch_pump(d, now_us);
	return RT_OK;
}
