/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The telemetry of one execution environment: who subscribed to it, what is buffered for each, when it is sent. Sans I/O:
 * batches go out through struct telemetry_ops, time is an argument (now_us: microseconds, monotonic; wall_ms: Unix time).
 *
 * Life: telemetry_begin() when the environment's processes are about to start. Everything is recorded from then on, so that
 * a subscriber gets what was before it, until telemetry_close(): after that nobody can subscribe, and an environment
 * without subscribers costs one comparison for each event. telemetry_end() when its processes are gone.
 *
 * Each subscription has one open batch, a queue of full ones and at most one on its way, so the order is kept. A batch that
 * could not be sent is tried again, ever less often; it waits in bounded memory, where the oldest makes room for the newest
 * and the subscriber is told how much it missed (platform.logsDropped).
 */
#ifndef CORE_TELEMETRY_H
#define CORE_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct blob;
struct telemetry;
struct telemetry_sub;

enum telemetry_type {
	TELEMETRY_PLATFORM = 1 << 0,
	TELEMETRY_FUNCTION = 1 << 1,
	TELEMETRY_EXTENSION = 1 << 2,
};

/* What an event looks like depends on the schema version that was asked for. */
enum telemetry_form {
	FORM_LOGS_2020,	     /* Logs API 2020-08-15 */
	FORM_LOGS_2021,	     /* Logs API 2021-03-18: platform.runtimeDone as well */
	FORM_TELEMETRY_TEXT, /* Telemetry API 2022-07-01: log lines are strings */
	FORM_TELEMETRY_JSON, /* Telemetry API from 2022-12-13 on: log lines that are JSON objects are objects */
	FORM_COUNT,	     // keep last
};

/* One event, rendered in the forms that somebody wants; a form that does not have it has NULL. */
struct telemetry_event {
	enum telemetry_type type;
	struct blob *text[FORM_COUNT]; /* one reference each; the same blob may be there several times */
};

void telemetry_event_fini(struct telemetry_event *ev);

/* What a subscriber asked for, checked already (edge/telemetry_request.h). */
struct telemetry_want {
	enum telemetry_form form;
	bool newest;	/* schema 2025-01-29, the only one of managed instances */
	unsigned types; /* telemetry_type, or-ed */
	uint64_t max_items;
	uint64_t max_bytes;
	uint64_t timeout_ms;
	bool tcp; /* newline-delimited JSON to port; else HTTP, a JSON array to the path at port */
	bool put; /* HTTP PUT instead of POST; Logs API only */
	uint16_t port;
	char path[1024]; /* with its query; begins with '/' */
};

struct telemetry_ops {
	/* Send this batch to want of sub. body: borrowed. telemetry_sent() follows, not from within. */
	void (*send)(void *ctx, struct telemetry_sub *sub, struct blob *body);
	/* sub goes away: its send, if one is under way, is given up; no telemetry_sent() any more. */
	void (*gone)(void *ctx, struct telemetry_sub *sub);
	/* The listener of sub is frozen, or no longer: a send that is under way has as much time left as before. */
	void (*pause)(void *ctx, struct telemetry_sub *sub, bool pause);
	/* Call telemetry_tick() at that time; INT64_MAX = no need. */
	void (*rearm)(void *ctx, int64_t at_us);
};

struct telemetry *telemetry_new(const struct telemetry_ops *ops, void *ctx) MUST_CHECK;
void telemetry_free(struct telemetry *t);

void telemetry_begin(struct telemetry *t);
void telemetry_close(struct telemetry *t);
void telemetry_end(struct telemetry *t);

/* The forms in which somebody wants events of this type, as bits; 0: do not even render it. */
unsigned telemetry_wants(const struct telemetry *t, enum telemetry_type type);
/* ev is emptied. */
void telemetry_emit(struct telemetry *t, struct telemetry_event *ev, int64_t now_us);

enum telemetry_verdict {
	TELEMETRY_SUBSCRIBED, /* anew, or to something else than before */
	TELEMETRY_UNCHANGED,  /* to the very same */
	TELEMETRY_CLOSED,     /* the init phase is over */
	TELEMETRY_OTHER_API,  /* this extension has subscribed by the other API */
};

/* The same extension again replaces what it asked for before; what waits for it stays. */
enum telemetry_verdict telemetry_subscribe(struct telemetry *t, const char *extension,
					   const struct telemetry_want *want, int64_t now_us) MUST_CHECK;
bool telemetry_open(const struct telemetry *t); /* for subscriptions */
unsigned telemetry_subscribers(const struct telemetry *t);

/* How the send of sub ended. */
void telemetry_sent(struct telemetry_sub *sub, bool ok, int64_t now_us, int64_t wall_ms);
const struct telemetry_want *telemetry_sub_want(const struct telemetry_sub *sub);
const char *telemetry_sub_name(const struct telemetry_sub *sub);
/* A place for the sender's own data. */
void **telemetry_sub_data(struct telemetry_sub *sub);

void telemetry_tick(struct telemetry *t, int64_t now_us);
/* Send what there is without waiting for a batch to fill: the environment is being shut down, or a process ended. */
void telemetry_flush(struct telemetry *t, int64_t now_us);
/* While the environment is frozen nobody there could take a batch: nothing is sent and no failure counts. */
void telemetry_pause(struct telemetry *t, bool pause, int64_t now_us);

struct telemetry_figures {
	uint64_t sent_batches;
	uint64_t sent_events;
	uint64_t failures;
	uint64_t dropped_events;
	uint64_t dropped_bytes;
};
const struct telemetry_figures *telemetry_figures(const struct telemetry *t);

#endif
