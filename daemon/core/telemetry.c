/* SPDX-License-Identifier: Apache-2.0 */
/* Recording, replay and the list of subscriptions of one environment. */
#include "core/telemetry.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/list.h"
#include "base/mem.h"
#include "core/telemetry_priv.h"

/* What is kept for subscribers to come; the init phase of an ordinary function fits many times. */
static const size_t recorded_bytes_max = 1 << 20;
static const size_t recorded_events_max = 10000;

struct recorded {
	struct list link;
	struct telemetry_event event;
	size_t len;
};

void telemetry_event_fini(struct telemetry_event *ev)
{
	for (unsigned f = 0; f < FORM_COUNT; f++) {
		blob_unref(ev->text[f]);
		ev->text[f] = NULL;
	}
}

struct telemetry *telemetry_new(const struct telemetry_ops *ops, void *ctx)
{
	struct telemetry *t = xcalloc(1, sizeof(*t));

	t->ops = ops;
	t->ctx = ctx;
	t->next_us = INT64_MAX;
	list_init(&t->subs);
	list_init(&t->recorded);
	return t;
}

void telemetry_free(struct telemetry *t)
{
	if (t != NULL) {
		telemetry_end(t);
		free(t);
	}
}

static void forget_recorded(struct telemetry *t, struct recorded *r)
{
	t->recorded_bytes -= r->len;
	t->recorded_count--;
	list_unlink(&r->link);
	telemetry_event_fini(&r->event);
	free(r);
}

static void forget_all_recorded(struct telemetry *t)
{
	while (!list_empty(&t->recorded)) {
		forget_recorded(t, list_first(&t->recorded, struct recorded, link));
	}
	t->lost_events = 0;
	t->lost_bytes = 0;
}

static void refresh_wants(struct telemetry *t)
{
	struct list *pos;

	memset(t->wants, 0, sizeof(t->wants));
	list_foreach(&t->subs, pos) {
		const struct telemetry_sub *sub = container_of(pos, struct telemetry_sub, link);

		for (unsigned i = 0; i < countof(t->wants); i++) {
			if ((sub->want.types & 1u << i) != 0) {
				t->wants[i] |= 1u << sub->want.form;
			}
		}
	}
	for (unsigned i = 0; i < countof(t->wants) && t->recording; i++) {
		t->wants[i] = (1u << FORM_COUNT) - 1;
	}
}

void telemetry_begin(struct telemetry *t)
{
	telemetry_end(t);
	t->recording = true;
	refresh_wants(t);
}

void telemetry_close(struct telemetry *t)
{
	t->recording = false;
	forget_all_recorded(t);
	refresh_wants(t);
}

void telemetry_end(struct telemetry *t)
{
	while (!list_empty(&t->subs)) {
		telemetry_sub_free(list_first(&t->subs, struct telemetry_sub, link));
	}
	t->urgent = false;
	t->paused = false;
	telemetry_close(t);
	if (t->next_us != INT64_MAX) {
		t->next_us = INT64_MAX;
		t->ops->rearm(t->ctx, INT64_MAX);
	}
}

unsigned telemetry_wants(const struct telemetry *t, enum telemetry_type type)
{
	for (unsigned i = 0; i < countof(t->wants); i++) {
		if ((unsigned)type == 1u << i) {
			return t->wants[i];
		}
	}
	return 0;
}

static size_t longest(const struct telemetry_event *ev)
{
	size_t len = 0;

	for (unsigned f = 0; f < FORM_COUNT; f++) {
		if (ev->text[f] != NULL && ev->text[f]->len > len) {
			len = ev->text[f]->len;
		}
	}
	return len;
}

/* Moves the content of ev into the record. */
static void record(struct telemetry *t, struct telemetry_event *ev)
{
	struct recorded *r = xcalloc(1, sizeof(*r));

	r->event = *ev;
	memset(ev->text, 0, sizeof(ev->text));
	r->len = longest(&r->event);
	list_push_back(&t->recorded, &r->link);
	t->recorded_bytes += r->len;
	t->recorded_count++;
	while (t->recorded_bytes > recorded_bytes_max || t->recorded_count > recorded_events_max) {
		struct recorded *oldest = list_first(&t->recorded, struct recorded, link);

		t->lost_events++;
		t->lost_bytes += oldest->len;
		forget_recorded(t, oldest);
	}
}

static void give(struct telemetry_sub *sub, const struct telemetry_event *ev, int64_t now_us)
{
	struct blob *text = ev->text[sub->want.form];

	if ((sub->want.types & (unsigned)ev->type) != 0 && text != NULL) {
		telemetry_sub_add(sub, text->data, text->len, now_us);
	}
}

void telemetry_emit(struct telemetry *t, struct telemetry_event *ev, int64_t now_us)
{
	struct list *pos;

	list_foreach(&t->subs, pos) {
		struct telemetry_sub *sub = container_of(pos, struct telemetry_sub, link);

		give(sub, ev, now_us);
		telemetry_sub_pump(sub, now_us);
	}
	if (t->recording) {
		record(t, ev);
	}
	telemetry_event_fini(ev);
}

static struct telemetry_sub *find(struct telemetry *t, const char *extension)
{
	struct list *pos;

	list_foreach(&t->subs, pos) {
		struct telemetry_sub *sub = container_of(pos, struct telemetry_sub, link);

		if (strcmp(sub->name, extension) == 0) {
			return sub;
		}
	}
	return NULL;
}

static void replay(struct telemetry *t, struct telemetry_sub *sub, int64_t now_us)
{
	struct list *pos;

	sub->dropped_events = t->lost_events;
	sub->dropped_bytes = t->lost_bytes;
	list_foreach(&t->recorded, pos) {
		give(sub, &container_of(pos, struct recorded, link)->event, now_us);
	}
}

static bool is_logs(enum telemetry_form form)
{
	return form == FORM_LOGS_2020 || form == FORM_LOGS_2021;
}

static bool same_want(const struct telemetry_want *a, const struct telemetry_want *b)
{
	return a->form == b->form && a->types == b->types && a->max_items == b->max_items &&
	       a->max_bytes == b->max_bytes && a->timeout_ms == b->timeout_ms && a->tcp == b->tcp &&
	       a->put == b->put && a->port == b->port && strcmp(a->path, b->path) == 0;
}

enum telemetry_verdict telemetry_subscribe(struct telemetry *t, const char *extension,
					   const struct telemetry_want *want, int64_t now_us)
{
	struct telemetry_sub *sub;

	if (!t->recording) {
		return TELEMETRY_CLOSED;
	}
	sub = find(t, extension);
	if (sub != NULL && is_logs(sub->want.form) != is_logs(want->form)) {
		return TELEMETRY_OTHER_API;
	}
	if (sub == NULL) {
		sub = telemetry_sub_new(t, extension, want);
		replay(t, sub, now_us);
	} else if (!same_want(&sub->want, want)) {
		telemetry_sub_change(sub, want);
	} else {
		return TELEMETRY_UNCHANGED;
	}
	refresh_wants(t);
	telemetry_sub_pump(sub, now_us);
	return TELEMETRY_SUBSCRIBED;
}

bool telemetry_open(const struct telemetry *t)
{
	return t->recording;
}

unsigned telemetry_subscribers(const struct telemetry *t)
{
	const struct list *pos;
	unsigned n = 0;

	list_foreach(&t->subs, pos) {
		n++;
	}
	return n;
}

static void pump_all(struct telemetry *t, int64_t now_us)
{
	struct list *pos;

	list_foreach(&t->subs, pos) {
		telemetry_sub_pump(container_of(pos, struct telemetry_sub, link), now_us);
	}
}

void telemetry_tick(struct telemetry *t, int64_t now_us)
{
	t->next_us = INT64_MAX;
	pump_all(t, now_us);
	if (t->next_us == INT64_MAX) {
		t->ops->rearm(t->ctx, INT64_MAX);
	}
}

void telemetry_arm(struct telemetry *t, int64_t at_us)
{
	if (at_us < t->next_us) {
		t->next_us = at_us;
		t->ops->rearm(t->ctx, at_us);
	}
}

void telemetry_flush(struct telemetry *t, int64_t now_us)
{
	t->urgent = true;
	pump_all(t, now_us);
}

void telemetry_pause(struct telemetry *t, bool pause, int64_t now_us)
{
	struct list *pos;

	t->paused = pause;
	list_foreach(&t->subs, pos) {
		t->ops->pause(t->ctx, container_of(pos, struct telemetry_sub, link), pause);
	}
	if (!pause) {
		pump_all(t, now_us);
	}
}

const struct telemetry_figures *telemetry_figures(const struct telemetry *t)
{
	return &t->figures;
}
