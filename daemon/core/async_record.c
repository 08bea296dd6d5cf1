/* SPDX-License-Identifier: Apache-2.0 */
/* Invocation records. */
#include "core/async_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/invocation.h"

static void put_string(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "\"%s\":", name);
	text_json_string(out, value, strlen(value));
}

void async_record_payload(struct buf *out, const struct blob *payload)
{
	struct json_slice value;

	if (json_scan_text(payload->data, payload->len, &value)) {
		buf_append(out, value.ptr, value.len);
	} else {
		text_json_string(out, payload->data, payload->len);
	}
}

static void put_payload(struct buf *out, const char *name, const struct blob *payload)
{
	buf_printf(out, ",\"%s\":", name);
	async_record_payload(out, payload);
}

/* The ARN of a record always has a version: what follows the name, which is its seventh part. */
static bool has_qualifier(const char *arn)
{
	unsigned colons = 0;

	for (; *arn != '\0'; arn++) {
		colons += *arn == ':';
	}
	return colons > 6;
}

static void put_context(struct buf *out, const struct async_result *r)
{
	const struct event *ev = r->event;
	bool complete = has_qualifier(ev->arn);
	char *arn = xasprintf("%s%s%s", ev->arn, complete ? "" : ":", complete ? "" : r->version);

	buf_puts(out, ",\"requestContext\":{");
	put_string(out, "requestId", ev->id);
	buf_putc(out, ',');
	put_string(out, "functionArn", arn);
	free(arn);
	buf_printf(out, ",\"condition\":\"%s\",\"approximateInvokeCount\":%u}", async_condition_name(r->condition),
		   r->attempts);
}

void async_record_write(struct buf *out, const struct async_result *r)
{
	char stamp[CLOCK_STAMP_LEN];

	buf_printf(out, "{\"version\":\"1.0\",\"timestamp\":\"%s\"", clock_stamp(r->wall_ms, stamp));
	put_context(out, r);
	put_payload(out, "requestPayload", r->event->body);
	if (r->ran) {
		buf_puts(out, ",\"responseContext\":{\"statusCode\":200,");
		put_string(out, "executedVersion", r->version);
		buf_puts(out, r->function_error ? ",\"functionError\":\"Unhandled\"}" : "}");
	}
	if (r->ran && r->response != NULL) {
		put_payload(out, "responsePayload", r->response);
	}
	buf_putc(out, '}');
}

unsigned async_record_error_code(const struct async_result *r)
{
	/* Function errors have the status 200 in the Invoke API; what never ran did not find room. */
	return r->ran ? 200 : 429;
}

/* At most so many bytes of UTF-8, no character cut in two. */
static void put_start(struct buf *out, const char *text, size_t len)
{
	if (len > ASYNC_ERROR_MESSAGE_MAX) {
		len = ASYNC_ERROR_MESSAGE_MAX;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
			len--;
		}
	}
	buf_append(out, text, len);
}

/* Of control characters only white space. */
static void clean(struct buf *text)
{
	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];

		if (c < ' ' && c != '\t' && c != '\n' && c != '\r') {
			text->data[i] = ' ';
		}
	}
}

/* Of bytes of any kind. */
static void put_start_of(struct buf *out, const struct blob *bytes)
{
	struct buf plain = BUF_INIT, quoted = BUF_INIT, text = BUF_INIT;
	size_t len = bytes->len < 2 * ASYNC_ERROR_MESSAGE_MAX ? bytes->len : 2 * ASYNC_ERROR_MESSAGE_MAX;
	struct json_slice value;

	/* There and back: what is not UTF-8 is replaced on the way. */
	buf_append(&plain, bytes->data, len);
	clean(&plain);
	text_json_string(&quoted, plain.data, plain.len);
	if (json_scan_text(quoted.data, quoted.len, &value) && json_slice_string(value, &text) && text.len > 0) {
		put_start(out, text.data, text.len);
	}
	buf_fini(&plain);
	buf_fini(&quoted);
	buf_fini(&text);
}

void async_record_error_message(struct buf *out, const struct async_result *r)
{
	struct buf text = BUF_INIT;
	struct json_slice document;

	if (r->response == NULL) {
		buf_puts(out, r->ran ? "The error of the last attempt was not kept"
				     : "The event was too old before it could be run");
	} else if (json_scan_text(r->response->data, r->response->len, &document) && json_slice_is(document, '{') &&
		   json_slice_string(json_scan_member(document, "errorMessage"), &text)) {
		clean(&text);
		put_start(out, text.data != NULL ? text.data : "", text.len);
	} else {
		put_start_of(out, r->response);
	}
	buf_fini(&text);
}
