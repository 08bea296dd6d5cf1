/* SPDX-License-Identifier: Apache-2.0 */
/* Messages out of a reply of ReceiveMessage. */
#include "edge/sqs_receive.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/aws_call.h"
#include "io/json.h"

/* A message and what it owns; the strings are the document's. */
struct received {
	struct sqs_attribute *attributes;
	struct sqs_attribute *system;
	struct buf *binaries; /* decoded values, one place for each attribute */
};

struct reading {
	struct sqs_message *message;
	struct received *own;
	bool bad;
};

static void add_system(void *ctx, const char *name, const struct json *value)
{
	struct reading *r = ctx;
	size_t len;
	const char *text = json_string_of(value, &len);

	if (text != NULL) {
		r->own->system[r->message->system_count++] = (struct sqs_attribute){ name, "String", text, len };
	}
}

static void add_attribute(void *ctx, const char *name, const struct json *value)
{
	struct reading *r = ctx;
	const char *type = json_member_string(value, "DataType");
	size_t at = r->message->attribute_count;
	struct sqs_attribute *a = &r->own->attributes[at];
	struct buf *binary = &r->own->binaries[at];
	const char *base64;
	size_t len;

	a->name = name;
	a->type = type != NULL ? type : "String";
	a->value = json_string_of(json_member(value, "StringValue"), &a->value_len);
	base64 = json_string_of(json_member(value, "BinaryValue"), &len);
	if (a->value == NULL && base64 != NULL) {
		if (!text_unbase64(binary, base64, len)) {
			r->bad = true;
			return;
		}
		a->value = binary->data != NULL ? binary->data : "";
		a->value_len = binary->len;
	}
	if (a->value == NULL) {
		a->value = "";
	}
	r->message->attribute_count++;
}

static bool md5_fits(const struct sqs_message *m)
{
	unsigned char md5[MD5_LEN];
	char hex[2 * MD5_LEN + 1];

	if (m->md5 == NULL || !digest_md5(m->body->data, m->body->len, md5)) {
		return true;
	}
	digest_hex(md5, sizeof(md5), hex);
	return strcmp(m->md5, hex) == 0;
}

static bool read_message(const struct json *from, struct sqs_message *m, struct received *own)
{
	const struct json *attributes = json_member(from, "MessageAttributes");
	const struct json *system = json_member(from, "Attributes");
	struct reading r = { .message = m, .own = own };
	size_t len;
	const char *body = json_string_of(json_member(from, "Body"), &len);

	m->id = json_member_string(from, "MessageId");
	m->receipt = json_member_string(from, "ReceiptHandle");
	m->md5 = json_member_string(from, "MD5OfBody");
	m->attributes_md5 = json_member_string(from, "MD5OfMessageAttributes");
	if (m->id == NULL || m->receipt == NULL || body == NULL) {
		return false;
	}
	m->body = blob_copy(body, len);
	own->attributes = xcalloc(json_count(attributes) + 1, sizeof(*own->attributes));
	own->binaries = xcalloc(json_count(attributes) + 1, sizeof(*own->binaries));
	own->system = xcalloc(json_count(system) + 1, sizeof(*own->system));
	m->attributes = own->attributes;
	m->system = own->system;
	json_each_member(attributes, add_attribute, &r);
	json_each_member(system, add_system, &r);
	return !r.bad && md5_fits(m);
}

static void free_message(struct sqs_message *m, struct received *own)
{
	for (size_t i = 0; own->binaries != NULL && i <= m->attribute_count; i++) {
		buf_fini(&own->binaries[i]);
	}
	free(own->binaries);
	free(own->attributes);
	free(own->system);
	blob_unref(m->body);
	memset(own, 0, sizeof(*own));
	memset(m, 0, sizeof(*m));
}

void sqs_receive_finish(const struct json *doc, sqs_receive_fn fn, void *ctx)
{
	const struct json *list = json_member(doc, "Messages");
	size_t offered = json_count(list);
	struct sqs_message *messages = xcalloc(offered + 1, sizeof(*messages));
	struct received *owned = xcalloc(offered + 1, sizeof(*owned));
	size_t count = 0;

	for (size_t i = 0; i < offered; i++) {
		if (read_message(json_item(list, i), &messages[count], &owned[count])) {
			count++;
		} else {
			/* The others are good; this one comes again when its visibility timeout ends. */
			log_warn("SQS delivered a message that is incomplete or damaged id=%s",
				 messages[count].id != NULL ? messages[count].id : "?");
			free_message(&messages[count], &owned[count]);
		}
	}
	fn(ctx, NULL, messages, count);
	for (size_t i = 0; i < count; i++) {
		free_message(&messages[i], &owned[i]);
	}
	free(messages);
	free(owned);
}

static const struct sqs_attribute *find(const struct sqs_attribute *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, name) == 0) {
			return &list[i];
		}
	}
	return NULL;
}

const char *sqs_message_system(const struct sqs_message *m, const char *name)
{
	const struct sqs_attribute *a = find(m->system, m->system_count, name);

	return a != NULL ? a->value : NULL;
}

const struct sqs_attribute *sqs_message_attribute(const struct sqs_message *m, const char *name)
{
	return find(m->attributes, m->attribute_count, name);
}
