/* SPDX-License-Identifier: Apache-2.0 */
/* The end of asynchronous events: records, destinations, figures. */
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/async_record.h"
#include "core/invocation.h"
#include "edge/async_priv.h"
#include "edge/config.h"

enum { DELIVERIES_MAX = 2 };

void async_event_free(struct async_event *ev)
{
	struct async *a = ev->home;

	for (unsigned i = 0; ev->deliveries != NULL && i < DELIVERIES_MAX; i++) {
		async_delivery_cancel(&ev->deliveries[i]);
	}
	if (a->spool != NULL && ev->entry.segment != NULL) {
		async_spool_done(a->spool, &ev->entry);
	}
	async_queue_remove(&a->queue, &ev->item);
	list_unlink(&ev->all);
	blob_unref(ev->response);
	event_unref(ev->event);
	free(ev->deliveries);
	free(ev);
	async_wake(a);
}

void async_event_describe_end(const struct async_event *ev, struct journal_record *r)
{
	*r = (struct journal_record){
		.kind = JOURNAL_ENDED,
		.attempts = ev->item.attempts,
		.condition = ev->condition,
		.ran = ev->ran,
		.function_error = ev->function_error,
		.response = ev->response,
	};
}

static void on_delivered(void *ctx, bool delivered)
{
	struct async_event *ev = ctx;

	(void)delivered;
	if (--ev->undelivered == 0) {
		async_event_free(ev);
	}
}

static void deliver(struct async_event *ev, enum async_slot slot, const struct async_result *result)
{
	struct async *a = ev->home;
	struct buf text = BUF_INIT;
	struct async_delivery *d;

	if (ev->deliveries == NULL) {
		ev->deliveries = xcalloc(DELIVERIES_MAX, sizeof(*ev->deliveries));
	}
	d = &ev->deliveries[slot == ASYNC_DLQ];
	d->slot = slot;
	memcpy(d->id, ev->event->id, sizeof(d->id));
	if (slot == ASYNC_DLQ) {
		d->body = blob_ref(ev->event->body);
		d->error_code = async_record_error_code(result);
		async_record_error_message(&text, result);
		d->error_message = xstrdup(text.data != NULL ? text.data : "");
		buf_fini(&text);
	} else {
		async_record_write(&text, result);
		async_queue_grow(&a->queue, &ev->item, text.len);
		d->body = buf_to_blob(&text);
	}
	d->done = on_delivered;
	d->ctx = ev;
	ev->undelivered++;
	async_delivery_start(a->targets, d);
}

/* false: nobody wants to know. */
static bool tell_targets(struct async_event *ev)
{
	struct async *a = ev->home;
	enum async_slot slot = ev->condition == ASYNC_SUCCESS ? ASYNC_ON_SUCCESS : ASYNC_ON_FAILURE;
	const struct async_result result = {
		.event = ev->event,
		.version = a->deps.cfg->version,
		.condition = ev->condition,
		.attempts = ev->item.attempts,
		.ran = ev->ran,
		.function_error = ev->function_error,
		.response = ev->response,
		.wall_ms = clock_wall_ms(),
	};

	if (async_targets_has(a->targets, slot)) {
		deliver(ev, slot, &result);
	}
	if (slot == ASYNC_ON_FAILURE && async_targets_has(a->targets, ASYNC_DLQ)) {
		deliver(ev, ASYNC_DLQ, &result);
	}
	return ev->undelivered > 0;
}

void async_event_resume_end(struct async_event *ev)
{
	if (!tell_targets(ev)) {
		async_event_free(ev);
	}
}

void async_event_end(struct async_event *ev, enum async_condition condition)
{
	struct async *a = ev->home;
	struct journal_record r;

	ev->condition = condition;
	a->ended[condition]++;
	if (condition != ASYNC_SUCCESS) {
		log_warn("asynchronous event is given up requestId=%s condition=%s attempts=%u", ev->event->id,
			 async_condition_name(condition), ev->item.attempts);
	}
	if (!tell_targets(ev)) {
		async_event_free(ev);
		return;
	}
	if (ev->response != NULL) {
		async_queue_grow(&a->queue, &ev->item, ev->response->len);
	}
	if (a->spool != NULL) {
		async_event_describe_end(ev, &r);
		async_spool_note(a->spool, &ev->entry, &r);
	}
}

/* --- figures --- */

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help, name, name,
		   (unsigned long long)value);
}

void async_render(const struct async *a, struct buf *out)
{
	static const char *const states[ASYNC_STATES] = { "accepting", "ready", "running", "waiting", "ended" };

	counter(out, "lambda_async_accepted_total", "Asynchronous events accepted.", a->accepted);
	counter(out, "lambda_async_refused_total",
		"Asynchronous events refused: no room, or they could not be stored.", a->refused);
	counter(out, "lambda_async_restored_total", "Asynchronous events that an earlier daemon left.", a->restored);
	counter(out, "lambda_async_retries_total", "Attempts that failed and are made again.", a->retries);
	buf_puts(out, "# HELP lambda_async_ended_total Asynchronous events by how they ended.\n"
		      "# TYPE lambda_async_ended_total counter\n");
	for (unsigned c = ASYNC_SUCCESS; c < ASYNC_CONDITIONS; c++) {
		buf_printf(out, "lambda_async_ended_total{condition=\"%s\"} %llu\n",
			   async_condition_name((enum async_condition)c), (unsigned long long)a->ended[c]);
	}
	buf_puts(out, "# HELP lambda_async_events Asynchronous events that are not done with, by state.\n"
		      "# TYPE lambda_async_events gauge\n");
	for (unsigned s = 0; s < ASYNC_STATES; s++) {
		buf_printf(out, "lambda_async_events{state=\"%s\"} %u\n", states[s], a->queue.count[s]);
	}
	buf_printf(out,
		   "# HELP lambda_async_bytes Bytes they take.\n# TYPE lambda_async_bytes gauge\n"
		   "lambda_async_bytes %zu\n",
		   a->queue.bytes);
	async_targets_render(a->targets, out);
	if (a->spool != NULL) {
		async_spool_render(a->spool, out);
	}
}
