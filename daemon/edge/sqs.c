/* SPDX-License-Identifier: Apache-2.0 */
/* SQS requests and what comes back of all but ReceiveMessage (edge/sqs_receive.c). */
#include "edge/sqs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/aws_endpoint.h"
#include "core/sqs_refusal.h"
#include "edge/aws_call.h"
#include "edge/aws_client.h"
#include "edge/sqs_receive.h"
#include "io/json.h"

/* A message may be 1 MiB, each of its characters up to three times as long in JSON; and there is what surrounds it. */
static const size_t message_reply_max = ((size_t)3 << 20) + 65536;
static const int64_t receive_grace_us = 15 * 1000 * 1000;

struct sqs {
	struct aws_caller *caller;
};

/* What a call needs when it ends. */
struct sqs_call {
	const char *operation;
	const char *result;	   /* member of the reply that goes to fn; NULL = none */
	char md5[2 * MD5_LEN + 1]; /* of the body that was sent; "" = nothing to compare */
	size_t count;		   /* of a batch */
	sqs_fn fn;
	sqs_receive_fn receive_fn;
	sqs_attributes_fn attributes_fn;
	sqs_batch_fn batch_fn;
	void *ctx;
};

struct sqs *sqs_new(struct aws *aws)
{
	struct sqs *sqs = xcalloc(1, sizeof(*sqs));

	sqs->caller = aws_caller_of(aws);
	return sqs;
}

void sqs_free(struct sqs *sqs)
{
	free(sqs);
}

/* --- writing requests --- */

static void begin(struct buf *json, const char *name, const char *value)
{
	buf_printf(json, "{\"%s\":", name);
	text_json_string(json, value, strlen(value));
}

static void put_text(struct buf *json, const char *name, const char *value)
{
	if (value != NULL) {
		buf_printf(json, ",\"%s\":", name);
		text_json_string(json, value, strlen(value));
	}
}

static void put_number(struct buf *json, const char *name, int value)
{
	if (value >= 0) {
		buf_printf(json, ",\"%s\":%d", name, value);
	}
}

bool sqs_may_try_again(const struct aws_failure *failure)
{
	return failure->transient || sqs_judge(failure->code, failure->message) == SQS_TRY_AGAIN;
}

static size_t value_size(const struct sqs_attribute *a)
{
	return a->value_len == 0 && !text_starts(a->type, "Binary") ? strlen(a->value) : a->value_len;
}

size_t sqs_attributes_size(const struct sqs_attribute *attributes, size_t count)
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		const struct sqs_attribute *a = &attributes[i];

		size += strlen(a->name) + strlen(a->type) + value_size(a);
	}
	return size;
}

static void put_attribute(struct buf *json, const struct sqs_attribute *a)
{
	bool binary = text_starts(a->type, "Binary");
	size_t len = value_size(a);

	text_json_string(json, a->name, strlen(a->name));
	buf_puts(json, ":{\"DataType\":");
	text_json_string(json, a->type, strlen(a->type));
	if (binary) {
		buf_puts(json, ",\"BinaryValue\":\"");
		text_base64(json, a->value, len);
		buf_puts(json, "\"}");
	} else {
		buf_puts(json, ",\"StringValue\":");
		text_json_string(json, a->value, len);
		buf_putc(json, '}');
	}
}

static void put_attributes(struct buf *json, const struct sqs_attribute *attributes, size_t count)
{
	if (count == 0) {
		return;
	}
	buf_puts(json, ",\"MessageAttributes\":");
	for (size_t i = 0; i < count; i++) {
		buf_putc(json, i == 0 ? '{' : ',');
		put_attribute(json, &attributes[i]);
	}
	buf_putc(json, '}');
}

/* --- reading replies --- */

/* An empty reply is NULL: some calls answer nothing at all. */
static bool read_reply(const struct buf *body, struct json **doc)
{
	*doc = body->len > 0 ? json_doc_read(body->data, body->len) : NULL;
	return body->len == 0 || *doc != NULL;
}

static void finish_simple(const struct sqs_call *call, const struct json *doc)
{
	const char *text = call->result != NULL ? json_member_string(doc, call->result) : NULL;
	const char *md5 = json_member_string(doc, "MD5OfMessageBody");
	struct aws_failure f;

	if (call->result != NULL && text == NULL) {
		aws_failure_bad_reply(&f, "sqs", call->operation, "something that should be there is missing");
		call->fn(call->ctx, &f, NULL);
	} else if (call->md5[0] != '\0' && (md5 == NULL || strcmp(md5, call->md5) != 0)) {
		aws_failure_bad_reply(&f, "sqs", call->operation, "MD5OfMessageBody is not that of what was sent");
		call->fn(call->ctx, &f, NULL);
	} else {
		call->fn(call->ctx, NULL, text);
	}
}

static unsigned number_of(const struct json *attributes, const char *name, unsigned fallback)
{
	const char *text = json_member_string(attributes, name);
	uint64_t n;

	return text != NULL && text_to_u64(text, 0, 1u << 30, &n) ? (unsigned)n : fallback;
}

static void finish_attributes(const struct sqs_call *call, const struct json *doc)
{
	const struct json *from = json_member(doc, "Attributes");
	const char *arn = json_member_string(from, "QueueArn");
	const char *fifo = json_member_string(from, "FifoQueue");
	struct sqs_queue_attributes a = {
		.visibility_s = number_of(from, "VisibilityTimeout", 30),
		.max_message_bytes = number_of(from, "MaximumMessageSize", 262144),
		.fifo = fifo != NULL && strcmp(fifo, "true") == 0,
	};
	struct aws_failure f;

	if (arn == NULL) {
		aws_failure_bad_reply(&f, "sqs", call->operation, "no QueueArn");
		call->attributes_fn(call->ctx, &f, NULL);
		return;
	}
	snprintf(a.arn, sizeof(a.arn), "%s", arn);
	call->attributes_fn(call->ctx, NULL, &a);
}

/* Entries are named by their place. What is not said to be done is not done. */
static void finish_batch(const struct sqs_call *call, const struct json *doc)
{
	const struct json *done = json_member(doc, "Successful");
	bool failed[SQS_BATCH_MAX];

	for (size_t i = 0; i < SQS_BATCH_MAX; i++) {
		failed[i] = true;
	}
	for (size_t i = 0; i < json_count(done); i++) {
		const char *id = json_member_string(json_item(done, i), "Id");
		uint64_t at;

		if (id != NULL && text_to_u64(id, 0, SQS_BATCH_MAX - 1, &at)) {
			failed[at] = false;
		}
	}
	call->batch_fn(call->ctx, NULL, failed, call->count);
}

static void fail(const struct sqs_call *call, const struct aws_failure *f)
{
	if (call->receive_fn != NULL) {
		call->receive_fn(call->ctx, f, NULL, 0);
	} else if (call->attributes_fn != NULL) {
		call->attributes_fn(call->ctx, f, NULL);
	} else if (call->batch_fn != NULL) {
		call->batch_fn(call->ctx, f, NULL, call->count);
	} else {
		call->fn(call->ctx, f, NULL);
	}
}

static void on_reply(void *ctx, const struct aws_failure *failure, struct buf *body)
{
	const struct sqs_call *call = ctx;
	struct json *doc = NULL;
	struct aws_failure f;

	if (failure != NULL) {
		fail(call, failure);
		return;
	}
	if (!read_reply(body, &doc)) {
		aws_failure_bad_reply(&f, "sqs", call->operation, "it is not JSON");
		fail(call, &f);
		return;
	}
	/* It may be large, and is not needed any more. */
	buf_fini(body);
	if (call->receive_fn != NULL) {
		sqs_receive_finish(doc, call->receive_fn, call->ctx);
	} else if (call->attributes_fn != NULL) {
		finish_attributes(call, doc);
	} else if (call->batch_fn != NULL) {
		finish_batch(call, doc);
	} else {
		finish_simple(call, doc);
	}
	json_doc_free(doc);
}

/* --- the calls --- */

/* Closes the request. queue_url: for the region that it names; NULL = none. */
static struct aws_call *start(struct sqs *sqs, struct buf *json, const char *queue_url, struct aws_request req,
			      const struct sqs_call *call)
{
	char region[AWS_REGION_LEN];

	buf_putc(json, '}');
	req.service = "sqs";
	req.operation = call->operation;
	req.content_type = "application/x-amz-json-1.0";
	req.body = buf_to_blob(json);
	req.free_ctx = free;
	if (queue_url != NULL && aws_endpoint_queue_region(queue_url, region)) {
		req.region = region;
	}
	return aws_call_start(sqs->caller, &req, on_reply, xmemdup(call, sizeof(*call)));
}

struct aws_call *sqs_receive(struct sqs *sqs, const struct sqs_receive_args *args, sqs_receive_fn fn, void *ctx)
{
	const struct sqs_call call = { .operation = "ReceiveMessage", .receive_fn = fn, .ctx = ctx };
	unsigned max = args->max > 0 ? args->max : 1;
	const struct aws_request req = {
		.target = "AmazonSQS.ReceiveMessage",
		.timeout_us = (int64_t)args->wait_s * 1000000 + receive_grace_us,
		.max_reply = max * message_reply_max,
	};
	struct buf json = BUF_INIT;

	begin(&json, "QueueUrl", args->queue_url);
	buf_printf(&json, ",\"MaxNumberOfMessages\":%u,\"WaitTimeSeconds\":%u", max, args->wait_s);
	put_number(&json, "VisibilityTimeout", args->visibility_s);
	put_text(&json, "ReceiveRequestAttemptId", args->attempt_id);
	buf_puts(&json, ",\"MessageSystemAttributeNames\":[\"All\"],\"MessageAttributeNames\":[\"All\"]");
	return start(sqs, &json, args->queue_url, req, &call);
}

struct aws_call *sqs_send(struct sqs *sqs, const struct sqs_send_args *args, sqs_fn fn, void *ctx)
{
	struct sqs_call call = { .operation = "SendMessage", .result = "MessageId", .fn = fn, .ctx = ctx };
	const struct aws_request req = { .target = "AmazonSQS.SendMessage" };
	unsigned char md5[MD5_LEN];
	struct buf json = BUF_INIT;

	if (digest_md5(args->body, args->body_len, md5)) {
		digest_hex(md5, sizeof(md5), call.md5);
	}
	begin(&json, "QueueUrl", args->queue_url);
	buf_puts(&json, ",\"MessageBody\":");
	text_json_string(&json, args->body, args->body_len);
	put_number(&json, "DelaySeconds", args->delay_s);
	put_text(&json, "MessageGroupId", args->group_id);
	put_text(&json, "MessageDeduplicationId", args->deduplication_id);
	put_attributes(&json, args->attributes, args->attribute_count);
	return start(sqs, &json, args->queue_url, req, &call);
}

struct aws_call *sqs_delete(struct sqs *sqs, const char *queue_url, const char *receipt, sqs_fn fn, void *ctx)
{
	const struct sqs_call call = { .operation = "DeleteMessage", .fn = fn, .ctx = ctx };
	const struct aws_request req = { .target = "AmazonSQS.DeleteMessage" };
	struct buf json = BUF_INIT;

	begin(&json, "QueueUrl", queue_url);
	put_text(&json, "ReceiptHandle", receipt);
	return start(sqs, &json, queue_url, req, &call);
}

struct aws_call *sqs_change_visibility(struct sqs *sqs, const char *queue_url, const char *receipt, unsigned seconds,
				       sqs_fn fn, void *ctx)
{
	const struct sqs_call call = { .operation = "ChangeMessageVisibility", .fn = fn, .ctx = ctx };
	const struct aws_request req = { .target = "AmazonSQS.ChangeMessageVisibility" };
	struct buf json = BUF_INIT;

	begin(&json, "QueueUrl", queue_url);
	put_text(&json, "ReceiptHandle", receipt);
	put_number(&json, "VisibilityTimeout", (int)seconds);
	return start(sqs, &json, queue_url, req, &call);
}

struct aws_call *sqs_purge(struct sqs *sqs, const char *queue_url, sqs_fn fn, void *ctx)
{
	const struct sqs_call call = { .operation = "PurgeQueue", .fn = fn, .ctx = ctx };
	const struct aws_request req = { .target = "AmazonSQS.PurgeQueue" };
	struct buf json = BUF_INIT;

	begin(&json, "QueueUrl", queue_url);
	return start(sqs, &json, queue_url, req, &call);
}

struct aws_call *sqs_get_queue_url(struct sqs *sqs, const char *name, const char *owner, sqs_fn fn, void *ctx)
{
	const struct sqs_call call = { .operation = "GetQueueUrl", .result = "QueueUrl", .fn = fn, .ctx = ctx };
	const struct aws_request req = { .target = "AmazonSQS.GetQueueUrl" };
	struct buf json = BUF_INIT;

	begin(&json, "QueueName", name);
	put_text(&json, "QueueOwnerAWSAccountId", owner);
	return start(sqs, &json, NULL, req, &call);
}

struct aws_call *sqs_get_attributes(struct sqs *sqs, const char *queue_url, sqs_attributes_fn fn, void *ctx)
{
	const struct sqs_call call = { .operation = "GetQueueAttributes", .attributes_fn = fn, .ctx = ctx };
	const struct aws_request req = { .target = "AmazonSQS.GetQueueAttributes" };
	struct buf json = BUF_INIT;

	begin(&json, "QueueUrl", queue_url);
	buf_puts(&json, ",\"AttributeNames\":[\"All\"]");
	return start(sqs, &json, queue_url, req, &call);
}

/* visibility_s -1 = none. */
static void put_entries(struct buf *json, const char *const *receipts, size_t count, int visibility_s)
{
	assert(count > 0 && count <= SQS_BATCH_MAX);
	buf_puts(json, ",\"Entries\":[");
	for (size_t i = 0; i < count; i++) {
		buf_printf(json, "%s{\"Id\":\"%zu\"", i > 0 ? "," : "", i);
		put_text(json, "ReceiptHandle", receipts[i]);
		put_number(json, "VisibilityTimeout", visibility_s);
		buf_putc(json, '}');
	}
	buf_putc(json, ']');
}

struct aws_call *sqs_delete_batch(struct sqs *sqs, const char *queue_url, const char *const *receipts, size_t count,
				  sqs_batch_fn fn, void *ctx)
{
	const struct sqs_call call = {
		.operation = "DeleteMessageBatch",
		.batch_fn = fn,
		.ctx = ctx,
		.count = count,
	};
	const struct aws_request req = { .target = "AmazonSQS.DeleteMessageBatch" };
	struct buf json = BUF_INIT;

	begin(&json, "QueueUrl", queue_url);
	put_entries(&json, receipts, count, -1);
	return start(sqs, &json, queue_url, req, &call);
}

struct aws_call *sqs_change_visibility_batch(struct sqs *sqs, const char *queue_url, const char *const *receipts,
					     size_t count, unsigned seconds, sqs_batch_fn fn, void *ctx)
{
	const struct sqs_call call = {
		.operation = "ChangeMessageVisibilityBatch",
		.batch_fn = fn,
		.ctx = ctx,
		.count = count,
	};
	const struct aws_request req = { .target = "AmazonSQS.ChangeMessageVisibilityBatch" };
	struct buf json = BUF_INIT;

	begin(&json, "QueueUrl", queue_url);
	put_entries(&json, receipts, count, (int)seconds);
	return start(sqs, &json, queue_url, req, &call);
}
