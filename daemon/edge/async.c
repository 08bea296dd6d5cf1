/* SPDX-License-Identifier: Apache-2.0 */
/* Acceptance and attempts of asynchronous invocations. */
#include "edge/async.h"

#include <stdlib.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/invocation.h"
#include "edge/async_priv.h"
#include "edge/config.h"

/* Error documents are kept for the record of an event that is given up; nobody misses a huge one. */
static const size_t kept_response_max = 4096;
static const unsigned lost_lines_max = 100;

static struct async *of(const struct invoker *self)
{
	return container_of((struct invoker *)(uintptr_t)self, struct async, invoker);
}

static struct async_event *event_of(struct async_item *item)
{
	return container_of(item, struct async_event, item);
}

void async_wake(struct async *a)
{
	loop_timer_set(a->deps.loop, &a->pump, loop_now_us(a->deps.loop));
}

/* What an event takes while it is with us, about. */
static size_t size_of(const struct event *ev)
{
	return ev->body->len + sizeof(struct async_event) + sizeof(struct event);
}

static struct async_event *new_event(struct async *a, struct event *event, int64_t wall_ms)
{
	struct async_event *ev = xcalloc(1, sizeof(*ev));

	ev->home = a;
	ev->event = event;
	ev->wall_ms = wall_ms;
	list_init(&ev->entry.link);
	list_init(&ev->entry.batch);
	list_push_back(&a->events, &ev->all);
	return ev;
}

/* --- attempts --- */

static void keep_result(struct async_event *ev, const struct outcome *out)
{
	if (out->kind != OUTCOME_RESPONSE && !outcome_is_function_error(out->kind)) {
		return;
	}
	ev->ran = true;
	ev->function_error = out->kind != OUTCOME_RESPONSE;
	blob_unref(ev->response);
	ev->response = blob_ref(out->body);
}

static void try_again(struct async_event *ev, enum outcome_kind kind, bool counted)
{
	struct async *a = ev->home;
	const struct journal_record r = { .kind = JOURNAL_ATTEMPT, .attempts = ev->item.attempts };
	int64_t wait_us = async_item_wait_us(&ev->item, loop_now_us(a->deps.loop));

	if (ev->response != NULL && ev->response->len > kept_response_max) {
		blob_unref(ev->response);
		ev->response = NULL;
	}
	if (counted) {
		a->retries++;
		log_warn("asynchronous event failed, trying again in %.1f s requestId=%s outcome=%s attempts=%u",
			 (double)wait_us / 1e6, ev->event->id, outcome_name(kind), ev->item.attempts);
	}
	if (counted && a->spool != NULL) {
		async_spool_note(a->spool, &ev->entry, &r);
	}
}

static void on_attempt(struct invocation *inv, const struct outcome *out)
{
	struct async_event *ev = container_of(inv, struct async_event, inv);
	struct async *a = ev->home;
	unsigned before = ev->item.attempts;
	enum async_condition condition = async_queue_settle(&a->queue, &ev->item, out->kind,
							    loop_now_us(a->deps.loop));

	keep_result(ev, out);
	invocation_fini(inv);
	if (condition == ASYNC_OPEN) {
		try_again(ev, out->kind, ev->item.attempts > before);
	} else {
		async_event_end(ev, condition);
	}
	async_wake(a);
}

static const struct invocation_ops attempt_ops = { .done = on_attempt };

static void attempt(struct async_event *ev)
{
	struct async *a = ev->home;

	invocation_init(&ev->inv, &attempt_ops, event_ref(ev->event));
	/* There are never more of them than environments. */
	ev->inv.bounded = true;
	ev->inv.no_return = false;
	a->deps.inner->submit(a->deps.inner, &ev->inv);
}

static unsigned places(const struct async *a)
{
	const struct config *cfg = a->deps.cfg;
	uint64_t all = cfg->max_concurrency * (cfg->managed_concurrency > 0 ? cfg->managed_concurrency : 1);
	unsigned taken = a->queue.count[ASYNC_RUNNING];

	return all > taken ? (unsigned)all - taken : 0;
}

/* Nothing is left to be tried or delivered. */
static bool all_done(const struct async *a)
{
	return async_queue_total(&a->queue) == 0;
}

static void check_quiet(struct async *a)
{
	if (a->draining && !a->stopped && all_done(a)) {
		a->stopped = true;
		loop_timer_clear(a->deps.loop, &a->limit);
		a->deps.quiet(a->deps.ctx);
	}
}

static void on_pump(void *ctx)
{
	struct async *a = ctx;
	int64_t now_us = loop_now_us(a->deps.loop);
	struct async_item *item;
	int64_t next_us;

	if (a->stopped) {
		return;
	}
	while ((item = async_queue_expire(&a->queue, now_us)) != NULL) {
		async_event_end(event_of(item), ASYNC_AGE_EXCEEDED);
	}
	for (unsigned free_places = places(a); free_places > 0; free_places--) {
		item = async_queue_take(&a->queue, now_us);
		if (item == NULL) {
			break;
		}
		attempt(event_of(item));
	}
	next_us = async_queue_next_us(&a->queue, now_us);
	if (next_us != INT64_MAX) {
		loop_timer_set(a->deps.loop, &a->pump, next_us);
	}
	check_quiet(a);
}

/* --- acceptance --- */

static void end_caller(struct invocation *inv, enum outcome_kind kind)
{
	struct outcome out = { .kind = kind };

	inv->ops->done(inv, &out);
}

static void admit(struct async_event *ev)
{
	struct async *a = ev->home;
	struct invocation *caller = ev->caller;

	ev->caller = NULL;
	a->accepted++;
	async_queue_admit(&a->queue, &ev->item, loop_now_us(a->deps.loop));
	async_wake(a);
	if (caller != NULL) {
		end_caller(caller, OUTCOME_ACCEPTED);
	}
}

static void describe(const struct async_event *ev, struct journal_record *r)
{
	*r = (struct journal_record){
		.kind = JOURNAL_ACCEPTED,
		.wall_ms = ev->wall_ms,
		.attempts = ev->item.attempts,
		.event = ev->event,
	};
}

static void on_stored(void *ctx, struct spool_entry *entry, bool ok)
{
	struct async_event *ev = container_of(entry, struct async_event, entry);
	struct invocation *caller = ev->caller;

	if (ok) {
		admit(ev);
		return;
	}
	((struct async *)ctx)->refused++;
	ev->caller = NULL;
	async_event_free(ev);
	if (caller != NULL) {
		end_caller(caller, OUTCOME_UNAVAILABLE);
	}
}

static void accept_event(struct async *a, struct invocation *inv)
{
	struct async_event *ev = new_event(a, event_ref(inv->event), clock_wall_ms());

	/* AWS gives these to synchronous callers only. */
	ev->event->want_tail = false;
	free(ev->event->client_context);
	ev->event->client_context = NULL;
	ev->caller = inv;
	async_queue_reserve(&a->queue, &ev->item, size_of(ev->event));
	if (a->spool != NULL) {
		struct journal_record r;

		describe(ev, &r);
		async_spool_accept(a->spool, &ev->entry, &r);
	} else {
		admit(ev);
	}
}

static void submit(struct invoker *self, struct invocation *inv)
{
	struct async *a = of(self);

	if (inv->event->type != INVOKE_EVENT) {
		a->deps.inner->submit(a->deps.inner, inv);
	} else if (a->draining) {
		end_caller(inv, OUTCOME_SHUTDOWN);
	} else if (!async_queue_has_room(&a->queue, size_of(inv->event))) {
		a->refused++;
		end_caller(inv, OUTCOME_THROTTLED);
	} else {
		accept_event(a, inv);
	}
}

/* The event stays, only nobody waits to be told. */
static void cancel(struct invoker *self, struct invocation *inv)
{
	struct async *a = of(self);

	if (inv->event->type != INVOKE_EVENT) {
		a->deps.inner->cancel(a->deps.inner, inv);
		return;
	}
	for (struct list *pos = a->events.prev; pos != &a->events; pos = pos->prev) {
		struct async_event *ev = container_of(pos, struct async_event, all);

		if (ev->caller == inv) {
			ev->caller = NULL;
			return;
		}
	}
}

static bool ready(const struct invoker *self)
{
	const struct async *a = of(self);

	return a->deps.inner->ready(a->deps.inner);
}

static void metrics(const struct invoker *self, struct buf *out)
{
	const struct async *a = of(self);

	a->deps.inner->metrics(a->deps.inner, out);
	async_render(a, out);
}

/* --- what an earlier daemon left --- */

static struct spool_entry *on_restored(void *ctx, struct journal_record *r)
{
	struct async *a = ctx;
	struct async_event *ev = new_event(a, r->event, r->wall_ms);
	int64_t age_ms = clock_wall_ms() - r->wall_ms;
	int64_t now_us = clock_mono_us();

	a->restored++;
	if (r->kind == JOURNAL_ENDED) {
		ev->condition = r->condition;
		ev->ran = r->ran;
		ev->function_error = r->function_error;
		ev->response = r->response;
		async_queue_restore_ended(&a->queue, &ev->item, size_of(ev->event), r->attempts);
	} else {
		/* An attempt that counted and did not end it was a function error. */
		ev->ran = r->attempts > 0;
		ev->function_error = ev->ran;
		/* A clock that was set back makes nothing younger than it is. */
		age_ms = age_ms < 0 ? 0 : age_ms < 86400000 ? age_ms : 86400000;
		async_queue_restore(&a->queue, &ev->item, size_of(ev->event), r->attempts, now_us - age_ms * 1000,
				    now_us);
	}
	return &ev->entry;
}

static bool on_describe(void *ctx, const struct spool_entry *entry, struct journal_record *accepted,
			struct journal_record *ended)
{
	const struct async_event *ev = container_of((struct spool_entry *)(uintptr_t)entry, struct async_event,
						    entry);

	(void)ctx;
	describe(ev, accepted);
	if (ev->item.state != ASYNC_ENDED) {
		return false;
	}
	async_event_describe_end(ev, ended);
	return true;
}

static const struct async_spool_ops spool_ops = {
	.restored = on_restored,
	.stored = on_stored,
	.describe = on_describe,
};

static int open_spool(struct async *a, struct err *err)
{
	const struct async_spool_deps deps = {
		.loop = a->deps.loop,
		.dir = a->deps.cfg->async_spool_dir,
		.ops = &spool_ops,
		.ctx = a,
	};

	if (deps.dir == NULL) {
		return 0;
	}
	a->spool = async_spool_open(&deps, err);
	if (a->spool == NULL) {
		return err_wrap(err, "ASYNC_SPOOL_DIR=%.200s", deps.dir);
	}
	if (a->restored > 0) {
		log_info("asynchronous events from before count=%llu", (unsigned long long)a->restored);
	}
	return 0;
}

/* --- life --- */

static void stop(struct async *a)
{
	a->stopped = true;
	a->deps.quiet(a->deps.ctx);
}

static void on_limit(void *ctx)
{
	stop(ctx);
}

struct async *async_new(const struct async_deps *deps, struct err *err)
{
	struct async *a = xcalloc(1, sizeof(*a));
	const struct config *cfg = deps->cfg;
	const struct async_policy policy = {
		.max_retries = (unsigned)cfg->async_max_retries,
		.retry_delay_us = cfg->async_retry_delay_us,
		.max_age_us = cfg->async_max_age_us,
		.max_events = cfg->async_max_events,
		.max_bytes = cfg->async_max_bytes,
	};
	const struct async_targets_deps targets = {
		.loop = deps->loop,
		.children = deps->children,
		.guard = deps->guard,
		.cfg = cfg,
		.amqp = deps->amqp,
	};

	a->invoker = (struct invoker){ .submit = submit, .cancel = cancel, .ready = ready, .metrics = metrics };
	a->deps = *deps;
	list_init(&a->events);
	async_queue_init(&a->queue, &policy);
	loop_timer_init(&a->pump, on_pump, a);
	loop_timer_init(&a->limit, on_limit, a);
	a->targets = async_targets_new(&targets, err);
	if (a->targets == NULL || open_spool(a, err) != 0) {
		async_free(a);
		return NULL;
	}
	return a;
}

struct invoker *async_invoker(struct async *a)
{
	return &a->invoker;
}

void async_start(struct async *a)
{
	struct list *pos, *tmp;

	list_foreach_safe(&a->events, pos, tmp) {
		struct async_event *ev = container_of(pos, struct async_event, all);

		if (ev->item.state == ASYNC_ENDED && ev->condition != ASYNC_OPEN) {
			async_event_resume_end(ev);
		} else if (ev->item.state == ASYNC_ENDED) {
			/* Nobody has been told: it has no retry left since this start. */
			async_event_end(ev, ASYNC_RETRIES_EXHAUSTED);
		}
	}
	async_wake(a);
}

void async_drain(struct async *a)
{
	a->draining = true;
	if (a->spool != NULL) {
		async_targets_stop(a->targets);
		stop(a);
	} else if (all_done(a) || a->deps.cfg->async_drain_us == 0) {
		stop(a);
	} else {
		loop_timer_set(a->deps.loop, &a->limit, loop_now_us(a->deps.loop) + a->deps.cfg->async_drain_us);
	}
}

unsigned async_busy(const struct async *a)
{
	if (a->spool == NULL) {
		return async_targets_hopeful(a->targets);
	}
	return async_targets_active(a->targets) + !async_spool_idle(a->spool);
}

static void tell_what_stays(const struct async *a)
{
	unsigned count = async_queue_total(&a->queue) - a->queue.count[ASYNC_ACCEPTING];
	unsigned lines = 0;
	struct list *pos;

	if (count > 0 && a->spool != NULL) {
		log_info("asynchronous events are kept for the next start count=%u dir=%s", count,
			 a->deps.cfg->async_spool_dir);
		return;
	}
	list_foreach(&a->events, pos) {
		const struct async_event *ev = container_of(pos, struct async_event, all);

		if (lines++ < lost_lines_max) {
			log_warn("asynchronous event is lost with the daemon requestId=%s attempts=%u%s",
				 ev->event->id, ev->item.attempts,
				 ev->item.state == ASYNC_ENDED ? ", it was run, but its result is undelivered" : "");
		}
	}
	if (count > 0) {
		log_warn("asynchronous events are lost count=%u; with ASYNC_SPOOL_DIR they would be kept", count);
	}
}

static void drop(struct async_event *ev)
{
	struct async *a = ev->home;

	if (ev->item.state == ASYNC_RUNNING) {
		a->deps.inner->cancel(a->deps.inner, &ev->inv);
		invocation_fini(&ev->inv);
		(void)!async_queue_settle(&a->queue, &ev->item, OUTCOME_SHUTDOWN, 0);
	}
	async_event_free(ev);
}

void async_free(struct async *a)
{
	struct async_spool *spool;

	if (a == NULL) {
		return;
	}
	tell_what_stays(a);
	/* What is left is not done with, so the spool must not hear that it goes. */
	spool = a->spool;
	a->spool = NULL;
	async_spool_free(spool);
	while (!list_empty(&a->events)) {
		drop(list_first(&a->events, struct async_event, all));
	}
	async_targets_free(a->targets);
	loop_timer_clear(a->deps.loop, &a->pump);
	loop_timer_clear(a->deps.loop, &a->limit);
	free(a);
}
