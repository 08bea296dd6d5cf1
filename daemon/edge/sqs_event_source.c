/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving of the SQS event source: polls, collects batches, slows down. */
#include "edge/sqs_event_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/bridge_rules.h"
#include "core/sqs_event.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "edge/managed_settings.h"
#include "edge/sqs_event_priv.h"
#include "edge/sqs_event_settings.h"

static const unsigned long_poll_s = 20;
/* Batches whose messages cannot be deleted must not pile up. */
static const unsigned deleting_max = 10;

/* --- the queue --- */

static void receive_failed(struct sqs_event_source *s, const char *what, const struct aws_failure *failure)
{
	unsigned wait = sqs_event_wait_s(++s->receive_failures + 1);

	s->stats.failures++;
	log_warn("%s: %s; trying again in %u s", what, failure->message, wait);
	event_source_wait(s, wait);
}

static void on_attributes(void *ctx, const struct aws_failure *failure, const struct sqs_queue_attributes *attributes)
{
	struct sqs_event_source *s = ctx;
	const struct sqs_event_settings *settings = s->deps.settings;

	s->call = NULL;
	if (failure != NULL) {
		receive_failed(s, "the queue of the SQS event source cannot be looked at", failure);
		return;
	}
	snprintf(s->arn, sizeof(s->arn), "%s", attributes->arn);
	sqs_event_region(s->arn, s->region, sizeof(s->region));
	s->fifo = attributes->fifo;
	s->hide_s = attributes->visibility_s > 0 ? attributes->visibility_s : BRIDGE_HIDE_S;
	log_info("SQS event source queue=%s arn=%s batch_size=%llu window_s=%llu report_failures=%s visibility_s=%u",
		 settings->queue_url, s->arn, (unsigned long long)settings->batch_size,
		 (unsigned long long)settings->window_s, settings->report_failures ? "TRUE" : "FALSE", s->hide_s);
	if ((int64_t)attributes->visibility_s * 1000000 < s->deps.cfg->timeout_us) {
		log_warn("the queue's visibility timeout is shorter than the function's timeout: AWS accepts no such "
			 "trigger visibility_s=%u",
			 attributes->visibility_s);
	}
	event_source_pump(s);
}

static void look_up(struct sqs_event_source *s)
{
	s->call = sqs_get_attributes(s->deps.sqs, s->deps.settings->queue_url, on_attributes, s);
}

/* --- collecting --- */

static void close_open(struct sqs_event_source *s)
{
	struct event_batch *b = s->open;

	s->open = NULL;
	loop_timer_clear(s->deps.loop, &s->window);
	batch_run(b);
}

static void on_window(void *ctx)
{
	close_open(ctx);
}

/* A new delivery of a message that is at hand brings the handle that counts from now on. true: it was one. */
static bool take_duplicate(struct sqs_event_source *s, const struct sqs_message *m)
{
	struct list *pos;

	list_foreach(&s->batches, pos) {
		struct event_batch *b = container_of(pos, struct event_batch, link);

		for (size_t i = 0; b->stage != BATCH_RETURNING && i < b->count; i++) {
			struct event_item *item = &b->items[i];

			if (item->state == ITEM_HELD && strcmp(item->id, m->id) == 0) {
				log_debug("a message that is at hand was delivered again message=%s", m->id);
				free(item->receipt);
				item->receipt = xstrdup(m->receipt);
				s->stats.duplicates++;
				return true;
			}
		}
	}
	return false;
}

static void open_batch(struct sqs_event_source *s)
{
	s->open = batch_new(s);
	s->window_end_us = loop_now_us(s->deps.loop) + (int64_t)s->deps.settings->window_s * 1000000;
	if (s->deps.settings->window_s > 0) {
		loop_timer_set(s->deps.loop, &s->window, s->window_end_us);
	}
}

/* A message that does not fit goes into the next batch. That of a FIFO queue goes back: the batch before it may hold others of
 * its group, and until these are done with SQS does not deliver it again. */
static void take(struct sqs_event_source *s, const struct sqs_message *m, struct event_batch **back)
{
	struct buf record = BUF_INIT;

	s->stats.received++;
	if (take_duplicate(s, m)) {
		return;
	}
	sqs_event_record(&record, m, s->arn, s->region);
	if (s->open != NULL &&
	    s->open->event.len + record.len + sizeof("," SQS_EVENT_END) - 1 > SQS_EVENT_BYTES_MAX) {
		close_open(s);
		*back = s->fifo ? batch_new(s) : NULL;
	}
	if (*back != NULL) {
		batch_add(*back, m, &record);
	} else {
		if (s->open == NULL) {
			open_batch(s);
		}
		batch_add(s->open, m, &record);
	}
	buf_fini(&record);
	if (s->open != NULL && s->open->count >= s->deps.settings->batch_size) {
		close_open(s);
	}
}

static void on_messages(void *ctx, const struct aws_failure *failure, const struct sqs_message *messages,
			size_t count)
{
	struct sqs_event_source *s = ctx;
	struct event_batch *back = NULL;

	s->call = NULL;
	if (failure != NULL) {
		receive_failed(s, "Failed to get messages", failure);
		return;
	}
	if (s->receive_failures > 0) {
		log_info("messages can be received again queue=%s", s->deps.settings->queue_url);
		s->receive_failures = 0;
	}
	for (size_t i = 0; i < count; i++) {
		take(s, &messages[i], &back);
	}
	if (back != NULL) {
		batch_return(back);
	}
	if (s->open != NULL && s->deps.settings->window_s == 0) {
		close_open(s);
	}
	event_source_pump(s);
}

/* --- receiving --- */

static bool has_place(const struct sqs_event_source *s)
{
	unsigned most = managed_capacity(s->deps.cfg);

	return s->open != NULL || (s->count[BATCH_RUNNING] < sqs_event_concurrency(most, s->function_failures) &&
				   s->count[BATCH_DELETING] < most + deleting_max);
}

static unsigned poll_s(const struct sqs_event_source *s)
{
	int64_t left_us = s->window_end_us - loop_now_us(s->deps.loop);

	if (s->open == NULL || left_us > (int64_t)long_poll_s * 1000000) {
		return long_poll_s;
	}
	return left_us > 0 ? (unsigned)((left_us + 999999) / 1000000) : 1;
}

static void receive(struct sqs_event_source *s)
{
	uint64_t room = s->deps.settings->batch_size - (s->open != NULL ? s->open->count : 0);
	const struct sqs_receive_args args = {
		.queue_url = s->deps.settings->queue_url,
		.max = room < SQS_BATCH_MAX ? (unsigned)room : SQS_BATCH_MAX,
		.wait_s = poll_s(s),
		.visibility_s = (int)s->hide_s,
	};

	s->call = sqs_receive(s->deps.sqs, &args, on_messages, s);
}

static void on_pump(void *ctx)
{
	struct sqs_event_source *s = ctx;

	if (s->waiting || s->draining || s->call != NULL) {
		return;
	}
	if (s->arn[0] == '\0') {
		look_up(s);
	} else if (has_place(s)) {
		receive(s);
	}
}

static void on_retry(void *ctx)
{
	struct sqs_event_source *s = ctx;

	s->waiting = false;
	on_pump(s);
}

void event_source_pump(struct sqs_event_source *s)
{
	loop_timer_set(s->deps.loop, &s->pump, loop_now_us(s->deps.loop));
}

void event_source_wait(struct sqs_event_source *s, unsigned seconds)
{
	s->waiting = true;
	loop_timer_set(s->deps.loop, &s->retry, loop_now_us(s->deps.loop) + (int64_t)seconds * 1000000);
}

/* --- life --- */

struct sqs_event_source *sqs_event_source_new(const struct sqs_event_source_deps *deps)
{
	struct sqs_event_source *s = xcalloc(1, sizeof(*s));

	s->deps = *deps;
	list_init(&s->batches);
	loop_timer_init(&s->retry, on_retry, s);
	loop_timer_init(&s->pump, on_pump, s);
	loop_timer_init(&s->window, on_window, s);
	return s;
}

void sqs_event_source_free(struct sqs_event_source *s)
{
	struct list *pos, *tmp;

	if (s == NULL) {
		return;
	}
	aws_call_cancel(s->call);
	list_foreach_safe(&s->batches, pos, tmp) {
		batch_free(container_of(pos, struct event_batch, link));
	}
	loop_timer_clear(s->deps.loop, &s->retry);
	loop_timer_clear(s->deps.loop, &s->pump);
	loop_timer_clear(s->deps.loop, &s->window);
	free(s);
}

void sqs_event_source_start(struct sqs_event_source *s)
{
	event_source_pump(s);
}

void sqs_event_source_drain(struct sqs_event_source *s)
{
	struct event_batch *open;

	if (s == NULL || s->draining) {
		return;
	}
	s->draining = true;
	loop_timer_clear(s->deps.loop, &s->retry);
	loop_timer_clear(s->deps.loop, &s->window);
	aws_call_cancel(s->call);
	s->call = NULL;
	open = s->open;
	s->open = NULL;
	if (open != NULL) {
		batch_return(open);
	}
}

unsigned sqs_event_source_busy(const struct sqs_event_source *s)
{
	unsigned n = 0;

	for (unsigned i = 0; s != NULL && i < BATCH_STAGES; i++) {
		n += s->count[i];
	}
	return n;
}

static void render(struct buf *out, const char *labelled, uint64_t n)
{
	buf_printf(out, "lambda_sqs_event_source_%s %llu\n", labelled, (unsigned long long)n);
}

void sqs_event_source_render(const struct sqs_event_source *s, struct buf *out)
{
	buf_puts(out, "# HELP lambda_sqs_event_source_messages_total Messages by what became of them.\n"
		      "# TYPE lambda_sqs_event_source_messages_total counter\n");
	render(out, "messages_total{fate=\"received\"}", s->stats.received);
	render(out, "messages_total{fate=\"duplicate\"}", s->stats.duplicates);
	render(out, "messages_total{fate=\"deleted\"}", s->stats.deleted);
	render(out, "messages_total{fate=\"failed\"}", s->stats.failed);
	render(out, "messages_total{fate=\"returned\"}", s->stats.returned);
	buf_puts(out, "# HELP lambda_sqs_event_source_batches_total Batches that ran.\n"
		      "# TYPE lambda_sqs_event_source_batches_total counter\n");
	render(out, "batches_total{outcome=\"success\"}", s->stats.succeeded_batches);
	render(out, "batches_total{outcome=\"partial\"}", s->stats.partial_batches);
	render(out, "batches_total{outcome=\"failure\"}", s->stats.failed_batches);
	buf_puts(out, "# HELP lambda_sqs_event_source_failures_total Calls of SQS that failed after all retries.\n"
		      "# TYPE lambda_sqs_event_source_failures_total counter\n");
	render(out, "failures_total", s->stats.failures);
	buf_puts(out, "# HELP lambda_sqs_event_source_batches Batches at hand.\n"
		      "# TYPE lambda_sqs_event_source_batches gauge\n");
	render(out, "batches{state=\"collecting\"}", s->count[BATCH_COLLECTING]);
	render(out, "batches{state=\"running\"}", s->count[BATCH_RUNNING]);
	render(out, "batches{state=\"settling\"}", s->count[BATCH_DELETING] + s->count[BATCH_RETURNING]);
}
