/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of the SQS event source, from its first message to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/dispatch.h"
#include "core/function_name.h"
#include "core/sqs_event.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "edge/sqs_event_priv.h"
#include "edge/sqs_event_settings.h"

/* Of deleting, with a pause twice as long each time. Then the messages come again: a trigger delivers at least once. */
static const unsigned delete_attempts = 5;
/* While the daemon ends there is not the time to wait for a server that is away. */
static const unsigned drain_attempts = 2;

static void settle_next(struct event_batch *b);

static void set_stage(struct event_batch *b, enum batch_stage stage)
{
	b->home->count[b->stage]--;
	b->home->count[stage]++;
	b->stage = stage;
	event_source_pump(b->home);
}

static void set_timer(const struct event_batch *b, struct loop_timer *t, int64_t us)
{
	loop_timer_set(b->home->deps.loop, t, loop_now_us(b->home->deps.loop) + us);
}

/* The first items from *at on that are held: into group and receipts. *at is behind them afterwards. */
static size_t next_group(const struct event_batch *b, size_t *at, size_t *group, const char **receipts)
{
	size_t n = 0;

	for (; *at < b->count && n < SQS_BATCH_MAX; (*at)++) {
		if (b->items[*at].state == ITEM_HELD) {
			group[n] = *at;
			receipts[n++] = b->items[*at].receipt;
		}
	}
	return n;
}

/* --- keeping it hidden --- */

static void renew_next(struct event_batch *b);

static void on_renewed(void *ctx, const struct aws_failure *failure, const bool *failed, size_t count)
{
	struct event_batch *b = ctx;

	b->renewal = NULL;
	if (failure != NULL) {
		/* The rest of the round would fare no better; the next one is soon. */
		log_warn("messages could not be kept hidden and may be delivered again count=%zu: %s", b->count,
			 failure->message);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		const struct event_item *item = &b->items[b->renewal_group[i]];

		if (failed[i] && item->state == ITEM_HELD) {
			log_warn("a message could not be kept hidden and may be delivered again message=%s",
				 item->id);
		}
	}
	renew_next(b);
}

static void renew_next(struct event_batch *b)
{
	const struct sqs_event_source *s = b->home;
	const char *receipts[SQS_BATCH_MAX];
	size_t n = next_group(b, &b->renewed, b->renewal_group, receipts);

	if (n > 0) {
		b->renewal = sqs_change_visibility_batch(s->deps.sqs, s->deps.settings->queue_url, receipts, n,
							 s->hide_s, on_renewed, b);
	}
}

static void renew_later(struct event_batch *b)
{
	set_timer(b, &b->renew, (int64_t)b->home->hide_s * 1000000 / 3);
}

static void on_renew(void *ctx)
{
	struct event_batch *b = ctx;

	if (b->renewal == NULL) {
		b->renewed = 0;
		renew_next(b);
	}
	renew_later(b);
}

static void cancel_renewal(struct event_batch *b)
{
	aws_call_cancel(b->renewal);
	b->renewal = NULL;
}

static void stop_renewing(struct event_batch *b)
{
	loop_timer_clear(b->home->deps.loop, &b->renew);
	cancel_renewal(b);
}

/* --- back to the queue --- */

static void on_returned(void *ctx, const struct aws_failure *failure, const bool *failed, size_t count)
{
	struct event_batch *b = ctx;

	b->call = NULL;
	if (failure != NULL) {
		log_warn("messages could not be given back and stay hidden for a while count=%zu: %s", b->count,
			 failure->message);
		batch_free(b);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct event_item *item = &b->items[b->group[i]];

		item->state = ITEM_LEFT;
		if (failed[i]) {
			log_warn("a message could not be given back and stays hidden for a while message=%s",
				 item->id);
		} else {
			b->home->stats.returned++;
		}
	}
	settle_next(b);
}

void batch_return(struct event_batch *b)
{
	/* A renewal that arrives after it would undo it. */
	stop_renewing(b);
	set_stage(b, BATCH_RETURNING);
	settle_next(b);
}

/* --- deleting --- */

static void give_up(struct event_batch *b, const char *why)
{
	log_error("messages that the function has handled could not be deleted and come again: %s", why);
	batch_free(b);
}

static void try_again(struct event_batch *b, const char *why)
{
	unsigned wait = 1u << b->failures++;

	b->home->stats.failures++;
	if (b->failures >= (b->home->draining ? drain_attempts : delete_attempts)) {
		give_up(b, why);
		return;
	}
	log_warn("messages that the function has handled could not be deleted: %s; trying again in %u s", why, wait);
	set_timer(b, &b->retry, (int64_t)wait * 1000000);
}

static void on_deleted(void *ctx, const struct aws_failure *failure, const bool *failed, size_t count)
{
	struct event_batch *b = ctx;
	size_t left = 0;

	b->call = NULL;
	if (failure != NULL && sqs_may_try_again(failure)) {
		try_again(b, failure->message);
		return;
	}
	if (failure != NULL) {
		b->home->stats.failures++;
		give_up(b, failure->message);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (failed[i]) {
			left++;
		} else {
			b->items[b->group[i]].state = ITEM_GONE;
			b->home->stats.deleted++;
		}
	}
	if (left > 0) {
		try_again(b, "SQS refused some of them");
	} else {
		b->failures = 0;
		settle_next(b);
	}
}

/* Up to ten of them. There is an end to it: each call leaves fewer held, or ends the batch. */
static void settle_next(struct event_batch *b)
{
	const struct sqs_event_source *s = b->home;
	const char *url = s->deps.settings->queue_url;
	const char *receipts[SQS_BATCH_MAX];
	size_t at = 0;
	size_t n = next_group(b, &at, b->group, receipts);

	if (n == 0) {
		batch_free(b);
	} else if (b->stage == BATCH_RETURNING) {
		b->call = sqs_change_visibility_batch(s->deps.sqs, url, receipts, n, 0, on_returned, b);
	} else {
		b->call = sqs_delete_batch(s->deps.sqs, url, receipts, n, on_deleted, b);
	}
}

static void on_retry(void *ctx)
{
	settle_next(ctx);
}

/* --- running --- */

static void leave_all(struct event_batch *b, const char *outcome, const char *why)
{
	struct sqs_event_source *s = b->home;
	unsigned wait = sqs_event_wait_s(++s->function_failures);

	s->stats.failed_batches++;
	s->stats.failed += b->count;
	log_warn("a batch failed, its messages come again when they are visible again messages=%zu outcome=%s "
		 "within_s=%u: %.500s",
		 b->count, outcome, s->hide_s, why);
	if (wait > 0) {
		log_warn("batches fail one after the other: no more messages are received for %u s count=%u", wait,
			 s->function_failures);
		event_source_wait(s, wait);
	}
	batch_free(b);
}

/* Marks what the function says has failed. -1 with the reason in why: that was all. */
static int read_failures(struct event_batch *b, const struct blob *result, char *why, size_t why_size)
{
	const char **ids = xcalloc(b->count, sizeof(*ids));
	bool *failed = xcalloc(b->count, sizeof(*failed));
	int r;

	for (size_t i = 0; i < b->count; i++) {
		ids[i] = b->items[i].id;
	}
	r = sqs_event_failures(result->data, result->len, ids, b->count, failed, why, why_size);
	for (size_t i = 0; r == 0 && i < b->count; i++) {
		if (failed[i]) {
			b->items[i].state = ITEM_LEFT;
		}
	}
	free(ids);
	free(failed);
	return r;
}

static size_t count_left(const struct event_batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->count; i++) {
		n += b->items[i].state == ITEM_LEFT;
	}
	return n;
}

static void settle(struct event_batch *b, const struct outcome *out)
{
	struct sqs_event_source *s = b->home;
	char why[200];
	size_t left;

	if (s->deps.settings->report_failures && read_failures(b, out->body, why, sizeof(why)) != 0) {
		leave_all(b, "bad_batch_response", why);
		return;
	}
	left = count_left(b);
	s->function_failures = 0;
	s->stats.failed += left;
	if (left > 0) {
		s->stats.partial_batches++;
		log_warn("the function reports failed messages, they come again when they are visible again "
			 "messages=%zu failed=%zu within_s=%u",
			 b->count, left, s->hide_s);
	} else {
		s->stats.succeeded_batches++;
		log_debug("a batch was handled messages=%zu", b->count);
	}
	set_stage(b, BATCH_DELETING);
	/* A renewal under way would keep hidden what has failed. */
	cancel_renewal(b);
	settle_next(b);
}

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct event_batch *b = container_of(inv, struct event_batch, inv);

	if (out->kind == OUTCOME_RESPONSE) {
		settle(b, out);
	} else if (out->kind == OUTCOME_SHUTDOWN) {
		batch_return(b);
	} else {
		leave_all(b, outcome_name(out->kind), out->body != NULL ? out->body->data : "it never ran");
	}
}

static const struct invocation_ops batch_ops = { .done = on_done };

void batch_run(struct event_batch *b)
{
	const struct sqs_event_source *s = b->home;
	const struct config *cfg = s->deps.cfg;
	struct event *ev = event_new();

	buf_puts(&b->event, SQS_EVENT_END);
	ev->body = buf_to_blob(&b->event);
	ev->arn = function_arn(cfg->region, cfg->account_id, cfg->function_name, "");
	log_debug("a batch runs messages=%zu bytes=%zu id=%s", b->count, ev->body->len, ev->id);
	set_stage(b, BATCH_RUNNING);
	b->has_inv = true;
	invocation_init(&b->inv, &batch_ops, ev);
	b->inv.bounded = true;
	dispatch_submit(s->deps.dispatch, &b->inv, loop_now_us(s->deps.loop));
}

/* --- life --- */

struct event_batch *batch_new(struct sqs_event_source *s)
{
	struct event_batch *b = xcalloc(1, sizeof(*b));

	b->home = s;
	b->stage = BATCH_COLLECTING;
	s->count[b->stage]++;
	list_push_back(&s->batches, &b->link);
	loop_timer_init(&b->renew, on_renew, b);
	loop_timer_init(&b->retry, on_retry, b);
	renew_later(b);
	buf_puts(&b->event, SQS_EVENT_BEGIN);
	return b;
}

void batch_free(struct event_batch *b)
{
	struct sqs_event_source *s = b->home;

	list_unlink(&b->link);
	s->count[b->stage]--;
	aws_call_cancel(b->call);
	stop_renewing(b);
	loop_timer_clear(s->deps.loop, &b->retry);
	if (b->has_inv) {
		dispatch_cancel(s->deps.dispatch, &b->inv, loop_now_us(s->deps.loop));
		invocation_fini(&b->inv);
	}
	for (size_t i = 0; i < b->count; i++) {
		free(b->items[i].id);
		free(b->items[i].receipt);
	}
	free(b->items);
	buf_fini(&b->event);
	free(b);
	event_source_pump(s);
}

void batch_add(struct event_batch *b, const struct sqs_message *m, const struct buf *record)
{
	if (b->count == b->room) {
		b->room = b->room > 0 ? 2 * b->room : 16;
		b->items = xrealloc(b->items, b->room * sizeof(*b->items));
	}
	buf_puts(&b->event, b->count > 0 ? "," : "");
	buf_append(&b->event, record->data, record->len);
	b->items[b->count++] = (struct event_item){ xstrdup(m->id), xstrdup(m->receipt), ITEM_HELD };
}
