/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding and decoding of the journal. */
#include "core/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "core/invocation.h"

static const char magic[8] = { 'L', 'R', 'A', 'D', 'A', 'S', 'Y', '1' };
static const char mark[4] = { 'A', 's', 'Y', 'r' };
enum { RECORD_HEAD = 12 };
/* Whoever makes an event of beginnings of records must not make a damaged file something that is read for minutes. */
enum { SEARCH_MAX = 8 /* times its size */ };
static const uint32_t none = UINT32_MAX; /* length of what is not there */

/* CRC-32 as in IEEE 802.3 and zlib. */
static uint32_t crc32_of(uint32_t crc, const char *data, size_t len)
{
	static uint32_t table[256];

	for (uint32_t i = 0; table[255] == 0 && i < 256; i++) {
		uint32_t c = i;

		for (unsigned bit = 0; bit < 8; bit++) {
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		}
		table[i] = c;
	}
	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc = crc >> 8 ^ table[(crc ^ (unsigned char)data[i]) & 0xff];
	}
	return ~crc;
}

/* The four bytes, as a number, that take the CRC from one value to the other. */
static uint32_t crc32_between(uint32_t from, uint32_t to)
{
	uint32_t c = ~to;

	for (unsigned bit = 0; bit < 32; bit++) {
		c = c & 0x80000000u ? (c ^ 0xedb88320u) << 1 | 1 : c << 1;
	}
	return c ^ ~from;
}

/* --- writing --- */

static void put_number(struct buf *out, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		buf_putc(out, (char)(value >> 8 * i & 0xff));
	}
}

static void store_u32(char *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++) {
		at[i] = (char)(value >> 8 * i & 0xff);
	}
}

static void put_bytes(struct buf *out, const char *data, size_t len)
{
	if (data == NULL) {
		put_number(out, none, 4);
		return;
	}
	put_number(out, len, 4);
	buf_append(out, data, len);
}

static void put_text(struct buf *out, const char *text)
{
	put_bytes(out, text, text != NULL ? strlen(text) : 0);
}

static void put_event(struct buf *out, const struct event *ev)
{
	put_text(out, ev->id);
	put_text(out, ev->content_type);
	put_text(out, ev->arn);
	put_text(out, ev->trace_id);
	put_text(out, ev->tenant_id);
	put_bytes(out, ev->body->data, ev->body->len);
}

void journal_write_header(struct buf *out, uint32_t salt)
{
	char head[JOURNAL_HEADER];

	memcpy(head, magic, sizeof(magic));
	store_u32(head + 8, salt);
	store_u32(head + 12, crc32_of(0, head, 12));
	buf_append(out, head, sizeof(head));
}

void journal_write(struct buf *out, uint32_t salt, const struct journal_record *r)
{
	size_t start = out->len;
	char *head;

	buf_append(out, mark, sizeof(mark));
	put_number(out, 0, 8);
	buf_putc(out, (char)r->kind);
	put_number(out, r->number, 8);
	if (r->kind != JOURNAL_DONE) {
		put_number(out, r->attempts, 4);
	}
	if (r->kind == JOURNAL_ACCEPTED) {
		put_number(out, (uint64_t)r->wall_ms, 8);
		put_event(out, r->event);
	} else if (r->kind == JOURNAL_ENDED) {
		buf_putc(out, (char)r->condition);
		buf_putc(out, (char)((r->ran ? 1 : 0) | (r->function_error ? 2 : 0)));
		put_bytes(out, r->response != NULL ? r->response->data : NULL,
			  r->response != NULL ? r->response->len : 0);
	}
	head = out->data + start;
	store_u32(head + 4, (uint32_t)(out->len - start - RECORD_HEAD));
	store_u32(head + 8,
		  crc32_of(crc32_of(salt, head + 4, 4), head + RECORD_HEAD, out->len - start - RECORD_HEAD));
}

/* --- reading --- */

/* What is left of a payload. Once something was missing, all that follows is, too. */
struct cursor {
	const char *at;
	size_t left;
	bool bad;
};

static uint32_t load_u32(const char *at)
{
	const unsigned char *p = (const unsigned char *)at;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const char *get(struct cursor *c, size_t len)
{
	const char *at = c->at;

	if (c->bad || c->left < len) {
		c->bad = true;
		return NULL;
	}
	c->at += len;
	c->left -= len;
	return at;
}

static uint64_t get_number(struct cursor *c, unsigned bytes)
{
	const unsigned char *p = (const unsigned char *)get(c, bytes);
	uint64_t value = 0;

	for (unsigned i = 0; p != NULL && i < bytes; i++) {
		value |= (uint64_t)p[i] << 8 * i;
	}
	return value;
}

/* NULL with *len 0: it is not there, or should be and is not. */
static const char *get_bytes(struct cursor *c, size_t *len)
{
	uint32_t n = (uint32_t)get_number(c, 4);
	const char *at = n == none ? NULL : get(c, n);

	*len = at != NULL ? n : 0;
	return at;
}

static char *get_text(struct cursor *c)
{
	size_t len;
	const char *at = get_bytes(c, &len);

	if (at != NULL && memchr(at, '\0', len) != NULL) {
		c->bad = true;
		return NULL;
	}
	return at != NULL ? xstrndup(at, len) : NULL;
}

static struct event *get_event(struct cursor *c)
{
	struct event *ev = event_new();
	char *id = get_text(c);
	const char *body;
	size_t len;

	ev->type = INVOKE_EVENT;
	ev->content_type = get_text(c);
	ev->arn = get_text(c);
	ev->trace_id = get_text(c);
	ev->tenant_id = get_text(c);
	body = get_bytes(c, &len);
	if (id == NULL || !text_is_uuid(id) || body == NULL || ev->arn == NULL) {
		c->bad = true;
	} else {
		memcpy(ev->id, id, UUID_LEN);
		ev->body = blob_copy(body, len);
	}
	free(id);
	return ev;
}

static void get_end(struct cursor *c, struct journal_record *r)
{
	uint64_t condition = get_number(c, 1);
	uint64_t flags = get_number(c, 1);
	size_t len;
	const char *response = get_bytes(c, &len);

	if (condition == ASYNC_OPEN || condition >= ASYNC_CONDITIONS) {
		c->bad = true;
		return;
	}
	r->condition = (enum async_condition)condition;
	r->ran = (flags & 1) != 0;
	r->function_error = (flags & 2) != 0;
	if (!c->bad && response != NULL) {
		r->response = blob_copy(response, len);
	}
}

static bool parse(const char *payload, size_t len, struct journal_record *r)
{
	struct cursor c = { .at = payload, .left = len };
	uint64_t kind = get_number(&c, 1);

	memset(r, 0, sizeof(*r));
	r->number = get_number(&c, 8);
	if (kind < JOURNAL_ACCEPTED || kind > JOURNAL_DONE) {
		return false;
	}
	r->kind = (enum journal_kind)kind;
	if (r->kind != JOURNAL_DONE) {
		r->attempts = (uint32_t)get_number(&c, 4);
	}
	if (r->kind == JOURNAL_ACCEPTED) {
		r->wall_ms = (int64_t)get_number(&c, 8);
		r->event = get_event(&c);
	} else if (r->kind == JOURNAL_ENDED) {
		get_end(&c, r);
	}
	if (c.bad || c.left > 0) {
		event_unref(r->event);
		blob_unref(r->response);
		return false;
	}
	return true;
}

/* The head of a record that fits in; len: of its payload. */
static bool has_head(const struct journal_reader *reader, size_t at, size_t *len)
{
	const char *head = reader->data + at;

	if (at >= reader->len || reader->len - at < RECORD_HEAD || memcmp(head, mark, sizeof(mark)) != 0) {
		return false;
	}
	*len = load_u32(head + 4);
	return *len <= reader->len - at - RECORD_HEAD;
}

/* It is as it was written. */
static bool is_record(const struct journal_reader *reader, size_t at, size_t *len)
{
	const char *head = reader->data + at;

	return has_head(reader, at, len) &&
	       load_u32(head + 8) == crc32_of(crc32_of(reader->salt, head + 4, 4), head + RECORD_HEAD, *len);
}

bool journal_read_header(struct journal_reader *reader, const char *data, size_t len)
{
	uint32_t salts[2];
	size_t record_len;

	*reader = (struct journal_reader){ .data = data, .len = len, .at = JOURNAL_HEADER };
	if (len < JOURNAL_HEADER) {
		return false;
	}
	salts[0] = load_u32(data + 8);
	salts[1] = crc32_between(crc32_of(0, magic, sizeof(magic)), load_u32(data + 12));
	reader->damaged = salts[0] != salts[1] || memcmp(data, magic, sizeof(magic)) != 0;
	for (unsigned i = 0; i < 2; i++) {
		reader->salt = salts[i];
		if (salts[0] == salts[1] || is_record(reader, reader->at, &record_len)) {
			return true;
		}
	}
	return false;
}

static bool take(struct journal_reader *reader, size_t at, struct journal_record *r)
{
	size_t len;

	if (!is_record(reader, at, &len) || !parse(reader->data + at + RECORD_HEAD, len, r)) {
		return false;
	}
	reader->damaged = reader->damaged || at > reader->at;
	reader->skipped += at - reader->at;
	reader->at = at + RECORD_HEAD + len;
	return true;
}

/* The next record after damage, wherever it begins. */
static bool search(struct journal_reader *reader, struct journal_record *r)
{
	size_t len;

	for (size_t at = reader->at + 1; at < reader->len; at++) {
		if (!has_head(reader, at, &len)) {
			continue;
		}
		if (take(reader, at, r)) {
			return true;
		}
		reader->searched += RECORD_HEAD + len;
		if (reader->searched / SEARCH_MAX >= reader->len) {
			reader->damaged = true;
			/* Where the damaged one ends, if its length is right. */
			return has_head(reader, reader->at, &len) && take(reader, reader->at + RECORD_HEAD + len, r);
		}
	}
	return false;
}

bool journal_read(struct journal_reader *reader, struct journal_record *r)
{
	if (take(reader, reader->at, r) || search(reader, r)) {
		return true;
	}
	reader->skipped += reader->len - reader->at;
	reader->at = reader->len;
	return false;
}
