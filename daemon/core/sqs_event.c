/* SPDX-License-Identifier: Apache-2.0 */
/* Records of an SQS trigger, and the result of a batch. */
#include "core/sqs_event.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/sqs_message.h"

static const unsigned wait_most_s = 60;

/* --- the event --- */

/* Only what JSON demands is escaped: a record is so never more than twice its message, and messages of any text fit into an
 * event. */
static void put_string(struct buf *out, const char *s, size_t len)
{
	buf_putc(out, '"');
	text_json_escape(out, s, len);
	buf_putc(out, '"');
}

static void put_member(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	put_string(out, value, strlen(value));
}

static void put_attribute(struct buf *out, const struct sqs_attribute *a)
{
	if (text_starts(a->type, "Binary")) {
		buf_puts(out, "{\"binaryValue\":\"");
		text_base64(out, a->value, a->value_len);
		buf_putc(out, '"');
	} else {
		buf_puts(out, "{\"stringValue\":");
		put_string(out, a->value, a->value_len);
	}
	buf_puts(out, ",\"stringListValues\":[],\"binaryListValues\":[]");
	put_member(out, "dataType", a->type);
	buf_putc(out, '}');
}

void sqs_event_record(struct buf *out, const struct sqs_message *m, const char *arn, const char *region)
{
	buf_puts(out, "{\"messageId\":");
	put_string(out, m->id, strlen(m->id));
	put_member(out, "receiptHandle", m->receipt);
	buf_puts(out, ",\"body\":");
	put_string(out, m->body->data, m->body->len);
	buf_puts(out, ",\"attributes\":{");
	for (size_t i = 0; i < m->system_count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		put_string(out, m->system[i].name, strlen(m->system[i].name));
		buf_putc(out, ':');
		put_string(out, m->system[i].value, m->system[i].value_len);
	}
	buf_puts(out, "},\"messageAttributes\":{");
	for (size_t i = 0; i < m->attribute_count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		put_string(out, m->attributes[i].name, strlen(m->attributes[i].name));
		buf_putc(out, ':');
		put_attribute(out, &m->attributes[i]);
	}
	buf_putc(out, '}');
	if (m->md5 != NULL) {
		put_member(out, "md5OfBody", m->md5);
	}
	if (m->attributes_md5 != NULL && m->attribute_count > 0) {
		put_member(out, "md5OfMessageAttributes", m->attributes_md5);
	}
	put_member(out, "eventSource", "aws:sqs");
	put_member(out, "eventSourceARN", arn);
	put_member(out, "awsRegion", region);
	buf_putc(out, '}');
}

/* arn:PARTITION:sqs:REGION:ACCOUNT:NAME */
void sqs_event_region(const char *arn, char *out, size_t size)
{
	const char *at = arn;

	out[0] = '\0';
	for (unsigned i = 0; i < 3; i++) {
		at = strchr(at, ':');
		if (at == NULL) {
			return;
		}
		at++;
	}
	snprintf(out, size, "%.*s", (int)strcspn(at, ":"), at);
}

/* --- the result --- */

struct known {
	const char *id;
	size_t at;
};

struct reading {
	struct known *known; /* sorted */
	size_t count;
	bool *failed;
	bool bad;
	char *why;
	size_t why_size;
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->id, ((const struct known *)b)->id);
}

static int refuse(char *why, size_t why_size, const char *reason)
{
	snprintf(why, why_size, "%s", reason);
	return -1;
}

static int mark(struct reading *r, const char *id)
{
	const struct known key = { .id = id };
	const struct known *hit = bsearch(&key, r->known, r->count, sizeof(key), compare);

	if (hit == NULL) {
		snprintf(r->why, r->why_size, "itemIdentifier \"%.80s\" is no messageId of this batch", id);
		return -1;
	}
	r->failed[hit->at] = true;
	return 0;
}

static int read_item(struct reading *r, struct json_slice item)
{
	struct json_slice id = json_slice_is(item, '{') ? json_scan_member(item, "itemIdentifier")
							: (struct json_slice){ NULL, 0 };
	struct buf text = BUF_INIT;
	int result;

	if (id.ptr == NULL) {
		return refuse(r->why, r->why_size,
			      "an item of batchItemFailures is not {\"itemIdentifier\": messageId}");
	}
	if (!json_slice_string(id, &text) || text.len == 0) {
		result = refuse(r->why, r->why_size,
				"an itemIdentifier is not a messageId but null, empty or no string");
	} else {
		result = mark(r, text.data);
	}
	buf_fini(&text);
	return result;
}

static void on_item(void *ctx, struct json_slice item)
{
	struct reading *r = ctx;

	r->bad = r->bad || read_item(r, item) != 0;
}

static int read_list(struct json_slice list, const char *const *ids, struct reading *r)
{
	r->known = xcalloc(r->count + 1, sizeof(*r->known));
	for (size_t i = 0; i < r->count; i++) {
		r->known[i] = (struct known){ ids[i], i };
	}
	qsort(r->known, r->count, sizeof(*r->known), compare);
	json_scan_items(list, on_item, r);
	free(r->known);
	return r->bad ? -1 : 0;
}

static bool is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') {
			return false;
		}
	}
	return true;
}

int sqs_event_failures(const char *text, size_t len, const char *const *ids, size_t count, bool *failed, char *why,
		       size_t why_size)
{
	struct reading r = { .count = count, .failed = failed, .why = why, .why_size = why_size };
	struct json_slice root, list;

	memset(failed, 0, count * sizeof(*failed));
	if (is_blank(text, len)) {
		return 0;
	}
	if (!json_scan_text(text, len, &root)) {
		return refuse(why, why_size, "it is not JSON");
	}
	/* An empty string is what some runtimes make of nothing. */
	if (json_slice_is(root, 'n') || (json_slice_is(root, '"') && root.len == 2)) {
		return 0;
	}
	if (!json_slice_is(root, '{')) {
		return refuse(why, why_size, "it is neither null nor an object");
	}
	list = json_scan_member(root, "batchItemFailures");
	if (list.ptr == NULL || json_slice_is(list, 'n')) {
		return 0;
	}
	return json_slice_is(list, '[') ? read_list(list, ids, &r)
					: refuse(why, why_size, "batchItemFailures is not a list");
}

/* --- slowing down --- */

unsigned sqs_event_concurrency(unsigned most, unsigned failures)
{
	unsigned left = failures < 16 ? most >> failures : 0;

	return left > 0 ? left : 1;
}

/* The first failure may be its message's; only what goes on failing is waited for. */
unsigned sqs_event_wait_s(unsigned failures)
{
	unsigned wait = 1;

	if (failures < 2) {
		return 0;
	}
	for (unsigned i = 2; i < failures && wait < wait_most_s; i++) {
		wait *= 2;
	}
	return wait < wait_most_s ? wait : wait_most_s;
}
