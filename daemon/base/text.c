/* SPDX-License-Identifier: Apache-2.0 */
/* Text codecs. */
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789abcdef";

bool text_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s);
	size_t end = strlen(suffix);

	return len >= end && strcmp(s + len - end, suffix) == 0;
}

uint32_t text_hash(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++) {
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	}
	return h;
}

void text_one_line(char *s)
{
	for (; *s != '\0'; s++) {
		if (text_is_control(*s)) {
			*s = ' ';
		}
	}
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool text_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (*s == '\0') {
		return false;
	}
	for (; *s != '\0'; s++) {
		unsigned digit = (unsigned)(*s - '0');

		if (!is_digit(*s) || n > (UINT64_MAX - digit) / 10) {
			return false;
		}
		n = n * 10 + digit;
	}
	if (n < min || n > max) {
		return false;
	}
	*out = n;
	return true;
}

char *text_put_u64(char *out, uint64_t n)
{
	char digits[TEXT_U64_LEN];
	char *p = digits + sizeof(digits);
	size_t len;

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	len = (size_t)(digits + sizeof(digits) - p);
	memcpy(out, p, len);
	out[len] = '\0';
	return out + len;
}

/* One bit for each character of ASCII that a token may have. */
static const uint64_t token_chars[2] = { 0x03ff6cfa00000000, 0x57ffffffc7fffffe };

bool text_is_token(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	while (*p < 128 && (token_chars[*p / 64] >> (*p % 64) & 1) != 0) {
		p++;
	}
	return *s != '\0' && *p == '\0';
}

bool text_is_visible(const char *s)
{
	const char *p = s;

	while (*p > ' ' && *p < 0x7f) {
		p++;
	}
	return *s != '\0' && *p == '\0';
}

bool text_to_us(const char *s, int64_t *out)
{
	int64_t us = 0;
	int64_t unit = 100000;
	bool digits = false;
	bool more = false; /* than whole microseconds: one above a limit is above it, more than 0 is not 0 */

	for (; is_digit(*s); s++) {
		if (us > INT64_MAX / 10000000 - 1) {
			return false;
		}
		us = us * 10 + (*s - '0');
		digits = true;
	}
	us *= 1000000;
	if (*s == '.') {
		for (s++; is_digit(*s); s++) {
			us += (*s - '0') * unit;
			more = more || (unit == 0 && *s != '0');
			unit /= 10;
			digits = true;
		}
	}
	if (!digits || *s != '\0') {
		return false;
	}
	*out = us + more;
	return true;
}

void text_base64(struct buf *out, const void *data, size_t len)
{
	const unsigned char *p = data;
	char *to = buf_room(out, (len + 2) / 3 * 4);
	size_t i = 0;
	size_t n = 0;

	if (to == NULL) {
		return;
	}
	for (; i + 2 < len; i += 3) {
		unsigned v = (unsigned)p[i] << 16 | (unsigned)p[i + 1] << 8 | p[i + 2];

		to[n++] = base64_digits[v >> 18];
		to[n++] = base64_digits[v >> 12 & 63];
		to[n++] = base64_digits[v >> 6 & 63];
		to[n++] = base64_digits[v & 63];
	}
	if (i < len) {
		unsigned v = (unsigned)p[i] << 16 | (i + 1 < len ? (unsigned)p[i + 1] << 8 : 0);

		to[n++] = base64_digits[v >> 18];
		to[n++] = base64_digits[v >> 12 & 63];
		to[n++] = i + 1 < len ? base64_digits[v >> 6 & 63] : '=';
		to[n++] = '=';
	}
	buf_added(out, n);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (is_digit(c)) {
		return c - '0' + 52;
	}
	if (c == '+') {
		return 62;
	}
	return c == '/' ? 63 : -1;
}

bool text_unbase64(struct buf *out, const char *s, size_t len)
{
	size_t pad = 0;
	size_t n = 0;
	char *to;

	if (len % 4 != 0) {
		return false;
	}
	while (pad < 2 && pad < len && s[len - 1 - pad] == '=') {
		pad++;
	}
	to = buf_room(out, len / 4 * 3);
	if (to == NULL) {
		return false;
	}
	for (size_t i = 0; i < len; i += 4) {
		size_t last = i + 4 == len ? 4 - pad : 4;
		unsigned v = 0;

		for (size_t k = 0; k < 4; k++) {
			int digit = k < last ? base64_value(s[i + k]) : 0;

			if (digit < 0) {
				return false;
			}
			v = v << 6 | (unsigned)digit;
		}
		/* Bits that the padding cuts off must be zero, or two texts would mean the same bytes. */
		if ((last == 3 && (v & 0xff) != 0) || (last == 2 && (v & 0xffff) != 0)) {
			return false;
		}
		for (size_t k = 1; k < last; k++) {
			to[n++] = (char)(v >> (24 - 8 * k) & 0xff);
		}
	}
	buf_added(out, n);
	return true;
}

static int hex_value(char c)
{
	if (is_digit(c)) {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void text_percent(struct buf *out, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

	for (; *s != '\0'; s++) {
		if (strchr(plain, *s) != NULL) {
			buf_putc(out, *s);
		} else {
			buf_printf(out, "%%%02X", (unsigned char)*s);
		}
	}
}

bool text_unpercent(struct buf *out, const char *s, size_t len)
{
	size_t old = out->len;

	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_value(s[i + 1]) : -1;
			int low = high >= 0 ? hex_value(s[i + 2]) : -1;

			c = low >= 0 ? (char)(high << 4 | low) : '\0';
			i += 2;
		}
		if (c == '\0' || !buf_putc(out, c)) {
			if (out->data != NULL) {
				out->len = old;
				out->data[old] = '\0';
			}
			return false;
		}
	}
	return true;
}

/* Length of the UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (n == 0 || n > left) {
		return 0;
	}
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f)) {
		return 0;
	}
	return n;
}

bool text_is_utf8(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_len(p + i, len - i);

		if (n == 0) {
			return false;
		}
		i += n;
	}
	return true;
}

static void json_escape_byte(struct buf *out, unsigned char c)
{
	static const char shorts[] = "\"\\\n\r\t\b\f";
	static const char letters[] = "\"\\nrtbf";
	const char *at = c != '\0' ? strchr(shorts, c) : NULL;

	if (at != NULL) {
		char pair[2] = { '\\', letters[at - shorts] };

		buf_append(out, pair, 2);
	} else {
		char escape[6] = { '\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15] };

		buf_append(out, escape, 6);
	}
}

void text_json_escape(struct buf *out, const char *s, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c == '"' || c == '\\') {
			buf_append(out, s + done, i - done);
			json_escape_byte(out, c);
			done = i + 1;
		}
	}
	buf_append(out, s + done, len - done);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

void text_json_string(struct buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0;

	buf_putc(out, '"');
	while (i < len) {
		size_t start = i;
		size_t n;

		while (i < len && is_plain(p[i])) {
			i++;
		}
		buf_append(out, s + start, i - start);
		if (i == len) {
			break;
		}
		n = utf8_len(p + i, len - i);
		if (n == 1) {
			json_escape_byte(out, p[i]);
		} else if (n == 0) {
			buf_puts(out, "\\ufffd");
		} else if (n == 3 && p[i] == 0xe2 && p[i + 1] == 0x80 && (p[i + 2] & 0xfe) == 0xa8) {
			buf_puts(out, p[i + 2] == 0xa8 ? "\\u2028" : "\\u2029");
		} else {
			buf_append(out, s + i, n);
		}
		i += n > 0 ? n : 1;
	}
	buf_putc(out, '"');
}

static unsigned utf8_decode(const unsigned char *s, size_t n)
{
	unsigned c = n == 2 ? s[0] & 0x1fu : n == 3 ? s[0] & 0x0fu : s[0] & 0x07u;

	for (size_t i = 1; i < n; i++) {
		c = c << 6 | (s[i] & 0x3fu);
	}
	return c;
}

void text_json_ascii(struct buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_len(p + i, len - i);
		unsigned c = n > 1 ? utf8_decode(p + i, n) : n == 1 ? p[i] : 0xfffd;

		if (c < 0x80) {
			buf_putc(out, text_is_control((char)c) ? ' ' : (char)c);
		} else if (c < 0x10000) {
			buf_printf(out, "\\u%04x", c);
		} else {
			buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + (c & 0x3ff));
		}
		i += n > 0 ? n : 1;
	}
}

/* A pool, so that a request costs no system call. Per thread, so that it needs no lock. */
static void random_bytes(unsigned char *out, size_t n)
{
	static _Thread_local unsigned char pool[4096];
	static _Thread_local size_t left;

	if (left < n) {
		size_t have = 0;

		while (have < sizeof(pool)) {
			ssize_t got = getrandom(pool + have, sizeof(pool) - have, 0);

			if (got < 0 && errno != EINTR) {
				abort();
			}
			have += got > 0 ? (size_t)got : 0;
		}
		left = sizeof(pool);
	}
	left -= n;
	memcpy(out, pool + left, n);
}

static void put_hex(char *out, const unsigned char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = hex_digits[bytes[i] >> 4];
		out[2 * i + 1] = hex_digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void text_hex32(char out[9], uint32_t n)
{
	const unsigned char bytes[] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
					(unsigned char)n };

	put_hex(out, bytes, sizeof(bytes));
}

void text_random_hex(char *out, size_t n)
{
	unsigned char bytes[16];

	random_bytes(bytes, n);
	put_hex(out, bytes, n);
}

void text_uuid(char out[UUID_LEN])
{
	unsigned char b[16];

	random_bytes(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	put_hex(out, b, 4);
	out[8] = '-';
	put_hex(out + 9, b + 4, 2);
	out[13] = '-';
	put_hex(out + 14, b + 6, 2);
	out[18] = '-';
	put_hex(out + 19, b + 8, 2);
	out[23] = '-';
	put_hex(out + 24, b + 10, 6);
}

bool text_is_uuid(const char *s)
{
	for (size_t i = 0; i < UUID_LEN - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : hex_value(s[i]) < 0) {
			return false;
		}
	}
	return s[UUID_LEN - 1] == '\0';
}
