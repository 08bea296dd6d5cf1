/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits bytes into lines as they arrive, without an end in sight: memory is bounded by the longest line allowed. Numbers
 * count every line of the input, from 1.
 */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

struct lines {
	struct buf held;
	size_t at;	/* what is before it has been handed out */
	size_t scanned; /* no '\n' between at and here */
	size_t max;	/* bytes of a line, without its end */
	uint64_t number;
	bool skipping; /* the rest of a line that is too long */
	bool ended;
};

enum lines_result {
	LINES_MORE, /* nothing to be had until more bytes come, or after the end */
	LINES_LINE,
	LINES_TOO_LONG, /* told once, as soon as it is known; there is a number and no text */
};

/* Without "\n" or "\r\n"; borrowed until the next call. */
struct line {
	const char *text;
	size_t len;
	uint64_t number;
};

void lines_init(struct lines *l, size_t max);
void lines_fini(struct lines *l);
/* Room for len more bytes; then lines_added(). */
char *lines_room(struct lines *l, size_t len);
void lines_added(struct lines *l, size_t len);
void lines_end(struct lines *l); /* no more bytes: a last line without '\n' counts too */
enum lines_result lines_next(struct lines *l, struct line *out) MUST_CHECK;

#endif
