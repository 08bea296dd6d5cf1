/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts: each is one line, whatever a bad value contains. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	text_one_line(err->msg);
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	va_list args;
	size_t len;

	memcpy(old, err->msg, sizeof(old));
	va_start(args, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %.*s", (int)sizeof(old), old);
	text_one_line(err->msg);
	return -1;
}
