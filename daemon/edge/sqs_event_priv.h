/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by edge/sqs_event_source.c (receiving) and edge/sqs_event_batch.c (what becomes of a batch). */
#ifndef EDGE_SQS_EVENT_PRIV_H
#define EDGE_SQS_EVENT_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "core/invocation.h"
#include "edge/sqs.h"
#include "edge/sqs_event_source.h"
#include "loop/loop.h"

struct aws_call;

enum batch_stage {
	BATCH_COLLECTING,
	BATCH_RUNNING,	/* with the dispatcher */
	BATCH_DELETING, /* what succeeded goes */
	BATCH_RETURNING,
	BATCH_STAGES, // keep last
};

struct sqs_event_source {
	struct sqs_event_source_deps deps;
	char arn[256]; /* of the queue; "" = not known yet */
	char region[64];
	unsigned hide_s; /* the queue's visibility timeout */
	bool fifo;
	struct aws_call *call; /* attributes, or the receiving of messages; one at a time */
	struct loop_timer retry;
	struct loop_timer pump;	  /* receives, outside of whoever made a place free */
	struct loop_timer window; /* closes the open batch */
	int64_t window_end_us;
	struct event_batch *open; /* that is being collected; NULL = none */
	struct list batches;	  // event_batch::link
	unsigned count[BATCH_STAGES];
	unsigned receive_failures;  /* in a row */
	unsigned function_failures; /* of whole batches, in a row */
	bool waiting;		    /* for the retry timer */
	bool draining;
	struct {
		uint64_t received, duplicates, deleted, failed, returned, failures;
		uint64_t succeeded_batches, partial_batches, failed_batches;
	} stats;
};

enum item_state {
	ITEM_HELD, /* to be kept hidden, and deleted in the end */
	ITEM_LEFT, /* comes again */
	ITEM_GONE,
};

struct event_item {
	char *id;
	char *receipt;
	enum item_state state;
};

struct event_batch {
	struct invocation inv;
	bool has_inv;
	struct sqs_event_source *home;
	struct list link;
	enum batch_stage stage;
	struct event_item *items;
	size_t count;
	size_t room;
	struct buf event;	     /* while it is collected */
	struct aws_call *call;	     /* deleting, or giving back */
	size_t group[SQS_BATCH_MAX]; /* items of that call */
	struct aws_call *renewal;
	size_t renewal_group[SQS_BATCH_MAX];
	size_t renewed;	   /* items that the present round of renewals is done with */
	unsigned failures; /* of deleting, in a row */
	struct loop_timer renew;
	struct loop_timer retry;
};

struct event_batch *batch_new(struct sqs_event_source *s);
void batch_free(struct event_batch *b);
void batch_add(struct event_batch *b, const struct sqs_message *m, const struct buf *record);
void batch_run(struct event_batch *b);
void batch_return(struct event_batch *b); /* to the queue, at once */
/* There may be something to receive for; in so many seconds at the earliest. */
void event_source_pump(struct sqs_event_source *s);
void event_source_wait(struct sqs_event_source *s, unsigned seconds);

#endif
