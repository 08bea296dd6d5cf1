/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a stream of bytes. */
#include "base/lines.h"

#include <string.h>

void lines_init(struct lines *l, size_t max)
{
	memset(l, 0, sizeof(*l));
	buf_init(&l->held, 0);
	l->max = max;
}

void lines_fini(struct lines *l)
{
	buf_fini(&l->held);
}

/* Lines are handed out where they lie; the room before them is won back once for many. */
char *lines_room(struct lines *l, size_t len)
{
	buf_consume(&l->held, l->at);
	l->scanned -= l->at;
	l->at = 0;
	return buf_room(&l->held, len);
}

void lines_added(struct lines *l, size_t len)
{
	buf_added(&l->held, len);
}

void lines_end(struct lines *l)
{
	l->ended = true;
}

static void advance(struct lines *l, size_t to)
{
	l->at = to;
	l->scanned = to;
}

static enum lines_result hand_out(struct lines *l, size_t end, size_t next, struct line *out)
{
	bool rest = l->skipping;

	out->text = l->held.data + l->at;
	out->len = end - l->at;
	l->skipping = false;
	advance(l, next);
	if (rest) {
		return LINES_MORE;
	}
	out->number = ++l->number;
	if (out->len > 0 && out->text[out->len - 1] == '\r') {
		out->len--;
	}
	return out->len > l->max ? LINES_TOO_LONG : LINES_LINE;
}

/* No end of line is in sight. */
static enum lines_result begun(struct lines *l, struct line *out)
{
	size_t end = l->held.len;

	l->scanned = end;
	if (l->skipping) {
		advance(l, end);
		return LINES_MORE;
	}
	if (l->ended) {
		return end > l->at ? hand_out(l, end, end, out) : LINES_MORE;
	}
	if (end - l->at <= l->max + 1) {
		return LINES_MORE;
	}
	l->skipping = true;
	out->number = ++l->number;
	advance(l, end);
	return LINES_TOO_LONG;
}

enum lines_result lines_next(struct lines *l, struct line *out)
{
	enum lines_result r = LINES_MORE;

	while (r == LINES_MORE) {
		size_t left = l->held.len - l->scanned;
		const char *newline = left > 0 ? memchr(l->held.data + l->scanned, '\n', left) : NULL;
		size_t end;

		if (newline == NULL) {
			return begun(l, out);
		}
		end = (size_t)(newline - l->held.data);
		r = hand_out(l, end, end + 1, out);
	}
	return r;
}
