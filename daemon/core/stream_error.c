/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts at the end of a body. */
#include "core/stream_error.h"

#include <string.h>

#define TYPE "Lambda-Runtime-Function-Error-Type: "
#define BODY "\r\nLambda-Runtime-Function-Error-Body: "
#define END "\r\n"

/* A shorter beginning is not worth to hold up the last bytes of somebody's piece. */
static const size_t least = 8;
/* No message is as long, and what is held is in memory. */
static const size_t most = 256 * 1024;
static const size_t type_most = 128;
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

enum match { NO, PART, WHOLE };

/* Takes literal from *at. */
static enum match take_literal(const char **at, const char *end, const char *literal)
{
	size_t want = strlen(literal);
	size_t have = (size_t)(end - *at);
	size_t n = have < want ? have : want;

	if (memcmp(*at, literal, n) != 0) {
		return NO;
	}
	*at += n;
	return n == want ? WHOLE : PART;
}

static size_t take_type(const char *p, const char *end)
{
	size_t n = 0;

	while (n < type_most && p + n < end && p[n] > ' ' && p[n] < 0x7f) {
		n++;
	}
	return n;
}

static size_t take_base64(const char *p, const char *end)
{
	size_t n = 0;

	while (p + n < end && p[n] != '\0' && strchr(base64, p[n]) != NULL) {
		n++;
	}
	return n;
}

static enum match match(const char *data, size_t len)
{
	const char *end = data + len;
	enum match m = take_literal(&data, end, TYPE);

	if (m == WHOLE) {
		data += take_type(data, end);
		m = take_literal(&data, end, BODY);
	}
	if (m == WHOLE) {
		data += take_base64(data, end);
		m = take_literal(&data, end, END);
	}
	return m == WHOLE && data < end ? NO : m;
}

/* Where a text may begin that goes to the end of the data; len = nowhere. */
static size_t candidate(const char *data, size_t len)
{
	const char *end = data + len;

	for (const char *p = data; (p = memchr(p, TYPE[0], (size_t)(end - p))) != NULL; p++) {
		size_t rest = (size_t)(end - p);

		if (rest < least) {
			break;
		}
		if (rest <= most && match(p, rest) != NO) {
			return (size_t)(p - data);
		}
	}
	return len;
}

void stream_error_init(struct stream_error *e)
{
	buf_init(&e->held, 0);
	buf_init(&e->passed, 0);
}

void stream_error_fini(struct stream_error *e)
{
	buf_fini(&e->held);
	buf_fini(&e->passed);
}

void stream_error_pass(struct stream_error *e, const char **data, size_t *len)
{
	size_t passes;

	if (e->held.len > 0) {
		buf_fini(&e->passed);
		e->passed = e->held;
		buf_init(&e->held, 0);
		buf_append(&e->passed, *data, *len);
		*data = e->passed.data;
		*len = e->passed.len;
	}
	passes = candidate(*data, *len);
	if (passes < *len) {
		buf_append(&e->held, *data + passes, *len - passes);
		*len = passes;
	}
}

bool stream_error_end(struct stream_error *e, const char **type, const char **body, const char **data, size_t *len)
{
	*data = e->held.data;
	*len = e->held.len;
	if (e->held.len == 0 || match(e->held.data, e->held.len) != WHOLE) {
		return false;
	}
	e->held.data[e->held.len - strlen(END)] = '\0';
	*type = e->held.data + strlen(TYPE);
	*body = strstr(*type, BODY) + strlen(BODY);
	*(strstr(e->held.data, BODY)) = '\0';
	return true;
}
