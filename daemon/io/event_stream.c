/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding of event-stream messages. */
#include "io/event_stream.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "io/gzip.h"

#define JSON "application/json"

enum { PRELUDE = 12, CRC = 4, STRING = 7 };

struct field {
	const char *name;
	const char *value;
};

static void put_u32(char *at, uint32_t n)
{
	at[0] = (char)(n >> 24);
	at[1] = (char)(n >> 16);
	at[2] = (char)(n >> 8);
	at[3] = (char)n;
}

static void put_field(struct buf *out, const struct field *f)
{
	size_t name_len = strlen(f->name);
	size_t value_len = strlen(f->value);

	assert(name_len <= UINT8_MAX && value_len <= UINT16_MAX);
	buf_putc(out, (char)name_len);
	buf_append(out, f->name, name_len);
	buf_putc(out, STRING);
	buf_putc(out, (char)(value_len >> 8));
	buf_putc(out, (char)value_len);
	buf_append(out, f->value, value_len);
}

static void put_message(struct buf *out, const struct field *fields, size_t count, const void *payload, size_t len)
{
	static const char blank[PRELUDE];
	size_t start = out->len;
	size_t headers_len;
	char *message;

	buf_append(out, blank, PRELUDE);
	for (size_t i = 0; i < count; i++) {
		put_field(out, &fields[i]);
	}
	headers_len = out->len - start - PRELUDE;
	buf_append(out, payload, len);
	buf_append(out, blank, CRC);
	message = out->data + start;
	put_u32(message, (uint32_t)(out->len - start));
	put_u32(message + 4, (uint32_t)headers_len);
	put_u32(message + 8, gzip_crc32(message, 8));
	put_u32(out->data + out->len - CRC, gzip_crc32(message, out->len - start - CRC));
}

void event_stream_chunk(struct buf *out, const void *data, size_t len)
{
	static const struct field fields[] = {
		{ ":event-type", "PayloadChunk" },
		{ ":content-type", "application/octet-stream" },
		{ ":message-type", "event" },
	};

	put_message(out, fields, countof(fields), data, len);
}

void event_stream_complete(struct buf *out, const void *json, size_t len)
{
	static const struct field fields[] = {
		{ ":event-type", "InvokeComplete" },
		{ ":content-type", JSON },
		{ ":message-type", "event" },
	};

	put_message(out, fields, countof(fields), json, len);
}

void event_stream_exception(struct buf *out, const char *type, const void *json, size_t len)
{
	const struct field fields[] = {
		{ ":exception-type", type },
		{ ":content-type", JSON },
		{ ":message-type", "exception" },
	};

	put_message(out, fields, countof(fields), json, len);
}
