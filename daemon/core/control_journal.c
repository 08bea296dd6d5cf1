/* SPDX-License-Identifier: Apache-2.0 */
/* Two bounded lists and a row of counters. */
#include "core/control_journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/json_scan.h"
#include "base/mem.h"

struct journal {
	struct list calls;  // call::link, oldest first
	struct list events; // capture::link, oldest first
	size_t call_count;
	size_t call_bytes;
	size_t event_count;
	size_t event_bytes;
	uint64_t next_seq;
	uint64_t dropped;
	uint64_t counts[COUNT_COUNT];
	unsigned slots;
	struct journal_init *inits; /* by slot */
};

struct journal *journal_new(unsigned slots)
{
	struct journal *j = xcalloc(1, sizeof(*j));

	list_init(&j->calls);
	list_init(&j->events);
	j->next_seq = 1;
	j->slots = slots;
	j->inits = xcalloc(slots, sizeof(*j->inits));
	return j;
}

static size_t call_size(const struct call *c)
{
	return (c->payload != NULL ? c->payload->len : 0) + (c->result != NULL ? c->result->len : 0);
}

static void drop_call(struct journal *j, struct call *c)
{
	j->call_count--;
	j->call_bytes -= call_size(c);
	list_unlink(&c->link);
	blob_unref(c->payload);
	blob_unref(c->result);
	free(c->arn);
	free(c->trace_id);
	free(c);
}

static void drop_event(struct journal *j, struct capture *e)
{
	j->event_count--;
	j->event_bytes -= e->text->len;
	list_unlink(&e->link);
	blob_unref(e->text);
	free(e);
}

void journal_free(struct journal *j)
{
	if (j == NULL) {
		return;
	}
	while (!list_empty(&j->calls)) {
		drop_call(j, list_first(&j->calls, struct call, link));
	}
	journal_clear_events(j);
	free(j->inits);
	free(j);
}

/* --- invocations --- */

static struct call *find(const struct journal *j, const char *id)
{
	const struct list *pos;

	/* Newest first: what happens, happens to the latest. */
	for (pos = j->calls.prev; pos != &j->calls; pos = pos->prev) {
		struct call *c = container_of(pos, struct call, link);

		if (strcmp(c->id, id) == 0) {
			return c;
		}
	}
	return NULL;
}

static bool is_over(const struct call *c)
{
	return c->state == CALL_FINISHED || c->state == CALL_CANCELLED;
}

/* The one to make room: the oldest that is over, else the oldest. Never the newest: it is the one that happens. */
static struct call *dispensable(struct journal *j)
{
	struct list *pos;

	list_foreach(&j->calls, pos) {
		struct call *c = container_of(pos, struct call, link);

		if (is_over(c) && pos != j->calls.prev) {
			return c;
		}
	}
	return list_first(&j->calls, struct call, link);
}

static void bound_calls(struct journal *j)
{
	while (j->call_count > JOURNAL_CALLS || (j->call_bytes > JOURNAL_BYTES && j->call_count > 1)) {
		drop_call(j, dispensable(j));
	}
}

static struct call *add_call(struct journal *j, const struct event *ev, int64_t now_us, int64_t wall_ms)
{
	struct call *c = xcalloc(1, sizeof(*c));

	snprintf(c->id, sizeof(c->id), "%s", ev->id);
	c->slot = -1;
	c->arn = ev->arn != NULL ? xstrdup(ev->arn) : NULL;
	c->trace_id = ev->trace_id != NULL ? xstrdup(ev->trace_id) : NULL;
	c->payload = blob_ref(ev->body);
	c->queued_ms = wall_ms;
	c->queued_us = now_us;
	c->started_us = -1;
	c->answered_us = -1;
	c->runtime_done_us = -1;
	c->finished_us = -1;
	c->init_us = -1;
	c->extensions_us = -1;
	list_push_back(&j->calls, &c->link);
	j->call_count++;
	j->call_bytes += call_size(c);
	return c;
}

void journal_queued(struct journal *j, const struct event *ev, int64_t now_us, int64_t wall_ms)
{
	(void)add_call(j, ev, now_us, wall_ms);
	j->counts[COUNT_INVOCATIONS]++;
	bound_calls(j);
}

static void finish(struct journal *j, struct call *c, int64_t now_us)
{
	c->state = CALL_FINISHED;
	c->finished_us = now_us;
	j->counts[COUNT_FINISHED]++;
}

void journal_ended(struct journal *j, const struct event *ev, const struct outcome *out, const char *error_type,
		   int64_t now_us, int64_t wall_ms)
{
	struct call *c = find(j, ev->id);

	if (c == NULL) {
		/* It was here before, and had to make room. */
		c = add_call(j, ev, now_us, wall_ms);
	}
	j->call_bytes -= call_size(c);
	blob_unref(c->result);
	c->result = blob_ref(out->body);
	j->call_bytes += call_size(c);
	c->ended = true;
	c->outcome = out->kind;
	c->answered_us = now_us;
	snprintf(c->error_type, sizeof(c->error_type), "%s", error_type != NULL ? error_type : "");
	j->counts[COUNT_ANSWERED]++;
	if (c->state == CALL_RUNNING) {
		c->state = CALL_ANSWERED;
	} else {
		/* No runtime ever had it, so there is nobody to be done with it. */
		finish(j, c, now_us);
	}
	bound_calls(j);
}

void journal_cancelled(struct journal *j, const struct event *ev, int64_t now_us)
{
	struct call *c = find(j, ev->id);

	if (c == NULL) {
		return;
	}
	j->counts[COUNT_CANCELLED]++;
	if (c->state == CALL_QUEUED) {
		c->state = CALL_CANCELLED;
		c->finished_us = now_us;
	} else {
		c->abandoned = true;
	}
}

static void call_lifecycle(struct journal *j, unsigned slot, const struct lifecycle *what)
{
	struct call *c = find(j, what->event->id);

	if (c == NULL) {
		return;
	}
	if (what->kind == LC_START) {
		c->state = CALL_RUNNING;
		c->slot = (int)slot;
		c->started_us = what->now_us;
	} else if (what->kind == LC_RUNTIME_DONE) {
		c->runtime_done_us = what->now_us;
	} else if (what->kind == LC_REPORT && c->state != CALL_FINISHED) {
		c->init_us = what->init_us;
		if (what->runtime_done_us >= 0) {
			c->extensions_us = what->now_us - what->runtime_done_us;
		}
		finish(j, c, what->now_us);
	}
}

/* --- environments --- */

static void init_ended(struct journal *j, unsigned slot, const struct lifecycle *what)
{
	struct journal_init *init = &j->inits[slot];

	init->known = true;
	init->status = what->status;
	init->duration_us = what->now_us - what->started_us;
	snprintf(init->error_type, sizeof(init->error_type), "%s", what->error_type != NULL ? what->error_type : "");
	j->counts[what->status == LC_SUCCESS ? COUNT_INITS : COUNT_INIT_FAILURES]++;
}

void journal_lifecycle(struct journal *j, unsigned slot, const struct lifecycle *what)
{
	static const int counted[LC_COUNT] = {
		[LC_INIT_START] = COUNT_STARTS,	 [LC_FROZEN] = COUNT_FREEZES, [LC_THAWED] = COUNT_THAWS,
		[LC_SHUTDOWN] = COUNT_SHUTDOWNS, [LC_GONE] = COUNT_ENDS,
	};

	/* COUNT_INVOCATIONS is 0 and counted elsewhere. */
	if (counted[what->kind] != 0) {
		j->counts[counted[what->kind]]++;
	}
	if (what->event != NULL) {
		call_lifecycle(j, slot, what);
	} else if (what->kind == LC_INIT_START) {
		j->inits[slot].known = false;
	} else if (what->kind == LC_INIT_REPORT) {
		init_ended(j, slot, what);
	} else if (what->kind == LC_RESTORE_REPORT && what->status == LC_SUCCESS) {
		j->counts[COUNT_RESTORES]++;
	}
}

/* --- telemetry --- */

static void copy_string(struct json_slice value, char *out, size_t size)
{
	struct buf text = BUF_INIT;

	out[0] = '\0';
	if (value.ptr != NULL && json_slice_string(value, &text) && text.len > 0) {
		snprintf(out, size, "%s", text.data);
	}
	buf_fini(&text);
}

void journal_event(struct journal *j, unsigned slot, struct blob *text)
{
	struct capture *e = xcalloc(1, sizeof(*e));
	struct json_slice all = { NULL, 0 };

	e->seq = j->next_seq++;
	e->slot = slot;
	e->text = blob_ref(text);
	if (json_scan_text(text->data, text->len, &all)) {
		struct json_slice record = json_scan_member(all, "record");

		copy_string(json_scan_member(all, "type"), e->type, sizeof(e->type));
		if (json_slice_is(record, '{')) {
			copy_string(json_scan_member(record, "requestId"), e->request_id, sizeof(e->request_id));
		}
	}
	list_push_back(&j->events, &e->link);
	j->event_count++;
	j->event_bytes += text->len;
	j->counts[COUNT_EVENTS]++;
	while (j->event_count > JOURNAL_EVENTS || (j->event_bytes > JOURNAL_BYTES && j->event_count > 1)) {
		drop_event(j, list_first(&j->events, struct capture, link));
		j->dropped++;
	}
}

void journal_clear_events(struct journal *j)
{
	while (!list_empty(&j->events)) {
		drop_event(j, list_first(&j->events, struct capture, link));
	}
}

/* --- readers --- */

const struct call *journal_call(const struct journal *j, const char *id)
{
	return find(j, id);
}

const struct list *journal_calls(const struct journal *j)
{
	return &j->calls;
}

const struct list *journal_events(const struct journal *j)
{
	return &j->events;
}

uint64_t journal_next_seq(const struct journal *j)
{
	return j->next_seq;
}

uint64_t journal_dropped_events(const struct journal *j)
{
	return j->dropped;
}

uint64_t journal_count(const struct journal *j, enum journal_count which)
{
	return j->counts[which];
}

const struct journal_init *journal_init(const struct journal *j, unsigned slot)
{
	return &j->inits[slot];
}

const char *journal_count_name(enum journal_count which)
{
	static const char *const names[COUNT_COUNT] = {
		[COUNT_INVOCATIONS] = "invocations",
		[COUNT_ANSWERED] = "answered",
		[COUNT_FINISHED] = "finished",
		[COUNT_CANCELLED] = "cancelled",
		[COUNT_STARTS] = "starts",
		[COUNT_INITS] = "inits",
		[COUNT_INIT_FAILURES] = "initFailures",
		[COUNT_RESTORES] = "restores",
		[COUNT_FREEZES] = "freezes",
		[COUNT_THAWS] = "thaws",
		[COUNT_SHUTDOWNS] = "shutdowns",
		[COUNT_ENDS] = "ends",
		[COUNT_EVENTS] = "events",
	};

	return names[which];
}

const char *call_state_name(enum call_state s)
{
	static const char *const names[CALL_STATE_COUNT] = {
		[CALL_QUEUED] = "queued",     [CALL_RUNNING] = "running",     [CALL_ANSWERED] = "answered",
		[CALL_FINISHED] = "finished", [CALL_CANCELLED] = "cancelled",
	};

	return names[s];
}
