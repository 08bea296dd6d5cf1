/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping and unwrapping of debugger frames, piece by piece. */
#include "debug/wire.h"

#include <string.h>

static const char open_text[] = "{\"type\":\"V8_INSPECTOR_MESSAGE\",\"payload\":\"";
/* Longest word that means something: V8_INSPECTOR_MESSAGE. */
static const size_t word_max = 32;

void wire_open(struct buf *out)
{
	buf_append(out, open_text, sizeof(open_text) - 1);
}

void wire_shut(struct buf *out)
{
	buf_append(out, "\"}", 2);
}

/* --- reading --- */

enum {
	START,	   /* before the brace */
	FIRST_KEY, /* a key or the closing brace */
	NEXT_KEY,
	KEY, /* inside its quotes */
	COLON,
	VALUE,
	TYPE,	 /* inside the quotes of the type */
	PAYLOAD, /* inside the quotes of the payload */
	SKIP,	 /* some other value */
	COMMA,
	DONE,
};

void wire_reader_init(struct wire_reader *r)
{
	memset(r, 0, sizeof(*r));
}

void wire_reader_fini(struct wire_reader *r)
{
	buf_fini(&r->word);
	buf_fini(&r->early);
}

void wire_begin(struct wire_reader *r)
{
	r->state = START;
	r->type = WIRE_UNKNOWN;
	r->type_seen = false;
	r->bad = false;
	buf_fini(&r->early);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void word_begin(struct wire_reader *r)
{
	buf_clear(&r->word);
	r->word_cut = false;
	r->escaped = false;
	r->hex_digits = 0;
	r->high = 0;
}

static bool word_is(const struct wire_reader *r, const char *s)
{
	return !r->word_cut && r->word.len == strlen(s) && memcmp(r->word.data, s, r->word.len) == 0;
}

/* Where the decoded text of the current string goes. */
static bool put(struct wire_reader *r, const char *data, size_t len, struct buf *out)
{
	if (r->state != PAYLOAD) {
		r->word_cut = r->word_cut || r->word.len + len > word_max;
		if (!r->word_cut) {
			buf_append(&r->word, data, len);
		}
		return true;
	}
	if (r->type == WIRE_PAYLOAD) {
		buf_append(out, data, len);
	} else if (!r->type_seen) {
		if (r->early.len + len > WIRE_EARLY_MAX) {
			return false;
		}
		buf_append(&r->early, data, len);
	}
	return true;
}

static bool put_code(struct wire_reader *r, uint32_t c, struct buf *out)
{
	char utf8[4];
	size_t n = 0;

	if (c < 0x80) {
		utf8[n++] = (char)c;
	} else if (c < 0x800) {
		utf8[n++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		utf8[n++] = (char)(0xe0 | c >> 12);
		utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		utf8[n++] = (char)(0xf0 | c >> 18);
		utf8[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		utf8[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80) {
		utf8[n++] = (char)(0x80 | (c & 0x3f));
	}
	return put(r, utf8, n, out);
}

/* Half a surrogate pair has no form in UTF-8; JavaScript sends U+FFFD for it too. */
static bool put_lone(struct wire_reader *r, struct buf *out)
{
	bool lone = r->high != 0;

	r->high = 0;
	return !lone || put_code(r, 0xfffd, out);
}

static bool take_unit(struct wire_reader *r, uint32_t unit, struct buf *out)
{
	if (unit >= 0xdc00 && unit <= 0xdfff && r->high != 0) {
		uint32_t c = 0x10000 + ((r->high - 0xd800) << 10) + (unit - 0xdc00);

		r->high = 0;
		return put_code(r, c, out);
	}
	if (!put_lone(r, out)) {
		return false;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		r->high = unit;
		return true;
	}
	return put_code(r, unit >= 0xdc00 && unit <= 0xdfff ? 0xfffd : unit, out);
}

static bool take_hex(struct wire_reader *r, char c, struct buf *out)
{
	uint32_t digit;

	if (c >= '0' && c <= '9') {
		digit = (uint32_t)(c - '0');
	} else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
		digit = (uint32_t)((c | 0x20) - 'a' + 10);
	} else {
		return false;
	}
	r->code = r->code << 4 | digit;
	return --r->hex_digits > 0 || take_unit(r, r->code, out);
}

static bool take_escape(struct wire_reader *r, char c, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	r->escaped = false;
	if (c == 'u') {
		r->hex_digits = 4;
		r->code = 0;
		return true;
	}
	at = c != '\0' ? strchr(from, c) : NULL;
	return at != NULL && put_lone(r, out) && put(r, to + (at - from), 1, out);
}

static bool end_string(struct wire_reader *r, struct buf *out)
{
	if (!put_lone(r, out)) {
		return false;
	}
	if (r->state == KEY) {
		r->is_type = word_is(r, "type");
		r->is_payload = word_is(r, "payload");
		r->state = COLON;
		return true;
	}
	if (r->state == TYPE) {
		r->type_seen = true;
		r->type = word_is(r, "V8_INSPECTOR_MESSAGE") ? WIRE_PAYLOAD
			  : word_is(r, "USER_CONNECTED")     ? WIRE_CONNECTED
							     : WIRE_UNKNOWN;
		if (r->type == WIRE_PAYLOAD && r->early.len > 0) {
			buf_append(out, r->early.data, r->early.len);
		}
		buf_fini(&r->early);
	}
	r->state = COMMA;
	return true;
}

/* Inside a string that is read: the plain run up to the next special byte at once. Returns how much was taken. */
static size_t take_string(struct wire_reader *r, const char *data, size_t len, struct buf *out)
{
	size_t n = 0;

	if (r->hex_digits > 0) {
		r->bad = !take_hex(r, data[0], out);
		return 1;
	}
	if (r->escaped) {
		r->bad = !take_escape(r, data[0], out);
		return 1;
	}
	while (n < len && data[n] != '"' && data[n] != '\\' && (unsigned char)data[n] >= ' ') {
		n++;
	}
	if (n > 0) {
		r->bad = !put_lone(r, out) || !put(r, data, n, out);
		return n;
	}
	if (data[0] == '\\') {
		r->escaped = true;
	} else if (data[0] == '"') {
		r->bad = !end_string(r, out);
	} else {
		r->bad = true; /* a control character */
	}
	return 1;
}

/* One byte of a value that means nothing to us. It is followed, not checked. true: it belongs to the value. */
static bool skip(struct wire_reader *r, char c)
{
	if (r->quoted) {
		if (r->escaped) {
			r->escaped = false;
		} else if (c == '\\') {
			r->escaped = true;
		} else if (c == '"') {
			r->quoted = false;
		}
		return true;
	}
	if (c == '"') {
		r->quoted = true;
	} else if (c == '{' || c == '[') {
		r->depth++;
	} else if (r->depth > 0 && (c == '}' || c == ']')) {
		r->depth--;
	} else if (r->depth == 0 && (c == ',' || c == '}')) {
		return false;
	}
	return true;
}

static void begin_value(struct wire_reader *r, char c)
{
	word_begin(r);
	if (c == '"' && r->is_type) {
		r->state = TYPE;
	} else if (c == '"' && r->is_payload) {
		r->state = PAYLOAD;
	} else {
		r->state = SKIP;
		r->depth = 0;
		r->quoted = false;
		r->bad = c == ',' || c == '}' || c == ']' || c == ':';
		(void)skip(r, c);
	}
}

/* Punctuation between the parts of the object. */
static void take_mark(struct wire_reader *r, char c)
{
	if (is_blank(c)) {
		return;
	}
	switch (r->state) {
	case START:
		r->bad = c != '{';
		r->state = FIRST_KEY;
		break;
	case FIRST_KEY:
	case NEXT_KEY:
		if (c == '}' && r->state == FIRST_KEY) {
			r->state = DONE;
		} else {
			r->bad = c != '"';
			word_begin(r);
			r->state = KEY;
		}
		break;
	case COLON:
		r->bad = c != ':';
		r->state = VALUE;
		break;
	case VALUE:
		begin_value(r, c);
		break;
	case COMMA:
		r->bad = c != ',' && c != '}';
		r->state = c == ',' ? NEXT_KEY : DONE;
		break;
	default:
		r->bad = true;
		break;
	}
}

bool wire_feed(struct wire_reader *r, const char *data, size_t len, struct buf *out)
{
	size_t at = 0;

	while (at < len && !r->bad) {
		if (r->state == KEY || r->state == TYPE || r->state == PAYLOAD) {
			at += take_string(r, data + at, len - at, out);
		} else if (r->state != SKIP) {
			take_mark(r, data[at++]);
		} else if (skip(r, data[at])) {
			at++;
		} else {
			r->state = COMMA;
		}
	}
	return !r->bad;
}

bool wire_end(struct wire_reader *r)
{
	return !r->bad && r->state == DONE;
}

enum wire_type wire_type(const struct wire_reader *r)
{
	return r->type;
}
