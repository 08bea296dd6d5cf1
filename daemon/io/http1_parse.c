/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads and chunked bodies. */
#include "io/http1_parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"

static const size_t trailers_max = 1 << 20;

void http1_fields_init(struct http1_fields *f)
{
	buf_init(&f->text, 0);
	f->list = NULL;
	f->count = 0;
}

void http1_fields_fini(struct http1_fields *f)
{
	buf_fini(&f->text);
	free(f->list);
	f->list = NULL;
	f->count = 0;
}

void http1_fields_reset(struct http1_fields *f, size_t keep)
{
	f->count = 0;
	if (f->text.cap > keep) {
		buf_fini(&f->text);
	} else {
		buf_clear(&f->text);
	}
}

const char *http1_field(const struct http1_fields *f, const char *name)
{
	for (unsigned i = 0; i < f->count; i++) {
		if (strcasecmp(f->text.data + f->list[i].name, name) == 0) {
			return f->text.data + f->list[i].value;
		}
	}
	return NULL;
}

/* RFC 9110, section 5.6.2. */
static bool is_token_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *s)
{
	const char *p = s;

	while (is_token_char((unsigned char)*p)) {
		p++;
	}
	return p > s && *p == '\0';
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

/* Field lines from *at up to the empty line. */
static bool parse_fields(struct http1_fields *f, size_t at)
{
	char *line;

	f->count = 0;
	while ((line = next_line(&f->text, &at)) != NULL && *line != '\0') {
		char *colon = strchr(line, ':');

		if (colon == NULL || f->count == HTTP1_FIELDS_MAX) {
			return false;
		}
		*colon = '\0';
		if (!is_token(line)) {
			return false;
		}
		if (f->list == NULL) {
			f->list = xmalloc(HTTP1_FIELDS_MAX * sizeof(*f->list));
		}
		f->list[f->count].name = (uint32_t)(line - f->text.data);
		f->list[f->count++].value = (uint32_t)(trim(colon + 1) - f->text.data);
	}
	return line != NULL;
}

static int parse_request_line(char *line, struct http1_head *out, const char **why)
{
	char *target = strchr(line, ' ');
	char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
	char *query;

	*why = "malformed request line";
	if (version == NULL || strchr(version + 1, ' ') != NULL) {
		return 400;
	}
	*target++ = '\0';
	*version++ = '\0';
	if (!is_token(line) || (*target != '/' && strcmp(target, "*") != 0)) {
		return 400;
	}
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
		*why = "HTTP version not supported";
		return text_starts(version, "HTTP/") ? 505 : 400;
	}
	for (const char *p = target; *p != '\0'; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f) {
			return 400;
		}
	}
	query = strchr(target, '?');
	if (query != NULL) {
		*query++ = '\0';
	}
	out->method = line;
	out->path = target;
	out->query = query != NULL ? query : "";
	out->keep_alive = version[7] == '1';
	return 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p != '\0'; p += strcspn(p, ",")) {
		p += strspn(p, ", \t");
		if (strncasecmp(p, word, len) == 0 && (p[len] == '\0' || strchr(", \t;", p[len]) != NULL)) {
			return true;
		}
		if (*p == '\0') {
			break;
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

		if (strcasecmp(name, "Content-Length") == 0) {
			if (!text_to_u64(value, 0, INT64_MAX, &length) ||
			    (have_length && length != out->content_length)) {
				*why = "malformed Content-Length";
				return 400;
			}
			have_length = true;
			out->content_length = length;
		} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
			if (out->chunked || strcasecmp(value, "chunked") != 0) {
				*why = "unknown transfer coding";
				return 501;
			}
			out->chunked = true;
		}
	}
	if (out->chunked && have_length) {
		*why = "both Content-Length and Transfer-Encoding";
		return 400;
	}
	return 0;
}

int http1_head_parse(struct http1_fields *f, struct http1_head *out, const char **why)
{
	size_t at = 0;
	char *line = next_line(&f->text, &at);
	const char *connection;
	const char *expect;
	int status;

	memset(out, 0, sizeof(*out));
	if (line == NULL) {
		*why = "malformed request line";
		return 400;
	}
	status = parse_request_line(line, out, why);
	if (status != 0) {
		return status;
	}
	if (!parse_fields(f, at)) {
		*why = "malformed header";
		return 400;
	}
	status = parse_framing(f, out, why);
	if (status != 0) {
		return status;
	}
	connection = http1_field(f, "Connection");
	if (connection != NULL && has_word(connection, "close")) {
		out->keep_alive = false;
	} else if (connection != NULL && has_word(connection, "keep-alive")) {
		out->keep_alive = true;
	}
	expect = http1_field(f, "Expect");
	out->expect_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0;
	return 0;
}

/* --- chunks --- */

enum { SIZE, SIZE_EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILERS, DONE };

void http1_chunks_init(struct http1_chunks *c, struct http1_fields *trailers)
{
	c->state = SIZE;
	c->left = 0;
	c->digits = 0;
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
	if (c->digits == 0) {
		return false;
	}
	c->digits = 0;
	c->state = c->left > 0 ? DATA : TRAILERS;
	return true;
}

/* One byte of what is around the data. false: malformed. */
static bool take_framing(struct http1_chunks *c, char ch)
{
	int digit = hex_digit(ch);

	switch (c->state) {
	case SIZE:
		if (digit >= 0) {
			c->left = c->left * 16 + (unsigned)digit;
			return ++c->digits <= 15;
		}
		if (ch == '\n') {
			return begin_chunk(c);
		}
		c->state = ch == '\r' ? SIZE_LF : SIZE_EXTENSION;
		return c->digits > 0 && ch != '\0' && strchr("\r; \t", ch) != NULL;
	case SIZE_EXTENSION:
		if (ch == '\n') {
			return begin_chunk(c);
		}
		c->state = ch == '\r' ? SIZE_LF : SIZE_EXTENSION;
		return true;
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

/* The trailer section ends with an empty line, which may be all there is of it. */
static enum http1_chunk take_trailers(struct http1_chunks *c, const char *data, size_t len, size_t *used)
{
	struct buf *text = &c->trailers->text;

	for (size_t i = 0; i < len; i++) {
		bool empty_line;

		buf_putc(text, data[i]);
		if (data[i] != '\n') {
			continue;
		}
		empty_line = text->len == 1 || text->data[text->len - 2] == '\n' ||
			     (text->data[text->len - 2] == '\r' &&
			      (text->len == 2 || text->data[text->len - 3] == '\n'));
		if (empty_line) {
			*used += i + 1;
			c->state = DONE;
			return parse_fields(c->trailers, 0) ? HTTP1_CHUNK_END : HTTP1_CHUNK_BAD;
		}
	}
	*used += len;
	return text->len > trailers_max ? HTTP1_CHUNK_BAD : HTTP1_CHUNK_MORE;
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
