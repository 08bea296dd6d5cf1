/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by edge/async_delivery.c (order, retries) and edge/async_send.c (what each kind of destination is sent). */
#ifndef EDGE_ASYNC_DELIVERY_PRIV_H
#define EDGE_ASYNC_DELIVERY_PRIV_H

#include "core/async_target.h"
#include "edge/async_delivery.h"

struct amqp_publisher;
struct appender;
struct aws;
struct httpc;
struct mailbox;
struct sqs;

struct target {
	struct async_target to;
	bool used;
	char *url;	       /* of the queue of an ARN, once it is known */
	struct aws_call *call; /* that asks for it */
	struct list queue;     // async_delivery::link
	struct list active;    // async_delivery::link
	unsigned active_count;
	unsigned failures; /* since the last success; counted once for each pause */
	int64_t resume_us; /* until then nothing is sent */
	uint64_t delivered;
	uint64_t failed;
	uint64_t retried;
};

struct async_targets {
	struct async_targets_deps deps;
	struct target targets[ASYNC_SLOTS];
	struct loop_timer pump;
	struct aws *aws;
	struct sqs *sqs;
	struct httpc *http;
	struct mailbox *files; /* results of the appender */
	struct loop_fd files_source;
	struct appender *appender;
	struct mailbox *broker; /* what the publisher says */
	struct loop_fd broker_source;
	struct amqp_publisher *publisher;
	uint64_t next_serial;
	bool stopping;
};

static inline struct target *target_of(const struct async_delivery *d)
{
	return &d->home->targets[d->slot];
}

/* How an attempt ended: exactly one of these. */
void delivery_finish(struct async_delivery *d, bool delivered);
void delivery_fail(struct async_delivery *d, bool transient, const char *why);
/* The attempt of that number, if it is still waited for. */
struct async_delivery *delivery_find(struct async_targets *t, uint64_t serial);

void delivery_send(struct async_delivery *d);
/* Opens what the destinations that are used need. 0, or -1 with the reason. */
int delivery_open(struct async_targets *t, struct err *err) MUST_CHECK;
void delivery_close(struct async_targets *t);

#endif
