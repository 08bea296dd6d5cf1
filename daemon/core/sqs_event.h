/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event of an SQS trigger, {"Records": [...]}, what a function with ReportBatchItemFailures returns for it, and how an
 * event source slows down while the function fails. No I/O.
 */
#ifndef CORE_SQS_EVENT_H
#define CORE_SQS_EVENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;
struct sqs_message;

/* AWS's limits. */
#define SQS_EVENT_BYTES_MAX 6291456u /* of an event */
#define SQS_EVENT_BATCH_MAX 10000u
#define SQS_EVENT_BATCH_MAX_FIFO 10u
#define SQS_EVENT_BATCH_MAX_WITHOUT_WINDOW 10u
#define SQS_EVENT_WINDOW_MAX_S 300u

/* An event is begin, records with commas between them, end. */
#define SQS_EVENT_BEGIN "{\"Records\":["
#define SQS_EVENT_END "]}"

/* Appends the record of a message. arn: of the queue. */
void sqs_event_record(struct buf *out, const struct sqs_message *m, const char *arn, const char *region);
/* The region that an ARN names, copied to out; "" = none. */
void sqs_event_region(const char *arn, char *out, size_t size);

/* Reads {"batchItemFailures":[{"itemIdentifier":ID}...]}, where each ID is one of ids[0..count), and sets failed[i] for those
 * that are listed. An empty result, null, or one without the list: none failed. -1 with the reason in why: it is not what
 * it should be or names a message that is none of the batch, which means that all failed; failed says nothing then. */
int sqs_event_failures(const char *text, size_t len, const char *const *ids, size_t count, bool *failed, char *why,
		       size_t why_size) MUST_CHECK;

/* While whole batches fail, one after the other: how many may run at once, and seconds until more is received: nothing for the
 * first, then 1, 2, 4 ... 60. */
unsigned sqs_event_concurrency(unsigned most, unsigned failures);
unsigned sqs_event_wait_s(unsigned failures);

#endif
