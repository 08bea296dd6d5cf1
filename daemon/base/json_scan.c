/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON scanner. */
#include "base/json_scan.h"

#include <limits.h>
#include <string.h>

#include "base/buf.h"

struct scan {
	const unsigned char *at;
	const unsigned char *end;
};

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r')) {
		s->at++;
	}
}

static bool take(struct scan *s, char c)
{
	if (s->at < s->end && *s->at == (unsigned char)c) {
		s->at++;
		return true;
	}
	return false;
}

static bool word(struct scan *s, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, text, len) != 0) {
		return false;
	}
	s->at += len;
	return true;
}

static bool digits(struct scan *s)
{
	const unsigned char *start = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
		s->at++;
	}
	return s->at > start;
}

static bool number(struct scan *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && !digits(s)) {
		return false;
	}
	if (take(s, '.') && !digits(s)) {
		return false;
	}
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+')) {
			(void)take(s, '-');
		}
		return digits(s);
	}
	return true;
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after \u. -1: there are not four. */
static int hex4(struct scan *s)
{
	int value = 0;

	if (s->end - s->at < 4) {
		return -1;
	}
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*s->at++);

		if (digit < 0) {
			return -1;
		}
		value = value * 16 + digit;
	}
	return value;
}

/* One character that is not ASCII; well-formed UTF-8 as Unicode's table 3-7 has it. */
static bool utf8(struct scan *s)
{
	unsigned char first = *s->at++;
	unsigned char low = 0x80, high = 0xbf;
	int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;

	if (first < 0xc2 || first > 0xf4) {
		return false;
	}
	low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
	high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
	for (; more > 0; more--) {
		if (s->at == s->end || *s->at < low || *s->at > high) {
			return false;
		}
		s->at++;
		low = 0x80;
		high = 0xbf;
	}
	return true;
}

/* After the opening quote, up to and with the closing one. */
static bool string_rest(struct scan *s)
{
	while (s->at < s->end) {
		unsigned char c = *s->at;

		if (c >= 0x80) {
			if (!utf8(s)) {
				return false;
			}
			continue;
		}
		s->at++;
		if (c == '"') {
			return true;
		}
		if (c < 0x20 || (c == '\\' && s->at == s->end)) {
			return false;
		}
		if (c == '\\') {
			c = *s->at++;
			if (c == 'u' ? hex4(s) < 0 : strchr("\"\\/bfnrt", c) == NULL || c == '\0') {
				return false;
			}
		}
	}
	return false;
}

static bool string(struct scan *s)
{
	return take(s, '"') && string_rest(s);
}

/* What has no value inside it. */
static bool scalar(struct scan *s)
{
	if (s->at == s->end) {
		return false;
	}
	switch (*s->at) {
	case '"':
		return string(s);
	case 't':
		return word(s, "true");
	case 'f':
		return word(s, "false");
	case 'n':
		return word(s, "null");
	default:
		return number(s);
	}
}

/* Which containers are open, innermost last: a bit each, 1 = object. */
struct nest {
	unsigned char bits[JSON_SCAN_DEPTH / CHAR_BIT + 1];
	unsigned depth;
};

static bool nest_push(struct nest *n, bool object)
{
	unsigned char bit = (unsigned char)(1u << n->depth % CHAR_BIT);
	unsigned char *byte = &n->bits[n->depth / CHAR_BIT];

	if (n->depth == JSON_SCAN_DEPTH) {
		return false;
	}
	*byte = (unsigned char)(object ? *byte | bit : *byte & ~bit);
	n->depth++;
	return true;
}

static bool nest_in_object(const struct nest *n)
{
	unsigned top = n->depth - 1;

	return (n->bits[top / CHAR_BIT] >> top % CHAR_BIT & 1) != 0;
}

static bool key(struct scan *s)
{
	skip_blanks(s);
	if (!string(s)) {
		return false;
	}
	skip_blanks(s);
	return take(s, ':');
}

/* After a value: closes what ends here. -1 = broken, 0 = the outermost value is complete, 1 = another value follows. */
static int after_value(struct scan *s, struct nest *n)
{
	while (n->depth > 0) {
		bool object = nest_in_object(n);

		skip_blanks(s);
		if (take(s, ',')) {
			return !object || key(s) ? 1 : -1;
		}
		if (!take(s, object ? '}' : ']')) {
			return -1;
		}
		n->depth--;
	}
	return 0;
}

/* One value; without recursion, because the text is anybody's. */
static bool value(struct scan *s)
{
	struct nest n = { .depth = 0 };
	int more = 1;

	while (more == 1) {
		bool object;

		skip_blanks(s);
		object = s->at < s->end && *s->at == '{';
		if (!object && !(s->at < s->end && *s->at == '[')) {
			more = scalar(s) ? after_value(s, &n) : -1;
			continue;
		}
		s->at++;
		skip_blanks(s);
		if (take(s, object ? '}' : ']')) {
			more = after_value(s, &n);
		} else if (!nest_push(&n, object) || (object && !key(s))) {
			more = -1;
		}
	}
	return more == 0;
}

bool json_scan_text(const char *text, size_t len, struct json_slice *out)
{
	struct scan s = { (const unsigned char *)text, (const unsigned char *)text + len };

	out->ptr = NULL;
	out->len = 0;
	skip_blanks(&s);
	text = (const char *)s.at;
	if (!value(&s)) {
		return false;
	}
	len = (size_t)((const char *)s.at - text);
	skip_blanks(&s);
	if (s.at != s.end) {
		return false;
	}
	out->ptr = text;
	out->len = len;
	return true;
}

void json_scan_members(struct json_slice object, json_slice_fn fn, void *ctx)
{
	struct scan s;

	if (!json_slice_is(object, '{')) {
		return;
	}
	s.at = (const unsigned char *)object.ptr + 1;
	s.end = (const unsigned char *)object.ptr + object.len;
	skip_blanks(&s);
	while (s.at < s.end && *s.at == '"') {
		struct json_slice name = { (const char *)s.at, 0 };
		struct json_slice v;

		if (!string(&s)) {
			return;
		}
		name.len = (size_t)((const char *)s.at - name.ptr);
		skip_blanks(&s);
		(void)take(&s, ':');
		skip_blanks(&s);
		v.ptr = (const char *)s.at;
		if (!value(&s)) {
			return;
		}
		v.len = (size_t)((const char *)s.at - v.ptr);
		fn(ctx, name, v);
		skip_blanks(&s);
		(void)take(&s, ',');
		skip_blanks(&s);
	}
}

void json_scan_items(struct json_slice array, json_item_fn fn, void *ctx)
{
	struct scan s;

	if (!json_slice_is(array, '[')) {
		return;
	}
	s.at = (const unsigned char *)array.ptr + 1;
	s.end = (const unsigned char *)array.ptr + array.len;
	skip_blanks(&s);
	while (s.at < s.end && *s.at != ']') {
		struct json_slice item = { (const char *)s.at, 0 };

		if (!value(&s)) {
			return;
		}
		item.len = (size_t)((const char *)s.at - item.ptr);
		fn(ctx, item);
		skip_blanks(&s);
		(void)take(&s, ',');
		skip_blanks(&s);
	}
}

struct search {
	const char *name;
	struct json_slice found;
};

static bool same(struct json_slice key_text, const char *name)
{
	struct buf decoded = BUF_INIT;
	bool equal;

	if (memchr(key_text.ptr, '\\', key_text.len) == NULL) {
		return key_text.len == strlen(name) + 2 && memcmp(key_text.ptr + 1, name, key_text.len - 2) == 0;
	}
	equal = json_slice_string(key_text, &decoded) && decoded.data != NULL && strcmp(decoded.data, name) == 0;
	buf_fini(&decoded);
	return equal;
}

static void look_at(void *ctx, struct json_slice key_text, struct json_slice v)
{
	struct search *search = ctx;

	if (same(key_text, search->name)) {
		search->found = v;
	}
}

struct json_slice json_scan_member(struct json_slice object, const char *name)
{
	struct search search = { name, { NULL, 0 } };

	json_scan_members(object, look_at, &search);
	return search.found;
}

bool json_slice_is(struct json_slice v, char kind)
{
	if (v.ptr == NULL || v.len == 0) {
		return false;
	}
	if (kind == '0') {
		return *v.ptr == '-' || (*v.ptr >= '0' && *v.ptr <= '9');
	}
	return *v.ptr == kind;
}

static void put_utf8(struct buf *out, unsigned cp)
{
	if (cp < 0x80) {
		buf_putc(out, (char)cp);
	} else if (cp < 0x800) {
		buf_putc(out, (char)(0xc0 | cp >> 6));
		buf_putc(out, (char)(0x80 | (cp & 0x3f)));
	} else if (cp < 0x10000) {
		buf_putc(out, (char)(0xe0 | cp >> 12));
		buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (cp & 0x3f)));
	} else {
		buf_putc(out, (char)(0xf0 | cp >> 18));
		buf_putc(out, (char)(0x80 | (cp >> 12 & 0x3f)));
		buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (cp & 0x3f)));
	}
}

/* After \u. A surrogate without its other half becomes U+FFFD. */
static unsigned code_point(struct scan *s)
{
	struct scan ahead;
	int first = hex4(s);
	int second;

	if (first < 0xd800 || first > 0xdfff) {
		return first < 0 ? 0xfffd : (unsigned)first;
	}
	ahead = *s;
	second = take(&ahead, '\\') && take(&ahead, 'u') ? hex4(&ahead) : -1;
	if (first > 0xdbff || second < 0xdc00 || second > 0xdfff) {
		return 0xfffd;
	}
	*s = ahead;
	return 0x10000 + (((unsigned)first - 0xd800) << 10) + ((unsigned)second - 0xdc00);
}

/* false: it was a NUL. */
static bool put_escape(struct scan *s, struct buf *out)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	char c = (char)*s->at++;
	const char *hit = strchr(from, c);

	if (c == 'u') {
		unsigned cp = code_point(s);

		put_utf8(out, cp);
		return cp != 0;
	}
	buf_putc(out, hit != NULL ? to[hit - from] : c);
	return true;
}

static bool decode(struct json_slice v, bool nul_ok, struct buf *out)
{
	struct scan s;

	if (!json_slice_is(v, '"') || v.len < 2) {
		return false;
	}
	s.at = (const unsigned char *)v.ptr + 1;
	s.end = (const unsigned char *)v.ptr + v.len - 1;
	while (s.at < s.end) {
		const unsigned char *escape = memchr(s.at, '\\', (size_t)(s.end - s.at));
		const unsigned char *stop = escape != NULL ? escape : s.end;

		buf_append(out, s.at, (size_t)(stop - s.at));
		s.at = stop;
		if (escape != NULL) {
			s.at++;
			if (!put_escape(&s, out) && !nul_ok) {
				return false;
			}
		}
	}
	return true;
}

bool json_slice_string(struct json_slice v, struct buf *out)
{
	return decode(v, false, out);
}

bool json_slice_bytes(struct json_slice v, struct buf *out)
{
	return decode(v, true, out);
}

bool json_slice_u64(struct json_slice v, uint64_t *out)
{
	uint64_t n = 0;

	if (!json_slice_is(v, '0')) {
		return false;
	}
	for (size_t i = 0; i < v.len; i++) {
		unsigned digit = (unsigned)(unsigned char)v.ptr[i] - '0';

		if (digit > 9 || n > (UINT64_MAX - digit) / 10) {
			return false;
		}
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}
