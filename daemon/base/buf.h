/* SPDX-License-Identifier: Apache-2.0 */
/*
 * struct buf: a growable byte buffer with an optional cap. Embedded; the holder owns it.
 * data is NUL terminated whenever it is not NULL, so that text can be passed on as a C string.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct blob;

struct buf {
	char *data; /* NULL while empty and never grown */
	size_t len;
	size_t cap;
	size_t limit; /* bytes of content at most; 0 = no limit */
};

#define BUF_INIT                                                                                                     \
	{                                                                                                            \
		NULL, 0, 0, 0                                                                                        \
	}

void buf_init(struct buf *b, size_t limit);
void buf_fini(struct buf *b);  /* frees the memory; usable again afterwards */
void buf_clear(struct buf *b); /* keeps the memory */

/* All appenders: true, or false and nothing appended when the limit would be passed. */
bool buf_append(struct buf *b, const void *data, size_t len);
bool buf_puts(struct buf *b, const char *s);
bool buf_putc(struct buf *b, char c);
bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* Make room for len more bytes and return where they go (NULL over the limit); then buf_added(). */
char *buf_room(struct buf *b, size_t len);
void buf_added(struct buf *b, size_t len);
void buf_consume(struct buf *b, size_t len); /* drop the first len bytes */

/* Moves the content into a new blob without copying; b is empty afterwards. */
struct blob *buf_to_blob(struct buf *b) MUST_CHECK;

#endif
