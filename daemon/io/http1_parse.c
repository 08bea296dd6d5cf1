/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads and chunked bodies. */
#include "io/http1_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "io/httpd_backend.h"

static const size_t trailers_max = 1 << 20;
static const unsigned size_line_max = 16 * 1024;
static const unsigned first_room = 16; /* fields of a usual request */

void http1_fields_init(struct http1_fields *f)
{
	buf_init(&f->text, 0);
	f->list = NULL;
	f->count = 0;
	f->room = 0;
}

void http1_fields_fini(struct http1_fields *f)
{
	buf_fini(&f->text);
	free(f->list);
	http1_fields_init(f);
}

void http1_fields_reset(struct http1_fields *f, size_t keep)
{
	f->count = 0;
	if (f->text.cap > keep) {
		buf_fini(&f->text);
	} else {
		buf_clear(&f->text);
	}
	if (f->room > first_room) {
		free(f->list);
		f->list = NULL;
		f->room = 0;
	}
}

/* Most names differ in their first letter, which is cheaper to look at than a call. */
static bool same_name(const char *a, const char *b)
{
	return ((a[0] ^ b[0]) & ~0x20) == 0 && strcasecmp(a, b) == 0;
}

const char *http1_field(const struct http1_fields *f, const char *name)
{
	for (unsigned i = 0; i < f->count; i++) {
		if (same_name(f->text.data + f->list[i].name, name)) {
			return f->text.data + f->list[i].value;
		}
	}
	return NULL;
}

size_t http1_head_end(const char *data, size_t len, size_t from)
{
	const char *p = data + (from > 3 ? from - 3 : 0);
	const char *end = data + len;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		if (p < end && *p == '\n') {
			return (size_t)(p + 1 - data);
		}
		if (p + 1 < end && p[0] == '\r' && p[1] == '\n') {
			return (size_t)(p + 2 - data);
		}
	}
	return 0;
}

/* Cuts the next line out of text at *at; its end becomes a NUL. NULL at the end. */
static char *next_line(struct buf *text, size_t *at)
{
	char *line = text->data + *at;
	char *end;

	if (*at >= text->len) {
		return NULL;
	}
	end = memchr(line, '\n', text->len - *at);
	if (end == NULL) {
		return NULL;
	}
	*at = (size_t)(end + 1 - text->data);
	*end = '\0';
	if (end > line && end[-1] == '\r') {
		end[-1] = '\0';
		end--;
	}
	/* A NUL or a CR inside would hide what follows it. */
	if (strlen(line) != (size_t)(end - line) || strchr(line, '\r') != NULL) {
		return NULL;
	}
	return line;
}

static char *trim(char *s)
{
	size_t len;

	s += strspn(s, " \t");
	len = strlen(s);
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t')) {
		s[--len] = '\0';
	}
	return s;
}

static void add_field(struct http1_fields *f, const char *name, const char *value)
{
	if (f->count == f->room) {
		f->room = f->room > 0 ? f->room * 2 : first_room;
		f->list = xrealloc(f->list, f->room * sizeof(*f->list));
	}
	f->list[f->count].name = (uint32_t)(name - f->text.data);
	f->list[f->count++].value = (uint32_t)(value - f->text.data);
}

/* Field lines from at up to the empty line. 0 or a status. */
static int parse_fields(struct http1_fields *f, size_t at, const char **why)
{
	char *line;

	f->count = 0;
	*why = "malformed header\n";
	while ((line = next_line(&f->text, &at)) != NULL && *line != '\0') {
		char *colon = strchr(line, ':');

		if (f->count == HTTP1_FIELDS_MAX) {
			*why = "too many headers\n";
			return 431;
		}
		if (colon == NULL) {
			return 400;
		}
		*colon = '\0';
		if (!text_is_token(line)) {
			return 400;
		}
		add_field(f, line, trim(colon + 1));
	}
	return line != NULL ? 0 : 400;
}

/* HTTP/1.x with a higher x than we know is spoken to as 1.1: RFC 9110, section 2.5. */
static int parse_version(const char *version, struct http1_head *out, const char **why)
{
	const char *v = version + 5;

	if (!text_starts(version, "HTTP/") || *v < '0' || *v > '9') {
		return 400;
	}
	if (*v != '1') {
		*why = "HTTP version not supported\n";
		return 505;
	}
	if (v[1] != '.' || v[2] < '0' || v[2] > '9' || v[3] != '\0') {
		return 400;
	}
	out->http10 = v[2] == '0';
	out->keep_alive = !out->http10;
	return 0;
}

static int parse_request_line(char *line, struct http1_head *out, const char **why)
{
	char *target = strchr(line, ' ');
	char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
	char *query;
	int status;

	*why = "malformed request line\n";
	if (version == NULL) {
		return 400;
	}
	*target++ = '\0';
	*version++ = '\0';
	status = parse_version(version, out, why);
	if (status != 0) {
		return status;
	}
	for (const char *p = target; *p != '\0'; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f) {
			return 400;
		}
	}
	target = httpd_skip_authority(target);
	if (!text_is_token(line) || (*target != '/' && strcmp(target, "*") != 0)) {
		return 400;
	}
	query = strchr(target, '?');
	if (query != NULL) {
		*query++ = '\0';
	}
	out->method = line;
	out->path = target;
	out->query = query != NULL ? query : "";
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p != '\0'; p += strcspn(p, ",")) {
		p += strspn(p, ", \t");
		if (strncasecmp(p, word, len) == 0 && (p[len] == '\0' || strchr(", \t", p[len]) != NULL)) {
			return true;
		}
	}
	return false;
}

/* How long the body is: RFC 9112, section 6.3. */
static int parse_framing(const struct http1_fields *f, struct http1_head *out, const char **why)
{
	bool have_length = false;
	uint64_t length = 0;

	for (unsigned i = 0; i < f->count; i++) {
		const char *name = f->text.data + f->list[i].name;
		const char *value = f->text.data + f->list[i].value;

		if (same_name(name, "Content-Length")) {
			if (!text_to_u64(value, 0, INT64_MAX, &length) ||
			    (have_length && length != out->content_length)) {
				*why = "malformed Content-Length\n";
				return 400;
			}
			have_length = true;
			out->content_length = length;
		} else if (same_name(name, "Transfer-Encoding")) {
			if (out->chunked || strcasecmp(value, "chunked") != 0) {
				*why = "unknown transfer coding\n";
				return 501;
			}
			out->chunked = true;
		}
	}
	if (out->chunked && have_length) {
		*why = "both Content-Length and Transfer-Encoding\n";
		return 400;
	}
	return 0;
}

/* What the client asks for about the connection. */
static void parse_manners(const struct http1_fields *f, struct http1_head *out)
{
	bool close = false;

	for (unsigned i = 0; i < f->count; i++) {
		const char *name = f->text.data + f->list[i].name;
		const char *value = f->text.data + f->list[i].value;

		if (same_name(name, "Connection")) {
			close = close || has_word(value, "close");
			out->keep_alive = out->keep_alive || has_word(value, "keep-alive");
		} else if (same_name(name, "Expect")) {
			out->expect_continue = !out->http10 && strcasecmp(value, "100-continue") == 0;
		}
	}
	/* HTTP/1.0 knows no chunks: whoever sends them anyway may mean another end of the message than we do. */
	if (close || (out->http10 && out->chunked)) {
		out->keep_alive = false;
	}
}

int http1_head_parse(struct http1_fields *f, struct http1_head *out, const char **why)
{
	size_t at = 0;
	char *line = next_line(&f->text, &at);
	int status;

	memset(out, 0, sizeof(*out));
	if (line == NULL) {
		*why = "malformed request line\n";
		return 400;
	}
	status = parse_request_line(line, out, why);
	if (status == 0) {
		status = parse_fields(f, at, why);
	}
	if (status == 0) {
		status = parse_framing(f, out, why);
	}
	if (status == 0) {
		parse_manners(f, out);
	}
	return status;
}

/* --- chunks --- */

enum { SIZE, SIZE_EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILERS, DONE };

void http1_chunks_init(struct http1_chunks *c, struct http1_fields *trailers)
{
	c->state = SIZE;
	c->left = 0;
	c->line = 0;
	c->trailers = trailers;
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9') {
		return ch - '0';
	}
	if (ch >= 'a' && ch <= 'f') {
		return ch - 'a' + 10;
	}
	return ch >= 'A' && ch <= 'F' ? ch - 'A' + 10 : -1;
}

static bool begin_chunk(struct http1_chunks *c)
{
	c->line = 0;
	c->state = c->left > 0 ? DATA : TRAILERS;
	return true;
}

/* One byte of a size line: hex digits, then perhaps extensions, which mean nothing to us. */
static bool take_size(struct http1_chunks *c, char ch)
{
	int digit = hex_digit(ch);

	if (++c->line > size_line_max) {
		return false;
	}
	if (c->state == SIZE && digit >= 0) {
		if (c->left > UINT64_MAX / 256) {
			return false; /* nobody has such a chunk */
		}
		c->left = c->left * 16 + (unsigned)digit;
		return true;
	}
	if (c->state == SIZE && (c->line == 1 || ch == '\0' || strchr("\r\n; \t", ch) == NULL)) {
		return false;
	}
	if (ch == '\n') {
		return begin_chunk(c);
	}
	c->state = ch == '\r' ? SIZE_LF : SIZE_EXTENSION;
	return true;
}

/* One byte of what is around the data. false: malformed. */
static bool take_framing(struct http1_chunks *c, char ch)
{
	switch (c->state) {
	case SIZE:
	case SIZE_EXTENSION:
		return take_size(c, ch);
	case SIZE_LF:
		return ch == '\n' && begin_chunk(c);
	case DATA_CR:
		c->state = ch == '\r' ? DATA_LF : SIZE;
		return ch == '\r' || ch == '\n';
	default: /* DATA_LF */
		c->state = SIZE;
		return ch == '\n';
	}
}

static bool ends_with_empty_line(const struct buf *text)
{
	const char *end = text->data + text->len - 1; /* at an LF */

	if (end > text->data && end[-1] == '\r') {
		end--;
	}
	return end == text->data || end[-1] == '\n';
}

/* The trailer section ends with an empty line, which may be all there is of it. */
static enum http1_chunk take_trailers(struct http1_chunks *c, const char *data, size_t len, size_t *used)
{
	struct buf *text = &c->trailers->text;
	const char *why;

	for (size_t at = 0; at < len;) {
		const char *lf = memchr(data + at, '\n', len - at);
		size_t n = lf != NULL ? (size_t)(lf + 1 - (data + at)) : len - at;

		if (text->len + n > trailers_max) {
			return HTTP1_CHUNK_BAD;
		}
		buf_append(text, data + at, n);
		at += n;
		*used += n;
		if (lf != NULL && ends_with_empty_line(text)) {
			c->state = DONE;
			return parse_fields(c->trailers, 0, &why) == 0 ? HTTP1_CHUNK_END : HTTP1_CHUNK_BAD;
		}
	}
	return HTTP1_CHUNK_MORE;
}

enum http1_chunk http1_chunks_next(struct http1_chunks *c, const char *data, size_t len, size_t *used,
				   const char **piece, size_t *piece_len)
{
	*used = 0;
	while (*used < len) {
		if (c->state == TRAILERS) {
			return take_trailers(c, data + *used, len - *used, used);
		}
		if (c->state == DATA) {
			size_t n = len - *used < c->left ? len - *used : (size_t)c->left;

			*piece = data + *used;
			*piece_len = n;
			*used += n;
			c->left -= n;
			c->state = c->left > 0 ? DATA : DATA_CR;
			return HTTP1_CHUNK_DATA;
		}
		if (c->state == DONE || !take_framing(c, data[(*used)++])) {
			return HTTP1_CHUNK_BAD;
		}
	}
	return HTTP1_CHUNK_MORE;
}
