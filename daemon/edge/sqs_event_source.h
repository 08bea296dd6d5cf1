/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An SQS trigger: messages of a queue invoke the function in batches (core/sqs_event.h), as an event source mapping of AWS.
 *
 * Life of a message: received (hidden from others for the queue's visibility timeout) -> in a batch -> invocation -> deleted.
 * Until then it is kept hidden by renewal. What failed is left alone and comes again when that time is over. Nothing is
 * deleted before the function has succeeded, so nothing is lost whenever whoever is killed; messages may then come twice.
 */
#ifndef EDGE_SQS_EVENT_SOURCE_H
#define EDGE_SQS_EVENT_SOURCE_H

#include "base/attr.h"

struct buf;
struct config;
struct dispatch;
struct loop;
struct sqs;
struct sqs_event_settings;
struct sqs_event_source;

struct sqs_event_source_deps {
	struct loop *loop;
	const struct config *cfg;
	const struct sqs_event_settings *settings;
	struct dispatch *dispatch;
	struct sqs *sqs;
};

struct sqs_event_source *sqs_event_source_new(const struct sqs_event_source_deps *deps) MUST_CHECK; /* borrows all */
/* NULL is fine; cancels what is under way; before the dispatcher. */
void sqs_event_source_free(struct sqs_event_source *s);
/* Asks for the queue's attributes, says what it does, begins to receive. */
void sqs_event_source_start(struct sqs_event_source *s);
/* No more messages; what never ran goes back to the queue. Before dispatch_drain(). NULL is fine. */
void sqs_event_source_drain(struct sqs_event_source *s);
unsigned sqs_event_source_busy(const struct sqs_event_source *s); /* batches that are not done with; NULL is fine */
void sqs_event_source_render(const struct sqs_event_source *s, struct buf *out); /* metrics */

#endif
