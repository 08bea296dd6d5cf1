/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads and chunked bodies. The first byte says where the input is cut: parsing in two pieces must give what parsing
 * in one does. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/http1_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct body {
	struct buf bytes;
	enum http1_chunk end;
	size_t used;
};

/* Feeds [at, len) to the decoder. */
static void feed(struct http1_chunks *c, struct body *b, const char *data, size_t at, size_t len)
{
	while (at < len && (b->end == HTTP1_CHUNK_MORE || b->end == HTTP1_CHUNK_DATA)) {
		const char *piece = NULL;
		size_t piece_len = 0;
		size_t used = 0;

		b->end = http1_chunks_next(c, data + at, len - at, &used, &piece, &piece_len);
		assert(used <= len - at);
		assert(b->end != HTTP1_CHUNK_MORE || used == len - at);
		if (b->end == HTTP1_CHUNK_DATA) {
			assert(piece >= data + at && piece + piece_len <= data + len && piece_len > 0);
			buf_append(&b->bytes, piece, piece_len);
		}
		at += used;
		b->used = at;
	}
}

static void decode(struct body *b, const char *data, size_t len, size_t cut)
{
	struct http1_fields trailers;
	struct http1_chunks c;

	http1_fields_init(&trailers);
	http1_chunks_init(&c, &trailers);
	buf_init(&b->bytes, 0);
	b->end = HTTP1_CHUNK_MORE;
	b->used = 0;
	feed(&c, b, data, 0, cut);
	feed(&c, b, data, cut, len);
	http1_fields_fini(&trailers);
}

static void check_chunks(const char *data, size_t len, size_t cut)
{
	struct body whole, split;

	decode(&whole, data, len, len);
	decode(&split, data, len, cut);
	assert((whole.end == HTTP1_CHUNK_BAD) == (split.end == HTTP1_CHUNK_BAD));
	assert((whole.end == HTTP1_CHUNK_END) == (split.end == HTTP1_CHUNK_END));
	assert(whole.end == HTTP1_CHUNK_BAD || whole.used == split.used);
	assert(whole.bytes.len == split.bytes.len);
	assert(whole.bytes.len == 0 || memcmp(whole.bytes.data, split.bytes.data, whole.bytes.len) == 0);
	buf_fini(&whole.bytes);
	buf_fini(&split.bytes);
}

static void check_head(const char *data, size_t len, size_t cut)
{
	size_t end = http1_head_end(data, len, 0);
	struct http1_fields f;
	struct http1_head head;
	const char *why = NULL;
	int status;

	assert(end <= len);
	/* Looking again from where nothing was found must not miss it. */
	if (http1_head_end(data, cut, 0) == 0) {
		assert(http1_head_end(data, len, cut) == end);
	}
	if (end == 0) {
		return;
	}
	http1_fields_init(&f);
	buf_append(&f.text, data, end);
	status = http1_head_parse(&f, &head, &why);
	if (status == 0) {
		assert(head.method[0] != '\0' && (head.path[0] == '/' || head.path[0] == '*'));
		assert(strpbrk(head.path, " \r\n") == NULL && strpbrk(head.query, " \r\n") == NULL);
		assert(!(head.chunked && head.content_length > 0));
		for (unsigned i = 0; i < f.count; i++) {
			assert(http1_field(&f, f.text.data + f.list[i].name) != NULL);
			assert(strpbrk(f.text.data + f.list[i].value, "\r\n") == NULL);
		}
	} else {
		assert((status == 400 || status == 431 || status == 501 || status == 505) && why != NULL);
	}
	http1_fields_fini(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	size_t len = size - 1;
	size_t cut;

	if (size < 2) {
		return 0;
	}
	cut = len * data[0] / 255;
	check_head(text, len, cut);
	check_chunks(text, len, cut);
	return 0;
}
