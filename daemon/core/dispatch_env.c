/* SPDX-License-Identifier: Apache-2.0 */
/* The parties of an environment: extensions, completion by all of them, freezing, shutdown. */
#include <stdio.h>
#include <string.h>

#include "core/dispatch_priv.h"

/* AWS's: all of it together, of which the runtime has up to 30 % when there are external extensions. */
static const int64_t end_external_us = 2000 * 1000;
static const int64_t end_runtime_us = 600 * 1000;
static const int64_t end_internal_us = 500 * 1000;

/* --- completion --- */

static bool everybody_is_back(const struct instance *inst, int64_t now_us)
{
	if ((inst->rt != RT_READY && inst->rt != RT_RESTORE_READY) || list_empty(&inst->polls)) {
		return false;
	}
	if (inst->tasks.running > 0) {
		return false;
	}
	if (inst->extensions.count == 0) {
		return true;
	}
	if (inst->state == INST_INIT) {
		return extension_uninitialised(&inst->extensions) == NULL;
	}
	return now_us >= inst->late_us || extension_running(&inst->extensions) == NULL;
}

static void init_is_over(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	inst->init_us = now_us - inst->started_us;
	inst->ready_us = now_us;
	d->init_failures = 0;
	d->not_before_us = 0;
	tell_init_end(d, inst, LC_SUCCESS, NULL, now_us);
}

void env_freeze(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	if (!inst->frozen) {
		inst->frozen = true;
		tell(d, inst, LC_FROZEN, now_us);
		d->ops->freeze(d->ctx, inst, true);
	}
}

static void freeze_all(struct dispatch *d, enum inst_state state, int64_t now_us)
{
	struct list *pos;

	list_foreach(&d->by_state[state], pos) {
		env_freeze(d, container_of(pos, struct instance, link), now_us);
	}
}

void env_freeze_idle(struct dispatch *d, int64_t now_us)
{
	freeze_all(d, INST_SNAPSHOT, now_us);
	freeze_all(d, INST_IDLE, now_us);
}

void env_thaw(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	if (inst->frozen) {
		inst->frozen = false;
		inst->epoch++;
		d->ops->freeze(d->ctx, inst, false);
		tell(d, inst, LC_THAWED, now_us);
	}
}

static void become_idle(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	if (inst->state == INST_INIT && !inst->init_reported) {
		init_is_over(d, inst, now_us);
	}
	restore_end(d, inst, LC_SUCCESS, NULL, now_us);
	wrap_up(d, inst, now_us);
	inst->deadline_us = INT64_MAX;
	inst->late_us = INT64_MAX;
	inst_set_state(d, inst, inst->rt == RT_RESTORE_READY ? INST_SNAPSHOT : INST_IDLE, now_us);
	if (d->cfg.idle_timeout_us > 0) {
		dispatch_arm(d, now_us + d->cfg.idle_timeout_us);
	}
}

void env_settle_only(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	bool working = inst->state == INST_INIT || inst->state == INST_BUSY;

	if (working && everybody_is_back(inst, now_us)) {
		become_idle(d, inst, now_us);
	}
}

void env_settle(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	env_settle_only(d, inst, now_us);
	dispatch_pump(d, now_us);
}

/* --- the Extensions API --- */

enum ext_verdict dispatch_register(struct dispatch *d, struct instance *inst, const char *name, unsigned events,
				   struct extension **out, int64_t now_us)
{
	enum ext_verdict v;

	if (*name != '\0' && inst->state != INST_STARTING && inst->state != INST_INIT) {
		return EXT_CLOSED;
	}
	v = extension_register(&inst->extensions, name, events, out);
	if (v == EXT_OK && inst->state == INST_STARTING && !inst->runtime_alive &&
	    extension_unregistered(&inst->extensions) == NULL) {
		start_runtime(d, inst, now_us);
	}
	return v;
}

enum ext_verdict dispatch_extension_poll(struct dispatch *d, struct instance *inst, struct extension *x,
					 struct ext_poll *p, int64_t now_us)
{
	enum ext_verdict v = extension_poll(x, p);

	if (v == EXT_OK) {
		env_settle(d, inst, now_us);
	}
	return v;
}

void env_fail(struct dispatch *d, struct instance *inst, const struct fault *f, int64_t now_us)
{
	bool init = inst->state == INST_STARTING || inst->state == INST_INIT;

	if (inst->state == INST_STOPPING || inst->state == INST_DEAD) {
		return;
	}
	if (init) {
		tell_init_end(d, inst, lifecycle_status_of(OUTCOME_INIT_ERROR, f->type), f->type, now_us);
		restore_end(d, inst, LC_ERROR, f->type, now_us);
	}
	stop_instance(d, inst, STOP_FAILURE, now_us);
	end_by_fault(d, inst, OUTCOME_EXIT, f, now_us);
	if (init) {
		end_failed_init(d, inst, OUTCOME_INIT_ERROR, f, NULL, NULL, now_us);
	} else {
		d->unasked_ends++;
	}
	dispatch_pump(d, now_us);
}

enum ext_verdict dispatch_extension_error(struct dispatch *d, struct instance *inst, struct extension *x, bool init,
					  const char *error_type, int64_t now_us)
{
	enum ext_verdict v = extension_fail(x, init, error_type);
	struct fault f;

	if (v == EXT_OK) {
		fault_set(&f, init ? FAULT_EXTENSION_INIT : FAULT_EXTENSION_EXIT, "extension %s reported %s", x->name,
			  x->error_type);
		env_fail(d, inst, &f, now_us);
	}
	return v;
}

void dispatch_extension_exited(struct dispatch *d, struct instance *inst, struct extension *x, bool signaled,
			       int code, int64_t now_us)
{
	struct fault f;

	x->alive = false;
	if (inst->state == INST_STOPPING) {
		x->state = !signaled && code == 0 ? EXT_EXITED : EXT_SHUTDOWN_FAILED;
		if (bury_if_gone(d, inst, now_us)) {
			dispatch_pump(d, now_us);
			check_drained(d);
		}
		return;
	}
	if (x->state != EXT_INIT_ERROR) {
		x->state = EXT_EXIT_ERROR;
	}
	fault_extension_exit(&f, signaled, code);
	snprintf(x->error_type, sizeof(x->error_type), "%s", f.type);
	env_fail(d, inst, &f, now_us);
	check_drained(d);
}

void env_invoke(const struct task *t)
{
	struct extension_set *set = &t->inst->extensions;

	for (unsigned i = 0; i < set->count; i++) {
		if ((set->items[i]->events & EXT_INVOKE) != 0) {
			extension_invoke(set->items[i], t->event, t->deadline_us);
		}
	}
}

void env_init_timeout(const struct dispatch *d, const struct instance *inst, struct fault *f)
{
	const struct extension *x = extension_unregistered(&inst->extensions);
	const char *lacks = "register";
	struct fault plain;

	if (inst->rt == RT_RESTORING) {
		fault_set(f, FAULT_RESTORE_TIMEOUT, "the restore hooks did not end within 10 seconds");
		return;
	}
	fault_timeout(&plain, d->cfg.init_timeout_us);
	*f = plain;
	if (x == NULL && inst->rt == RT_READY) {
		x = extension_uninitialised(&inst->extensions);
		lacks = "ask for its first event";
	}
	if (x != NULL) {
		fault_set(f, plain.type, "%.60s: extension %.255s did not %s", plain.text, x->name, lacks);
	}
}

/* --- shutdown --- */

static const char *shutdown_reason(enum stop_reason why)
{
	if (why == STOP_TIMEOUT) {
		return "timeout";
	}
	return why == STOP_RETIRE || why == STOP_SHUTDOWN ? "spindown" : "failure";
}

void env_begin_stop(struct dispatch *d, struct instance *inst, enum stop_reason why, int64_t now_us)
{
	bool external = extension_alive(&inst->extensions) > 0;

	inst->extensions.closed = true;
	inst->shutdown = shutdown_reason(why);
	inst->grace_us = external ? end_runtime_us : end_internal_us;
	inst->late_us = INT64_MAX;
	inst->deadline_us = external ? now_us + end_external_us : INT64_MAX;
	dispatch_arm(d, inst->deadline_us);
}

void env_shutdown(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct extension_set *set = &inst->extensions;

	if (bury_if_gone(d, inst, now_us)) {
		return;
	}
	tell(d, inst, LC_SHUTDOWN, now_us);
	for (unsigned i = 0; i < set->count; i++) {
		struct extension *x = set->items[i];

		if (!x->alive) {
			continue;
		}
		if ((x->events & EXT_SHUTDOWN) != 0) {
			extension_shutdown(x, inst->shutdown, inst->deadline_us);
		} else {
			d->ops->kill(d->ctx, inst, x);
		}
	}
}

void env_kill_left(struct dispatch *d, struct instance *inst)
{
	struct extension_set *set = &inst->extensions;

	inst->deadline_us = INT64_MAX;
	if (inst->runtime_alive) {
		d->ops->stop(d->ctx, inst, STOP_TIMEOUT);
	}
	for (unsigned i = 0; i < set->count; i++) {
		if (set->items[i]->alive) {
			d->ops->kill(d->ctx, inst, set->items[i]);
		}
	}
}
