/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 message syntax (RFC 9112), server side: request heads and chunked bodies. Pure: bytes in, structure out; parsing
 * can stop and go on at any byte. Strict where looseness lets two parsers disagree about where a message ends.
 */
#ifndef IO_HTTP1_PARSE_H
#define IO_HTTP1_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

struct http1_field {
	uint32_t name; /* offsets into the text; both parts are NUL terminated */
	uint32_t value;
};

#define HTTP1_FIELDS_MAX 1000

/* Fields of a head or of a trailer section. The text is owned and changed in place by the parser. */
struct http1_fields {
	struct buf text;
	struct http1_field *list; /* allocated when first needed */
	unsigned count;
	unsigned room;
};

void http1_fields_init(struct http1_fields *f);
void http1_fields_fini(struct http1_fields *f);
void http1_fields_reset(struct http1_fields *f, size_t keep); /* a text of more than keep bytes is given back */
/* First field of that name in any case; NULL = none. */
const char *http1_field(const struct http1_fields *f, const char *name);

struct http1_head {
	const char *method;
	const char *path;  /* up to the '?' */
	const char *query; /* "" if there is none */
	bool http10;
	bool keep_alive;
	bool expect_continue;
	bool chunked;
	uint64_t content_length; /* 0 if there is none */
};

/* Where a head ends: the number of bytes up to and including the empty line, 0 if it is not there yet. from: what was looked
 * at before without success. Empty lines in front of a request are not part of it; the caller drops them. */
size_t http1_head_end(const char *data, size_t len, size_t from);

/* Parses f->text, one complete head. 0, or the status that the request deserves, with *why set to a static text. */
int http1_head_parse(struct http1_fields *f, struct http1_head *out, const char **why) MUST_CHECK;

enum http1_chunk {
	HTTP1_CHUNK_MORE, /* all input is used up, the body goes on */
	HTTP1_CHUNK_DATA, /* a piece of the body; call again with the rest */
	HTTP1_CHUNK_END,  /* the last chunk and the trailers were read */
	HTTP1_CHUNK_BAD,
};

struct http1_chunks {
	int state;
	uint64_t left; /* of the current chunk */
	unsigned line; /* bytes of the current size line */
	struct http1_fields *trailers;
};

void http1_chunks_init(struct http1_chunks *c, struct http1_fields *trailers);
/* Takes from data; *used is what was taken, *piece and *piece_len the data for HTTP1_CHUNK_DATA (inside data). */
enum http1_chunk http1_chunks_next(struct http1_chunks *c, const char *data, size_t len, size_t *used,
				   const char **piece, size_t *piece_len) MUST_CHECK;

#endif
