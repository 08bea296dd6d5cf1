/* SPDX-License-Identifier: Apache-2.0 */
/* What the observer is told, and the report that waits for the extensions. */
#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "core/dispatch_priv.h"

static void emit(struct dispatch *d, struct instance *inst, struct lifecycle *what, enum lifecycle_kind kind,
		 int64_t now_us)
{
	what->kind = kind;
	what->now_us = now_us;
	what->phase = inst->phase;
	what->init_type = d->cfg.init_type;
	if (what->started_us == 0) {
		what->started_us = inst->started_us;
	}
	d->observer(d->observer_ctx, inst, what);
}

void tell(struct dispatch *d, struct instance *inst, enum lifecycle_kind kind, int64_t now_us)
{
	struct lifecycle what = { .status = LC_SUCCESS };

	if (d->observer != NULL) {
		emit(d, inst, &what, kind, now_us);
	}
}

void tell_restore(struct dispatch *d, struct instance *inst, enum lifecycle_kind kind, enum lifecycle_status status,
		  const char *error_type, int64_t now_us)
{
	struct lifecycle what = { .status = status, .error_type = error_type, .started_us = inst->restoring_us };

	if (d->observer != NULL) {
		emit(d, inst, &what, kind, now_us);
	}
}

void tell_init_runtime_done(struct dispatch *d, struct instance *inst, enum lifecycle_status status,
			    const char *error_type, int64_t now_us)
{
	struct lifecycle what = { .status = status, .error_type = error_type };

	if (inst->init_told) {
		return;
	}
	inst->init_told = true;
	if (d->observer != NULL) {
		emit(d, inst, &what, LC_INIT_RUNTIME_DONE, now_us);
	}
}

void tell_init_end(struct dispatch *d, struct instance *inst, enum lifecycle_status status, const char *error_type,
		   int64_t now_us)
{
	struct lifecycle what = { .status = status, .error_type = error_type };

	if (inst->init_reported) {
		return;
	}
	inst->init_reported = true;
	tell_init_runtime_done(d, inst, status, error_type, now_us);
	if (d->observer == NULL) {
		return;
	}
	for (unsigned i = 0; i < inst->extensions.count; i++) {
		struct lifecycle one = { .status = LC_SUCCESS, .extension = inst->extensions.items[i] };

		emit(d, inst, &one, LC_EXTENSION, now_us);
	}
	emit(d, inst, &what, LC_INIT_REPORT, now_us);
}

void tell_start(struct dispatch *d, const struct task *t)
{
	struct lifecycle what = { .event = t->event, .started_us = t->handed_us };

	emit(d, t->inst, &what, LC_START, t->handed_us);
}

void tell_fault(struct dispatch *d, const struct task *t, const struct fault *f, int64_t now_us)
{
	char text[sizeof(f->text) + UUID_LEN + 32];
	struct lifecycle what = { .event = t->event, .started_us = t->handed_us, .text = text };

	snprintf(text, sizeof(text), "RequestId: %s Error: %s", t->event->id, f->text);
	emit(d, t->inst, &what, LC_FAULT, now_us);
}

void wrap_begin(struct task *t, const struct report *r, const struct answer *a, bool later)
{
	struct wrap *w = &t->wrap;
	int64_t now_us = t->handed_us + r->duration_us;

	w->event = event_ref(t->event);
	w->kind = r->kind;
	snprintf(w->error_type, sizeof(w->error_type), "%s", r->error_type != NULL ? r->error_type : "");
	w->handed_us = t->handed_us;
	w->answered_us = a != NULL ? now_us : -1;
	w->response_us = a != NULL && a->begun_us != 0 ? a->begun_us : w->answered_us;
	w->runtime_done_us = -1;
	w->init_us = r->init_us;
	w->restore_us = r->restore_us;
	w->produced = a != NULL ? a->size : 0;
	w->report_due = later;
}

static void emit_wrap(struct dispatch *d, const struct task *t, enum lifecycle_kind kind, int64_t now_us)
{
	const struct wrap *w = &t->wrap;
	const char *type = w->error_type[0] != '\0' ? w->error_type : NULL;
	struct lifecycle what = {
		.status = lifecycle_status_of(w->kind, type),
		.error_type = type,
		.event = w->event,
		.started_us = w->handed_us,
		.response_us = w->response_us,
		.answered_us = w->answered_us,
		.produced = w->produced,
		.init_us = w->init_us,
		.restore_us = w->restore_us > 0 ? w->restore_us : -1,
		.runtime_done_us = t->inst->extensions.invoke_count > 0 ? w->runtime_done_us : -1,
	};

	if (d->observer != NULL) {
		emit(d, t->inst, &what, kind, now_us);
	}
}

static void runtime_done(struct dispatch *d, struct task *t, int64_t now_us)
{
	if (t->wrap.runtime_done_us < 0) {
		t->wrap.runtime_done_us = now_us;
		if (!is_managed(d)) {
			emit_wrap(d, t, LC_RUNTIME_DONE, now_us);
		}
	}
}

void wrap_runtime_done(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct list *pos;

	list_foreach(&inst->tasks.all, pos) {
		struct task *t = container_of(pos, struct task, link);

		if (t->wrap.event != NULL) {
			runtime_done(d, t, now_us);
		}
	}
}

void wrap_late(struct instance *inst)
{
	struct list *pos;

	list_foreach(&inst->tasks.all, pos) {
		struct wrap *w = &container_of(pos, struct task, link)->wrap;

		w->kind = OUTCOME_TIMEOUT;
		snprintf(w->error_type, sizeof(w->error_type), "%s", FAULT_TIMEOUT);
	}
}

void wrap_up_task(struct dispatch *d, struct task *t, int64_t now_us)
{
	struct wrap *w = &t->wrap;
	struct report r = {
		.event = w->event,
		.kind = w->kind,
		.error_type = w->error_type[0] != '\0' ? w->error_type : NULL,
		.duration_us = now_us - w->handed_us,
		.init_us = w->init_us,
		.restore_us = w->restore_us,
		.part = w->event != NULL && w->event->want_tail ? REPORT_OUTPUT : REPORT_WHOLE,
		.handed = true,
	};

	if (w->event == NULL) {
		return;
	}
	runtime_done(d, t, now_us);
	emit_wrap(d, t, LC_REPORT, now_us);
	if (w->report_due) {
		blob_unref(d->ops->finished(d->ctx, t->inst, &r));
	}
	task_unwrap(&t->inst->tasks, t);
}

void wrap_up(struct dispatch *d, struct instance *inst, int64_t now_us)
{
	struct list *pos, *tmp;

	list_foreach_safe(&inst->tasks.all, pos, tmp) {
		wrap_up_task(d, container_of(pos, struct task, link), now_us);
	}
}
