/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of core/telemetry, shared by its two files: the environment's record (telemetry.c), one subscriber's batches
 * (telemetry_sub.c). */
#ifndef CORE_TELEMETRY_PRIV_H
#define CORE_TELEMETRY_PRIV_H

#include "base/buf.h"
#include "base/list.h"
#include "core/telemetry.h"

struct telemetry {
	const struct telemetry_ops *ops;
	void *ctx;
	struct list subs;     // telemetry_sub::link
	struct list recorded; // recorded::link, oldest first
	size_t recorded_bytes;
	size_t recorded_count;
	uint64_t lost_events; /* of the record, for want of space */
	uint64_t lost_bytes;
	unsigned wants[3]; /* forms, by type */
	int64_t next_us;   /* what ops->rearm was told */
	bool recording;	   /* and open for subscriptions */
	bool paused;
	bool urgent;
	struct telemetry_figures figures;
};

struct telemetry_sub {
	struct telemetry *home;
	struct list link; // telemetry::subs
	char *name;	  /* of the extension */
	struct telemetry_want want;
	void *data; /* the sender's */

	struct buf open; /* the batch that fills */
	uint64_t open_events;
	int64_t due_us;	    /* when it has to go although it is not full */
	struct list queue;  // batch::link, oldest first
	size_t queue_bytes; /* in the queue */
	bool sending;	    /* the head of the queue is on its way */
	unsigned attempts;  /* failed ones for the head of the queue */
	int64_t retry_us;   /* not before */

	uint64_t dropped_events; /* since it was told */
	uint64_t dropped_bytes;
};

/* Have telemetry_tick called at that time or earlier. */
void telemetry_arm(struct telemetry *t, int64_t at_us);

struct telemetry_sub *telemetry_sub_new(struct telemetry *t, const char *name,
					const struct telemetry_want *want) MUST_CHECK;
void telemetry_sub_free(struct telemetry_sub *sub);
void telemetry_sub_change(struct telemetry_sub *sub, const struct telemetry_want *want);
void telemetry_sub_add(struct telemetry_sub *sub, const char *text, size_t len, int64_t now_us);
/* Sends what is due, else arms the timer. */
void telemetry_sub_pump(struct telemetry_sub *sub, int64_t now_us);

#endif
