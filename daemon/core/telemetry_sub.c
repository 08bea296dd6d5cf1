/* SPDX-License-Identifier: Apache-2.0 */
/* One subscriber: its batches, their sending, retries and losses. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/mem.h"
#include "core/telemetry_event.h"
#include "core/telemetry_priv.h"

/* A subscriber that is slow or away holds this many times its maxBytes at most. */
static const size_t backlog_factor = 4;
static const int64_t retry_first_us = 100 * 1000;
static const int64_t retry_max_us = 2 * 1000 * 1000;
/* A batch that is refused again and again must not keep the later ones for ever. About 14 s. */
static const unsigned attempts_max = 10;

struct batch {
	struct list link; // telemetry_sub::queue
	struct blob *body;
	uint64_t events;
};

struct telemetry_sub *telemetry_sub_new(struct telemetry *t, const char *name, const struct telemetry_want *want)
{
	struct telemetry_sub *sub = xcalloc(1, sizeof(*sub));

	sub->home = t;
	sub->name = xstrdup(name);
	sub->want = *want;
	sub->retry_us = INT64_MIN;
	list_init(&sub->queue);
	list_push_back(&t->subs, &sub->link);
	return sub;
}

static void free_batch(struct telemetry_sub *sub, struct batch *b)
{
	list_unlink(&b->link);
	sub->queue_bytes -= b->body->len;
	blob_unref(b->body);
	free(b);
}

static void drop_batch(struct telemetry_sub *sub, struct batch *b)
{
	struct telemetry_figures *figures = &sub->home->figures;

	sub->dropped_events += b->events;
	sub->dropped_bytes += b->body->len;
	figures->dropped_events += b->events;
	figures->dropped_bytes += b->body->len;
	free_batch(sub, b);
}

/* The open batch joins the queue. */
static void close_open(struct telemetry_sub *sub)
{
	struct batch *b;

	if (sub->open_events == 0) {
		return;
	}
	if (!sub->want.tcp) {
		buf_putc(&sub->open, ']');
	}
	b = xcalloc(1, sizeof(*b));
	b->events = sub->open_events;
	b->body = buf_to_blob(&sub->open);
	sub->open_events = 0;
	sub->queue_bytes += b->body->len;
	list_push_back(&sub->queue, &b->link);
}

/* Never the one on its way: its bytes may be half sent. */
static struct batch *oldest_droppable(struct telemetry_sub *sub)
{
	struct list *first = sub->queue.next;

	if (sub->sending) {
		first = first->next;
	}
	return first == &sub->queue ? NULL : container_of(first, struct batch, link);
}

static void bound_memory(struct telemetry_sub *sub)
{
	while (sub->queue_bytes + sub->open.len > backlog_factor * sub->want.max_bytes) {
		struct batch *b = oldest_droppable(sub);

		if (b == NULL) {
			return;
		}
		if (!sub->sending && &b->link == sub->queue.next) {
			sub->attempts = 0;
		}
		drop_batch(sub, b);
	}
}

void telemetry_sub_add(struct telemetry_sub *sub, const char *text, size_t len, int64_t now_us)
{
	if (sub->open_events > 0 && sub->open.len + len > sub->want.max_bytes) {
		close_open(sub);
	}
	if (sub->open_events == 0) {
		sub->due_us = now_us + (int64_t)sub->want.timeout_ms * 1000;
	}
	if (!sub->want.tcp) {
		buf_putc(&sub->open, sub->open_events == 0 ? '[' : ',');
	}
	buf_append(&sub->open, text, len);
	if (sub->want.tcp) {
		buf_putc(&sub->open, '\n');
	}
	sub->open_events++;
	if (sub->open_events >= sub->want.max_items || sub->open.len >= sub->want.max_bytes) {
		close_open(sub);
	}
	bound_memory(sub);
}

static void say_what_was_dropped(struct telemetry_sub *sub, int64_t now_us, int64_t wall_ms)
{
	struct telemetry_event ev = { .type = TELEMETRY_PLATFORM };
	struct blob *text;

	if (sub->dropped_events == 0) {
		return;
	}
	if ((sub->want.types & TELEMETRY_PLATFORM) != 0) {
		telemetry_event_dropped(&ev, 1u << sub->want.form, wall_ms, sub->dropped_events, sub->dropped_bytes);
		text = ev.text[sub->want.form];
		telemetry_sub_add(sub, text->data, text->len, now_us);
		telemetry_event_fini(&ev);
	}
	sub->dropped_events = 0;
	sub->dropped_bytes = 0;
}

void telemetry_sub_pump(struct telemetry_sub *sub, int64_t now_us)
{
	struct telemetry *t = sub->home;

	if (sub->sending || t->paused) {
		return;
	}
	if (list_empty(&sub->queue) && sub->open_events > 0 && (sub->due_us <= now_us || t->urgent)) {
		close_open(sub);
	}
	if (list_empty(&sub->queue)) {
		if (sub->open_events > 0) {
			telemetry_arm(t, sub->due_us);
		}
		return;
	}
	if (sub->retry_us > now_us) {
		telemetry_arm(t, sub->retry_us);
		return;
	}
	sub->sending = true;
	t->ops->send(t->ctx, sub, list_first(&sub->queue, struct batch, link)->body);
}

static int64_t wait_us(const struct telemetry_sub *sub)
{
	int64_t wait = retry_first_us;

	for (unsigned i = 1; i < sub->attempts && wait < retry_max_us && !sub->home->urgent; i++) {
		wait *= 2;
	}
	return wait < retry_max_us ? wait : retry_max_us;
}

static void failed(struct telemetry_sub *sub, struct batch *head, int64_t now_us)
{
	if (sub->home->paused) {
		return;
	}
	sub->home->figures.failures++;
	sub->attempts++;
	sub->retry_us = now_us + wait_us(sub);
	if (sub->attempts >= attempts_max) {
		sub->attempts = 0;
		drop_batch(sub, head);
	}
}

void telemetry_sent(struct telemetry_sub *sub, bool ok, int64_t now_us, int64_t wall_ms)
{
	struct batch *head = list_first(&sub->queue, struct batch, link);

	assert(sub->sending && head != NULL);
	sub->sending = false;
	if (ok) {
		sub->home->figures.sent_batches++;
		sub->home->figures.sent_events += head->events;
		sub->attempts = 0;
		sub->retry_us = INT64_MIN;
		free_batch(sub, head);
		say_what_was_dropped(sub, now_us, wall_ms);
	} else {
		failed(sub, head, now_us);
		bound_memory(sub);
	}
	telemetry_sub_pump(sub, now_us);
}

/* Whatever is on its way is given up and waits at the head of the queue. */
static void give_up_send(struct telemetry_sub *sub)
{
	sub->home->ops->gone(sub->home->ctx, sub);
	sub->sending = false;
}

void telemetry_sub_change(struct telemetry_sub *sub, const struct telemetry_want *want)
{
	bool other_framing = sub->want.tcp != want->tcp;

	close_open(sub);
	give_up_send(sub);
	sub->want = *want;
	sub->attempts = 0;
	sub->retry_us = INT64_MIN;
	while (other_framing && !list_empty(&sub->queue)) {
		drop_batch(sub, list_first(&sub->queue, struct batch, link));
	}
}

void telemetry_sub_free(struct telemetry_sub *sub)
{
	give_up_send(sub);
	close_open(sub);
	while (!list_empty(&sub->queue)) {
		drop_batch(sub, list_first(&sub->queue, struct batch, link));
	}
	list_unlink(&sub->link);
	buf_fini(&sub->open);
	free(sub->name);
	free(sub);
}

const struct telemetry_want *telemetry_sub_want(const struct telemetry_sub *sub)
{
	return &sub->want;
}

const char *telemetry_sub_name(const struct telemetry_sub *sub)
{
	return sub->name;
}

void **telemetry_sub_data(struct telemetry_sub *sub)
{
	return &sub->data;
}
