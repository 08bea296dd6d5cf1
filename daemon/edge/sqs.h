/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon SQS, JSON 1.0 protocol. Queues are named by their URL, which goes into the request as it is; where the request
 * goes is the endpoint's affair (AWS_ENDPOINT_URL_SQS, ...; else the region's, and for a URL of Amazon's own hosts the
 * region it names). All strings in arguments are borrowed for the call of the function. See edge/aws_call.h for how
 * calls end and are cancelled.
 */
#ifndef EDGE_SQS_H
#define EDGE_SQS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/sqs_message.h"

struct aws;
struct aws_call;
struct aws_failure;
struct blob;
struct sqs;

struct sqs *sqs_new(struct aws *aws) MUST_CHECK; /* aws is borrowed and outlives it */
void sqs_free(struct sqs *sqs);			 /* with no call under way; NULL is fine */

/* --- receiving --- */

const char *sqs_message_system(const struct sqs_message *m, const char *name); /* value; NULL = none */
const struct sqs_attribute *sqs_message_attribute(const struct sqs_message *m, const char *name);

struct sqs_receive_args {
	const char *queue_url;
	unsigned max;		/* 1..10; 0 = 1 */
	unsigned wait_s;	/* 0..20: long poll */
	int visibility_s;	/* 0..43200; -1 = the queue's own */
	const char *attempt_id; /* ReceiveRequestAttemptId of FIFO queues; NULL = none */
};

/* failure NULL: count messages, 0 when the wait ended empty. Everything is borrowed for the callback. */
typedef void (*sqs_receive_fn)(void *ctx, const struct aws_failure *failure, const struct sqs_message *messages,
			       size_t count);
struct aws_call *sqs_receive(struct sqs *sqs, const struct sqs_receive_args *args, sqs_receive_fn fn,
			     void *ctx) MUST_CHECK;

/* --- the others --- */

struct sqs_send_args {
	const char *queue_url;
	const char *body; /* UTF-8 of what XML 1.0 allows */
	size_t body_len;
	const struct sqs_attribute *attributes;
	size_t attribute_count;
	int delay_s;		      /* -1 = the queue's own */
	const char *group_id;	      /* FIFO; NULL = none */
	const char *deduplication_id; /* FIFO; NULL = none */
};

/* text: sqs_send() the message id, sqs_get_queue_url() the URL, others NULL. Borrowed; NULL when failed. */
typedef void (*sqs_fn)(void *ctx, const struct aws_failure *failure, const char *text);

/* Is there sense in another attempt? Not if the failure is about this very message, receipt or queue. */
bool sqs_may_try_again(const struct aws_failure *failure);

/* What message attributes take of a queue's maximum message size: names, types and values count. */
size_t sqs_attributes_size(const struct sqs_attribute *attributes, size_t count);
struct aws_call *sqs_send(struct sqs *sqs, const struct sqs_send_args *args, sqs_fn fn, void *ctx) MUST_CHECK;
struct aws_call *sqs_delete(struct sqs *sqs, const char *queue_url, const char *receipt, sqs_fn fn,
			    void *ctx) MUST_CHECK;
struct aws_call *sqs_change_visibility(struct sqs *sqs, const char *queue_url, const char *receipt, unsigned seconds,
				       sqs_fn fn, void *ctx) MUST_CHECK;
struct aws_call *sqs_purge(struct sqs *sqs, const char *queue_url, sqs_fn fn, void *ctx) MUST_CHECK;
/* owner: account of the queue; NULL = the caller's. */
struct aws_call *sqs_get_queue_url(struct sqs *sqs, const char *name, const char *owner, sqs_fn fn,
				   void *ctx) MUST_CHECK;

struct sqs_queue_attributes {
	unsigned visibility_s;
	unsigned max_message_bytes;
	char arn[256];
	bool fifo;
};
typedef void (*sqs_attributes_fn)(void *ctx, const struct aws_failure *failure,
				  const struct sqs_queue_attributes *attributes);
struct aws_call *sqs_get_attributes(struct sqs *sqs, const char *queue_url, sqs_attributes_fn fn,
				    void *ctx) MUST_CHECK;

/* Up to SQS_BATCH_MAX receipts. failed[i] says for which it was not done, of count; borrowed, NULL when all failed. */
#define SQS_BATCH_MAX 10
typedef void (*sqs_batch_fn)(void *ctx, const struct aws_failure *failure, const bool *failed, size_t count);
struct aws_call *sqs_delete_batch(struct sqs *sqs, const char *queue_url, const char *const *receipts, size_t count,
				  sqs_batch_fn fn, void *ctx) MUST_CHECK;
struct aws_call *sqs_change_visibility_batch(struct sqs *sqs, const char *queue_url, const char *const *receipts,
					     size_t count, unsigned seconds, sqs_batch_fn fn, void *ctx) MUST_CHECK;

#endif
