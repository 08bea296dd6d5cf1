/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What destinations and dead-letter queues are told of an asynchronous invocation (AWS Lambda developer guide, "Capturing
 * records of Lambda asynchronous invocations"): the invocation record, and the attributes beside the event.
 */
#ifndef CORE_ASYNC_RECORD_H
#define CORE_ASYNC_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/async_queue.h"

struct blob;
struct buf;
struct event;

#define ASYNC_ERROR_MESSAGE_MAX 1024 /* bytes */

struct async_result {
	const struct event *event;
	const char *version;
	enum async_condition condition;
	unsigned attempts;
	bool ran;	     /* there is a last attempt that the rest tells of */
	bool function_error; /* it ended in one */
	const struct blob *response;
	int64_t wall_ms;
};

/* Appends the record. Events and responses that are not JSON stand there as strings. */
void async_record_write(struct buf *out, const struct async_result *r);
/* Appends an event or a response as JSON: as it is, or as a string. */
void async_record_payload(struct buf *out, const struct blob *payload);
/* The attributes ErrorCode and ErrorMessage; the message is appended, as text that SQS takes. */
unsigned async_record_error_code(const struct async_result *r);
void async_record_error_message(struct buf *out, const struct async_result *r);

#endif
