/* SPDX-License-Identifier: Apache-2.0 */
/* Growable byte buffer. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/mem.h"

static const size_t first_cap = 64;

void buf_init(struct buf *b, size_t limit)
{
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
	b->limit = limit;
}

void buf_fini(struct buf *b)
{
	free(b->data);
	buf_init(b, b->limit);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data != NULL) {
		b->data[0] = '\0';
	}
}

char *buf_room(struct buf *b, size_t len)
{
	size_t need;

	if (len >= SIZE_MAX - b->len || (b->limit > 0 && b->len + len > b->limit)) {
		return NULL;
	}
	need = b->len + len + 1;
	if (need > b->cap) {
		size_t cap = b->cap > 0 ? b->cap : first_cap;

		while (cap < need) {
			cap = cap > SIZE_MAX / 2 ? need : cap * 2;
		}
		/* A capped buffer need not overshoot its cap: 6 MiB bodies would take 8. */
		if (b->limit > 0 && cap > b->limit + 1) {
			cap = b->limit + 1;
		}
		b->data = xrealloc(b->data, cap);
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_added(struct buf *b, size_t len)
{
	b->len += len;
	b->data[b->len] = '\0';
}

bool buf_append(struct buf *b, const void *data, size_t len)
{
	char *room = buf_room(b, len);

	if (room == NULL) {
		return false;
	}
	if (len > 0) {
		memcpy(room, data, len);
	}
	buf_added(b, len);
	return true;
}

bool buf_puts(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

bool buf_putc(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	char *room;
	int n;

	va_start(args, fmt);
	n = vsnprintf(b->data != NULL ? b->data + b->len : NULL, b->data != NULL ? b->cap - b->len : 0, fmt, args);
	va_end(args);
	if (n < 0) {
		return false;
	}
	if (b->data != NULL && (size_t)n < b->cap - b->len && (b->limit == 0 || b->len + (size_t)n <= b->limit)) {
		b->len += (size_t)n;
		return true;
	}
	if (b->data != NULL) {
		b->data[b->len] = '\0';
	}
	room = buf_room(b, (size_t)n);
	if (room == NULL) {
		return false;
	}
	va_start(args, fmt);
	vsnprintf(room, (size_t)n + 1, fmt, args);
	va_end(args);
	buf_added(b, (size_t)n);
	return true;
}

void buf_consume(struct buf *b, size_t len)
{
	if (len == 0) {
		return;
	}
	b->len -= len;
	if (b->len > 0) {
		memmove(b->data, b->data + len, b->len);
	}
	b->data[b->len] = '\0';
}

struct blob *buf_to_blob(struct buf *b)
{
	size_t len = b->len;
	char *mem = b->data;

	if (mem == NULL) {
		return blob_static("");
	}
	buf_init(b, b->limit);
	return blob_take(mem, len);
}
