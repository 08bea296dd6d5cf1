/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a stream. */
#include "edge/invoke_stream.h"

#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/text.h"
#include "core/fault.h"
#include "core/invocation.h"
#include "io/event_stream.h"

static void put_member(struct buf *json, const char *name, const char *value, size_t len)
{
	buf_printf(json, "%s\"%s\":", json->len > 1 ? "," : "", name);
	text_json_string(json, value, len);
}

/* Errors that ended a stream have their own codes; all others are what Invoke has in X-Amz-Function-Error. */
static const char *error_code(const struct outcome *o)
{
	bool of_stream = o->kind == OUTCOME_ERROR || o->kind == OUTCOME_INVALID || o->kind == OUTCOME_TOO_LARGE;

	return o->streamed && of_stream && o->error_type != NULL ? o->error_type : "Unhandled";
}

void invoke_stream_complete(struct buf *out, const struct outcome *o)
{
	struct buf json = BUF_INIT;
	struct buf tail = BUF_INIT;

	buf_putc(&json, '{');
	if (outcome_is_function_error(o->kind)) {
		const char *code = error_code(o);

		put_member(&json, "ErrorCode", code, strlen(code));
		if (o->body != NULL) {
			put_member(&json, "ErrorDetails", o->body->data, o->body->len);
		}
	}
	if (o->log_tail != NULL) {
		text_base64(&tail, o->log_tail->data, o->log_tail->len);
		put_member(&json, "LogResult", tail.data != NULL ? tail.data : "", tail.len);
	}
	buf_putc(&json, '}');
	event_stream_complete(out, json.data, json.len);
	buf_fini(&json);
	buf_fini(&tail);
}

void invoke_stream_whole(struct buf *out, const struct outcome *o)
{
	if (o->kind == OUTCOME_RESPONSE && o->body != NULL && o->body->len > 0) {
		event_stream_chunk(out, o->body->data, o->body->len);
	}
	invoke_stream_complete(out, o);
}
