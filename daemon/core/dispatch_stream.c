/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that the runtime gives in pieces, to callers that take them so. */
#include <assert.h>

#include "core/dispatch_priv.h"

bool dispatch_wants_stream(const struct instance *inst, const char *id)
{
	const struct task *t = task_find(&inst->tasks, id);

	return dispatch_may_answer(inst, id) == RT_OK && inst->state == INST_BUSY && t->inv != NULL &&
	       t->inv->ops->begin != NULL;
}

void dispatch_begin(struct dispatch *d, struct instance *inst, const char *id, struct upload *u,
		    const char *content_type, int64_t now_us)
{
	struct task *t = task_find(&inst->tasks, id);
	const struct outcome head = { .kind = OUTCOME_RESPONSE, .content_type = content_type };

	assert(dispatch_wants_stream(inst, id));
	u->task = t;
	t->upload = u;
	t->begun = true;
	t->begun_us = now_us;
	if (!is_managed(d)) {
		inst->rt = RT_RESPONDING;
	}
	d->stats.streams++;
	t->inv->ops->begin(t->inv, &head);
}

static void detach(struct task *t)
{
	t->upload->task = NULL;
	t->upload = NULL;
}

bool dispatch_piece(struct dispatch *d, struct upload *u, const char *data, size_t len, int64_t now_us)
{
	struct task *t = u->task;

	t->streamed += len;
	if (t->streamed > d->cfg.max_stream) {
		const struct answer a = { .kind = OUTCOME_TOO_LARGE };

		dispatch_finish(d, u, &a, now_us);
		return false;
	}
	if (t->inv != NULL) {
		d->stats.response_bytes += len;
		t->inv->ops->piece(t->inv, data, len);
	}
	return true;
}

void dispatch_finish(struct dispatch *d, struct upload *u, const struct answer *a, int64_t now_us)
{
	struct task *t = u->task;
	struct answer whole = *a;

	whole.size = t->streamed;
	whole.begun_us = t->begun_us;
	detach(t);
	take_answer(d, t, &whole, now_us);
}

/* The upload learns from the end of its event that it is over. */
static bool may_cut(const struct dispatch *d, const struct instance *inst, const char *id)
{
	const struct task *t = task_find(&inst->tasks, id);

	return is_managed(d) && t != NULL && t->upload != NULL;
}

enum rt_verdict dispatch_may_fail(const struct dispatch *d, const struct instance *inst, const char *id)
{
	return may_cut(d, inst, id) ? RT_OK : dispatch_may_answer(inst, id);
}

enum rt_verdict dispatch_fail(struct dispatch *d, struct instance *inst, const char *id, const struct answer *a,
			      int64_t now_us)
{
	struct task *t = task_find(&inst->tasks, id);
	struct answer whole = *a;

	if (!may_cut(d, inst, id)) {
		return dispatch_answer(d, inst, id, a, now_us);
	}
	whole.size = t->streamed;
	whole.begun_us = t->begun_us;
	take_answer(d, t, &whole, now_us);
	return RT_OK;
}

void stream_release(const struct task *t)
{
	if (t->upload != NULL) {
		t->upload->ops->pause(t->upload, false);
	}
}

void stream_over(struct task *t)
{
	struct upload *u = t->upload;

	if (u != NULL) {
		detach(t);
		u->ops->over(u);
	}
}

void invocation_pause(struct invocation *inv, bool paused)
{
	if (inv->state == INV_RUNNING && inv->task->upload != NULL) {
		inv->task->upload->ops->pause(inv->task->upload, paused);
	}
}
