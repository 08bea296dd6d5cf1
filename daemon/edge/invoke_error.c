/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of Invoke calls. */
#include "edge/invoke_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

void invoke_error_set(struct invoke_error *e, int status, const char *type, bool capital, const char *fmt, ...)
{
	va_list args;

	e->status = status;
	e->type = type;
	e->capital = capital;
	e->reason = NULL;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
}

int invoke_error_bad_value(struct invoke_error *e, const char *what, const char *value)
{
	invoke_error_set(e, 400, INVALID_PARAMETER, false,
			 "1 validation error detected: Value '%.200s' at '%s' failed to satisfy constraint", value,
			 what);
	return -1;
}

void invoke_error_too_large(struct invoke_error *e, size_t max)
{
	invoke_error_set(e, 413, "RequestEntityTooLargeException", false,
			 "Request must be smaller than %zu bytes for the InvokeFunction operation", max);
}

void invoke_error_event_too_large(struct invoke_error *e, size_t size, size_t max)
{
	invoke_error_set(e, 413, "RequestEntityTooLargeException", false,
			 "%zu byte payload is too large for the Event invocation type (limit %zu bytes)", size, max);
}

void invoke_error_body(const struct invoke_error *e, struct buf *out)
{
	buf_printf(out, "{\"Type\":\"%s\",", e->status < 500 ? "User" : "Service");
	if (e->reason != NULL) {
		buf_printf(out, "\"Reason\":\"%s\",", e->reason);
	}
	buf_printf(out, "\"%s\":", e->capital ? "Message" : "message");
	text_json_string(out, e->text, strlen(e->text));
	buf_putc(out, '}');
}
