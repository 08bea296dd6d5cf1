/* SPDX-License-Identifier: Apache-2.0 */
/* Small text codecs: numbers, base64 (RFC 4648, section 4), percent-encoding, UUIDs, JSON strings. Pure but for uuid. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;

bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);

/* Whole string, decimal digits only (no sign, no blanks), within [min, max]. */
bool text_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out) MUST_CHECK;
/* Decimal seconds with an optional fraction ("3", "0.5", ".25"); no exponent, sign or blanks. Microseconds out. */
bool text_to_us(const char *s, int64_t *out) MUST_CHECK;

/* Writes n in decimal and a NUL. Returns the place of the NUL, at most out + TEXT_U64_LEN - 1. */
#define TEXT_U64_LEN 21
char *text_put_u64(char *out, uint64_t n);

/* FNV-1a: for tables of what we name ourselves; a stranger could choose texts that collide. */
uint32_t text_hash(const char *s, size_t len);

/* C0 and DEL: what could end a line or a header, or move a terminal's cursor. */
static inline bool text_is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}
void text_one_line(char *s); /* control characters become blanks */

/* A token of RFC 9110, section 5.6.2: the name of a header or of a method. */
bool text_is_token(const char *s);
/* Nothing but visible ASCII: fit for any place of a request. "" is not. */
bool text_is_visible(const char *s);

void text_base64(struct buf *out, const void *data, size_t len);
/* Strict: padding required, no blanks. false = not base64, out as it was. */
bool text_unbase64(struct buf *out, const char *s, size_t len) MUST_CHECK;

/* Everything but letters, digits and -_.~ as %XX (RFC 3986). */
void text_percent(struct buf *out, const char *s);
/* %XX only ('+' stays '+'). false on a bad escape or a NUL in the result. */
bool text_unpercent(struct buf *out, const char *s, size_t len) MUST_CHECK;

bool text_is_utf8(const char *s, size_t len);

/* Appends a JSON string literal with its quotes; <, > and & become \u003c ... as Go's encoder writes them, bytes
 * that are not UTF-8 become U+FFFD. */
void text_json_string(struct buf *out, const char *s, size_t len);

/* What stands between the quotes of a JSON string: only what RFC 8259, section 7, demands is escaped, any other byte
 * stays. The text may come in pieces. */
void text_json_escape(struct buf *out, const char *s, size_t len);

/* JSON text in ASCII: what is not ASCII becomes \u escapes, control characters (which only separate there) blanks. For
 * header values. s is valid JSON in UTF-8; anything else comes out as something harmless. */
void text_json_ascii(struct buf *out, const char *s, size_t len);

#define UUID_LEN 37 /* 36 characters and NUL */
/* Random UUID (RFC 9562, version 4), lower case. From a buffered getrandom(2): cheap enough for every request. */
void text_uuid(char out[UUID_LEN]);
/* Eight lower-case hex digits and NUL. */
void text_hex32(char out[9], uint32_t n);
/* n random bytes as 2n lower-case hex digits and NUL. n <= 16. */
void text_random_hex(char *out, size_t n);
bool text_is_uuid(const char *s);

#endif
