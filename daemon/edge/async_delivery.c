/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries: order and retries. */
#include "edge/async_delivery.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "edge/async_delivery_priv.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "io/httpc.h"

static const unsigned active_max = 16; /* of each destination */
static const int64_t pause_first_us = 1000 * 1000;
static const int64_t pause_max_us = (int64_t)60 * 1000 * 1000;

static const char *const slot_names[ASYNC_SLOTS] = { "ASYNC_ON_SUCCESS", "ASYNC_ON_FAILURE", "ASYNC_DLQ" };

static void wake(struct async_targets *t)
{
	loop_timer_set(t->deps.loop, &t->pump, loop_now_us(t->deps.loop));
}

/* --- ends --- */

static void leave(struct async_delivery *d)
{
	if (d->phase == DELIVERY_ACTIVE) {
		target_of(d)->active_count--;
	}
	list_unlink(&d->link);
	blob_unref(d->body);
	d->body = NULL;
	free(d->error_message);
	d->error_message = NULL;
	d->phase = DELIVERY_NONE;
}

void delivery_finish(struct async_delivery *d, bool delivered)
{
	struct async_targets *t = d->home;

	if (delivered) {
		target_of(d)->delivered++;
		target_of(d)->failures = 0;
		log_debug("asynchronous result delivered requestId=%s to=%s", d->id, slot_names[d->slot]);
	} else {
		target_of(d)->failed++;
	}
	leave(d);
	wake(t);
	d->done(d->ctx, delivered);
}

/* A destination that is away is away for all: one at a time finds out whether it is back. */
static int64_t pause_us(struct target *g, int64_t now_us)
{
	if (now_us >= g->resume_us) {
		g->resume_us = now_us + (g->failures < 6 ? pause_first_us << g->failures : pause_max_us);
		g->failures++;
	}
	return g->resume_us - now_us;
}

void delivery_fail(struct async_delivery *d, bool transient, const char *why)
{
	struct async_targets *t = d->home;
	struct target *g = target_of(d);
	int64_t now_us = loop_now_us(t->deps.loop);

	if (!transient || now_us >= d->until_us) {
		log_error("the result of an asynchronous invocation is given up requestId=%s to=%s reason=\"%s\"",
			  d->id, slot_names[d->slot], why);
		delivery_finish(d, false);
		return;
	}
	log_warn("the result of an asynchronous invocation could not be delivered, trying again in %.0f s "
		 "requestId=%s to=%s reason=\"%s\"",
		 (double)pause_us(g, now_us) / 1e6, d->id, slot_names[d->slot], why);
	g->retried++;
	g->active_count--;
	d->phase = DELIVERY_QUEUED;
	list_unlink(&d->link);
	/* At the end: it may be this one alone that is not taken. */
	list_push_back(&g->queue, &d->link);
	wake(t);
}

struct async_delivery *delivery_find(struct async_targets *t, uint64_t serial)
{
	struct list *pos;

	for (unsigned i = 0; i < ASYNC_SLOTS; i++) {
		list_foreach(&t->targets[i].active, pos) {
			struct async_delivery *d = container_of(pos, struct async_delivery, link);

			if (d->serial == serial) {
				return d;
			}
		}
	}
	return NULL;
}

/* --- order --- */

static void attempt(struct async_delivery *d)
{
	struct target *g = target_of(d);

	d->phase = DELIVERY_ACTIVE;
	d->serial = d->home->next_serial++;
	g->active_count++;
	delivery_send(d);
}

static void send_waiting(struct target *g, int64_t now_us)
{
	unsigned max = g->failures == 0 ? active_max : 1;

	while (g->active_count < max && !list_empty(&g->queue) && now_us >= g->resume_us) {
		struct async_delivery *d = list_first(&g->queue, struct async_delivery, link);

		list_unlink(&d->link);
		list_push_back(&g->active, &d->link);
		attempt(d);
	}
}

static void on_pump(void *ctx)
{
	struct async_targets *t = ctx;
	int64_t now_us = loop_now_us(t->deps.loop);
	int64_t next_us = INT64_MAX;

	for (unsigned i = 0; i < ASYNC_SLOTS && !t->stopping; i++) {
		struct target *g = &t->targets[i];

		send_waiting(g, now_us);
		if (!list_empty(&g->queue) && g->resume_us > now_us && g->resume_us < next_us) {
			next_us = g->resume_us;
		}
	}
	if (next_us != INT64_MAX) {
		loop_timer_set(t->deps.loop, &t->pump, next_us);
	}
}

void async_delivery_start(struct async_targets *t, struct async_delivery *d)
{
	d->home = t;
	d->phase = DELIVERY_QUEUED;
	d->until_us = loop_now_us(t->deps.loop) + t->deps.cfg->async_max_age_us;
	list_init(&d->link);
	list_push_back(&target_of(d)->queue, &d->link);
	wake(t);
}

void async_delivery_cancel(struct async_delivery *d)
{
	if (d->phase != DELIVERY_NONE) {
		aws_call_cancel(d->aws);
		d->aws = NULL;
		httpc_cancel(d->http);
		d->http = NULL;
		leave(d);
	}
}

/* --- life --- */

static void read_targets(struct async_targets *t)
{
	const struct config *cfg = t->deps.cfg;
	const char *const values[ASYNC_SLOTS] = { cfg->async_on_success, cfg->async_on_failure, cfg->async_dlq };

	for (unsigned i = 0; i < ASYNC_SLOTS; i++) {
		struct target *g = &t->targets[i];

		list_init(&g->queue);
		list_init(&g->active);
		g->used = values[i] != NULL && async_target_parse(values[i], &g->to);
	}
}

struct async_targets *async_targets_new(const struct async_targets_deps *deps, struct err *err)
{
	struct async_targets *t = xcalloc(1, sizeof(*t));

	t->deps = *deps;
	t->next_serial = 1;
	loop_timer_init(&t->pump, on_pump, t);
	read_targets(t);
	if (delivery_open(t, err) != 0) {
		async_targets_free(t);
		return NULL;
	}
	return t;
}

void async_targets_free(struct async_targets *t)
{
	if (t == NULL) {
		return;
	}
	loop_timer_clear(t->deps.loop, &t->pump);
	delivery_close(t);
	for (unsigned i = 0; i < ASYNC_SLOTS; i++) {
		free(t->targets[i].url);
	}
	free(t);
}

bool async_targets_has(const struct async_targets *t, enum async_slot slot)
{
	return t->targets[slot].used;
}

void async_targets_stop(struct async_targets *t)
{
	t->stopping = true;
}

unsigned async_targets_active(const struct async_targets *t)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ASYNC_SLOTS; i++) {
		n += t->targets[i].active_count;
	}
	return n;
}

bool async_targets_hopeful(const struct async_targets *t)
{
	bool any = async_targets_active(t) > 0;

	for (unsigned i = 0; i < ASYNC_SLOTS; i++) {
		any = any || (t->targets[i].failures == 0 && !list_empty(&t->targets[i].queue));
	}
	return any;
}

void async_targets_render(const struct async_targets *t, struct buf *out)
{
	static const char *const labels[ASYNC_SLOTS] = { "on_success", "on_failure", "dlq" };

	buf_puts(out, "# HELP lambda_async_deliveries_total Results for destinations by what became of them.\n"
		      "# TYPE lambda_async_deliveries_total counter\n");
	for (unsigned i = 0; i < ASYNC_SLOTS; i++) {
		const struct target *g = &t->targets[i];

		if (g->used) {
			buf_printf(out,
				   "lambda_async_deliveries_total{to=\"%s\",fate=\"delivered\"} %llu\n"
				   "lambda_async_deliveries_total{to=\"%s\",fate=\"retried\"} %llu\n"
				   "lambda_async_deliveries_total{to=\"%s\",fate=\"failed\"} %llu\n",
				   labels[i], (unsigned long long)g->delivered, labels[i],
				   (unsigned long long)g->retried, labels[i], (unsigned long long)g->failed);
		}
	}
}
