/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by edge/sqs_bridge.c (queues, receiving) and edge/sqs_delivery.c (what becomes of a message). */
#ifndef EDGE_SQS_BRIDGE_PRIV_H
#define EDGE_SQS_BRIDGE_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "core/bridge_rules.h"
#include "core/invocation.h"
#include "edge/sqs_bridge.h"
#include "loop/loop.h"

struct aws_call;
struct sqs_message;

#define ANSWERED_KEPT 512u

enum delivery_stage {
	DELIVERY_RUNNING,  /* with the dispatcher */
	DELIVERY_SENDING,  /* its answer goes to the response queue */
	DELIVERY_DELETING, /* the request goes */
	DELIVERY_HELD,	   /* waits for a restart of the runtime */
	DELIVERY_RETURNING,
	DELIVERY_STAGES, // keep last
};

struct sqs_bridge {
	struct sqs_bridge_deps deps;
	struct bridge_policy policy;
	char *requests;	       /* queue URLs; NULL = not known yet */
	char *responses;       /* NULL = none */
	struct aws_call *call; /* a look-up or the receiving of messages; one at a time */
	unsigned lookup;       /* index of the name that is looked up */
	struct loop_timer retry;
	struct loop_timer pump;		 /* receives, outside of whoever made a place free */
	struct list deliveries;		 // delivery::link
	unsigned count[DELIVERY_STAGES]; /* of them, by stage */
	unsigned receive_failures;	 /* in a row */
	bool waiting;			 /* for the retry timer */
	bool polled;			 /* the first, short poll has been made */
	bool draining;
	int64_t error_us; /* when a runtime last reported a function error */
	/* Messages, and calls of proxies, that were answered but may not have been deleted: they are not run again. A
	 * ring. */
	char *answered[ANSWERED_KEPT];
	unsigned answered_at;
	struct {
		uint64_t received, duplicates, answered, answered_errors, dropped, returned, held, unusable, failures;
	} stats;
};

/* A message that was received. */
struct delivery {
	struct invocation inv;
	bool has_inv;
	struct sqs_bridge *home;
	struct list link;
	enum delivery_stage stage;
	char *message_id;
	char *receipt;
	char *correlation; /* the sender's id of the call, if it is a proxy of ours */
	char *deadline;	   /* as it came with that */
	char *sent_for;	   /* both: what a proxy sent twice has the same, a retry by AWS has not; NULL = not known */
	bool is_twin;	   /* of a message that is at hand or was answered: only to be deleted */
	char *error_type;  /* of the answer; NULL = it is a response */
	unsigned receives;
	struct blob *answer; /* the body of the message to be sent */
	unsigned failures;   /* of sending or deleting, in a row */
	struct aws_call *call;
	struct aws_call *renewal;
	struct loop_timer renew;
	struct loop_timer retry;
};

void delivery_take(struct sqs_bridge *b, const struct sqs_message *m);
void delivery_free(struct delivery *d);
void delivery_hurry(struct delivery *d);		   /* a waiting attempt to send or delete is made now */
void delivery_return(struct delivery *d, unsigned wait_s); /* to the queue; ends d, now or later */
/* There may be something to receive for. */
void bridge_pump(struct sqs_bridge *b);

#endif
