/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQS bridge: events of a function that is deployed elsewhere come from a request queue, answers go to a response
 * queue; at the other end is proxy-lambda or another proxy of the same message format (core/envelope.h).
 *
 * Life of a message: received (hidden from others) -> invocation -> response sent -> request deleted. Until the end it
 * is kept hidden by renewal, however long a debugger holds the function. What ends otherwise is in core/bridge_rules.h. The
 * request is deleted only after its answer was taken by SQS, so nothing is lost whenever whoever is killed; an answer may
 * then be sent twice, and proxies take the first.
 */
#ifndef EDGE_SQS_BRIDGE_H
#define EDGE_SQS_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;
struct config;
struct dispatch;
struct loop;
struct sqs;
struct sqs_bridge;

struct sqs_bridge_deps {
	struct loop *loop;
	const struct config *cfg;
	struct dispatch *dispatch;
	struct sqs *sqs;
	const char *runtime_api; /* HOST:PORT of the first runtime, for the export line */
};

struct sqs_bridge *sqs_bridge_new(const struct sqs_bridge_deps *deps) MUST_CHECK; /* borrows all of deps */
void sqs_bridge_free(struct sqs_bridge *b); /* NULL is fine; cancels what is under way; before the dispatcher */
/* Looks up the queues if they have to be, says what it does, begins to receive. */
void sqs_bridge_start(struct sqs_bridge *b);
/* A runtime ended or hung up: messages whose events ended in a function error go back to the queue. NULL is fine. */
void sqs_bridge_runtime_lost(struct sqs_bridge *b);
/* No more messages; what is held or never ran goes back to the queue. Before dispatch_drain(). NULL is fine. */
void sqs_bridge_drain(struct sqs_bridge *b);
unsigned sqs_bridge_busy(const struct sqs_bridge *b); /* messages that something is still to be done for */
void sqs_bridge_render(const struct sqs_bridge *b, struct buf *out); /* metrics */

#endif
