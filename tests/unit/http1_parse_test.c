/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 syntax. Every input is parsed as a whole, byte by byte, and cut in two at every place, with the same result. */
#include "io/http1_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the headers that it needs */
#include <cmocka.h>

/* --- heads --- */

struct good_head {
	const char *in;
	const char *method;
	const char *path;
	const char *query;
	const char *traits; /* k keep-alive, e expect, c chunked, 0 HTTP/1.0 */
	uint64_t length;
	const char *name; /* a header and its value */
	const char *value;
};

static const struct good_head good_heads[] = {
	{ "GET / HTTP/1.1\r\n\r\n", "GET", "/", "", "k", 0, "Host", NULL },
	{ "GET / HTTP/1.1\n\n", "GET", "/", "", "k", 0, "Host", NULL },
	{ "GET / HTTP/1.1\nHost: x\n\r\n", "GET", "/", "", "k", 0, "host", "x" },
	{ "GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "0", 0, "Host", NULL },
	{ "GET / HTTP/1.9\r\n\r\n", "GET", "/", "", "k", 0, "Host", NULL },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/", "", "0k", 0, "connection", "keep-alive" },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive, TE\r\n\r\n", "GET", "/", "", "0k", 0, "TE", NULL },
	{ "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET", "/", "", "", 0, "CONNECTION", "close" },
	{ "GET / HTTP/1.1\r\nConnection: TE ,Close\r\n\r\n", "GET", "/", "", "", 0, "TE", NULL },
	{ "GET / HTTP/1.1\r\nConnection: TE\r\nConnection: close\r\n\r\n", "GET", "/", "", "", 0, "TE", NULL },
	{ "GET / HTTP/1.1\r\nConnection: closely, ,\r\n\r\n", "GET", "/", "", "k", 0, "TE", NULL },
	{ "HEAD /a?b=c?d HTTP/1.1\r\nA:b\r\n\r\n", "HEAD", "/a", "b=c?d", "k", 0, "a", "b" },
	{ "GET /%2F/../x?%3f HTTP/1.1\r\n\r\n", "GET", "/%2F/../x", "%3f", "k", 0, "a", NULL },
	{ "OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS", "*", "", "k", 0, "a", NULL },
	{ "GET http://h:1/p?q HTTP/1.1\r\n\r\n", "GET", "/p", "q", "k", 0, "a", NULL },
	{ "GET HTTP://h HTTP/1.1\r\n\r\n", "GET", "/", "", "k", 0, "a", NULL },
	{ "GET http://h?q HTTP/1.1\r\n\r\n", "GET", "/", "q", "k", 0, "a", NULL },
	{ "GET http:// HTTP/1.1\r\n\r\n", "GET", "/", "", "k", 0, "a", NULL },
	{ "M-x!#$%&'*+.^_`|~1 / HTTP/1.1\r\n\r\n", "M-x!#$%&'*+.^_`|~1", "/", "", "k", 0, "a", NULL },
	{ "GET / HTTP/1.1\r\nA:  b c \t \r\nA: second\r\n\r\n", "GET", "/", "", "k", 0, "a", "b c" },
	{ "GET / HTTP/1.1\r\nA:\r\nB: \t\r\nC: :\xc3\xa4\r\n\r\n", "GET", "/", "", "k", 0, "c", ":\xc3\xa4" },
	{ "GET / HTTP/1.1\r\nA:\r\nB: \t\r\n\r\n", "GET", "/", "", "k", 0, "b", "" },
	{ "POST / HTTP/1.1\r\ncontent-LENGTH: 00012\r\n\r\n", "POST", "/", "", "k", 12, "a", NULL },
	{ "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "POST", "/", "", "k", 5, "a", NULL },
	{ "POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n\r\n", "POST", "/", "", "k", INT64_MAX, "a",
	  NULL },
	{ "POST / HTTP/1.1\r\nTransfer-Encoding:\tCHUNKED \r\n\r\n", "POST", "/", "", "kc", 0, "a", NULL },
	{ "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n", "POST", "/", "", "0c", 0,
	  "a", NULL },
	{ "POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n", "POST", "/", "", "ke", 1, "a",
	  NULL },
	{ "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "POST", "/", "", "0", 1, "a",
	  NULL },
	{ "POST / HTTP/1.1\r\nExpect: something\r\n\r\n", "POST", "/", "", "k", 0, "expect", "something" },
};

struct bad_head {
	const char *in;
	size_t len; /* 0: up to the NUL */
	int status;
	const char *why;
};

#define WITH_NUL(s) s, sizeof(s) - 1
#define LINE "malformed request line\n"
#define FIELD "malformed header\n"
#define LENGTH "malformed Content-Length\n"
#define CODING "unknown transfer coding\n"
#define VERSION_TEXT "HTTP version not supported\n"

static const struct bad_head bad_heads[] = {
	{ "GET /\r\n\r\n", 0, 400, LINE },
	{ "GET\r\n\r\n", 0, 400, LINE },
	{ " GET / HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET  / HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET /  HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET / HTTP/1.1 \r\n\r\n", 0, 400, LINE },
	{ "GET / / HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "G\tT / HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "G@T / HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET / FTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "G:T / HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET x HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET *x HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET https://h/ HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "CONNECT h:1 HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET /\x01 HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET /\x7f HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET /\rx HTTP/1.1\r\n\r\n", 0, 400, LINE },
	{ WITH_NUL("GET /\0 HTTP/1.1\r\n\r\n"), 400, LINE },
	{ "GET / http/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET / HTTP/1.10\r\n\r\n", 0, 400, LINE },
	{ "GET / HTTP/1\r\n\r\n", 0, 400, LINE },
	{ "GET / HTTP/x.1\r\n\r\n", 0, 400, LINE },
	{ "GET / HTTPS/1.1\r\n\r\n", 0, 400, LINE },
	{ "GET / HTTP/0.9\r\n\r\n", 0, 505, VERSION_TEXT },
	{ "GET / HTTP/2\r\n\r\n", 0, 505, VERSION_TEXT },
	{ "GET / HTTP/2.0\r\n\r\n", 0, 505, VERSION_TEXT },
	{ "PRI * HTTP/2.0\r\n\r\n", 0, 505, VERSION_TEXT },
	{ "GET / HTTP/1.1\r\nA\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\nA : b\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\nA\t: b\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\n: b\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\nA(: b\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\n A: b\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", 0, 400, FIELD },
	{ "GET / HTTP/1.1\r\nA: b\r\r\n\r\n", 0, 400, FIELD },
	{ WITH_NUL("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"), 400, FIELD },
	{ WITH_NUL("GET / HTTP/1.1\r\nA\0: bc\r\n\r\n"), 400, FIELD },
	{ "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: 1 2\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 2\r\n\r\n", 0, 400, LENGTH },
	{ "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 400,
	  "both Content-Length and Transfer-Encoding\n" },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 0, 400,
	  "both Content-Length and Transfer-Encoding\n" },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 0, 501, CODING },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 0, 501, CODING },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 0, 501, CODING },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", 0, 501, CODING },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n", 0, 501, CODING },
	{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 501, CODING },
};

/* Gathers the head in pieces as a connection does: up to first bytes, then step by step. Returns where it ended. */
static size_t gather(struct http1_fields *f, const char *in, size_t len, size_t first, size_t step)
{
	size_t at = 0;

	http1_fields_init(f);
	while (at < len) {
		size_t n = at == 0 && first > 0 ? first : step;
		size_t old = f->text.len;
		size_t end;

		n = n < len - at ? n : len - at;
		buf_append(&f->text, in + at, n);
		at += n;
		end = http1_head_end(f->text.data, f->text.len, old);
		if (end > 0) {
			f->text.len = end;
			f->text.data[end] = '\0';
			return end;
		}
	}
	return 0;
}

static void check_good(const struct good_head *t, size_t first, size_t step)
{
	size_t len = strlen(t->in);
	struct http1_fields f;
	struct http1_head head;
	const char *why = NULL;
	const char *value;

	assert_int_equal(gather(&f, t->in, len, first, step), len);
	assert_int_equal(http1_head_parse(&f, &head, &why), 0);
	assert_string_equal(head.method, t->method);
	assert_string_equal(head.path, t->path);
	assert_string_equal(head.query, t->query);
	assert_int_equal(head.keep_alive, strchr(t->traits, 'k') != NULL);
	assert_int_equal(head.expect_continue, strchr(t->traits, 'e') != NULL);
	assert_int_equal(head.chunked, strchr(t->traits, 'c') != NULL);
	assert_int_equal(head.http10, strchr(t->traits, '0') != NULL);
	assert_int_equal(head.content_length, t->length);
	value = http1_field(&f, t->name);
	assert_int_equal(value != NULL, t->value != NULL);
	if (value != NULL) {
		assert_string_equal(value, t->value);
	}
	http1_fields_fini(&f);
}

static void test_good_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(good_heads); i++) {
		size_t len = strlen(good_heads[i].in);

		check_good(&good_heads[i], 0, 1);
		for (size_t cut = 1; cut <= len; cut++) {
			check_good(&good_heads[i], cut, len);
		}
	}
}

static void check_bad(const struct bad_head *t, size_t len, size_t first, size_t step)
{
	struct http1_fields f;
	struct http1_head head;
	const char *why = "none";

	assert_int_equal(gather(&f, t->in, len, first, step), len);
	assert_int_equal(http1_head_parse(&f, &head, &why), t->status);
	assert_string_equal(why, t->why);
	http1_fields_fini(&f);
}

static void test_bad_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(bad_heads); i++) {
		size_t len = bad_heads[i].len > 0 ? bad_heads[i].len : strlen(bad_heads[i].in);

		check_bad(&bad_heads[i], len, 0, 1);
		for (size_t cut = 1; cut <= len; cut++) {
			check_bad(&bad_heads[i], len, cut, len);
		}
	}
}

static void test_head_ends_at_its_first_empty_line(void **state)
{
	static const char in[] = "GET / HTTP/1.1\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
	size_t end = strlen("GET / HTTP/1.1\r\nA: b\r\n\r\n");

	(void)state;
	for (size_t cut = 0; cut < sizeof(in); cut++) {
		size_t found = http1_head_end(in, cut, 0);

		assert_int_equal(found, cut >= end ? end : 0);
		if (found == 0) {
			assert_int_equal(http1_head_end(in, sizeof(in) - 1, cut), end);
		}
	}
	assert_int_equal(http1_head_end("", 0, 0), 0);
}

static void many_fields(struct http1_fields *f, unsigned count)
{
	http1_fields_init(f);
	buf_puts(&f->text, "GET / HTTP/1.1\r\n");
	for (unsigned i = 0; i < count; i++) {
		buf_printf(&f->text, "H%u: %u\r\n", i, i);
	}
	buf_puts(&f->text, "\r\n");
}

static void test_many_fields(void **state)
{
	struct http1_fields f;
	struct http1_head head;
	const char *why = NULL;

	(void)state;
	many_fields(&f, HTTP1_FIELDS_MAX);
	assert_int_equal(http1_head_parse(&f, &head, &why), 0);
	assert_string_equal(http1_field(&f, "h0"), "0");
	assert_string_equal(http1_field(&f, "h999"), "999");
	http1_fields_reset(&f, 256);
	assert_null(f.list);
	assert_null(f.text.data);
	many_fields(&f, HTTP1_FIELDS_MAX + 1);
	assert_int_equal(http1_head_parse(&f, &head, &why), 431);
	assert_string_equal(why, "too many headers\n");
	http1_fields_fini(&f);
}

static void test_small_memory_is_kept_for_the_next_head(void **state)
{
	struct http1_fields f;
	struct http1_head head;
	const char *why = NULL;
	const char *text;

	(void)state;
	http1_fields_init(&f);
	buf_puts(&f.text, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(http1_head_parse(&f, &head, &why), 0);
	text = f.text.data;
	http1_fields_reset(&f, 256);
	assert_ptr_equal(f.text.data, text);
	assert_null(http1_field(&f, "Host"));
	http1_fields_fini(&f);
}

/* --- chunks --- */

struct chunk_case {
	const char *in;
	size_t len;	      /* 0: up to the NUL */
	enum http1_chunk end; /* MORE, END or BAD */
	const char *body;
	size_t rest; /* bytes after the end of the body */
	const char *trailer;
};

static const struct chunk_case chunk_cases[] = {
	{ "0\r\n\r\n", 0, HTTP1_CHUNK_END, "", 0, NULL },
	{ "000\n\n", 0, HTTP1_CHUNK_END, "", 0, NULL },
	{ "0\r\n\r\nGET / ", 0, HTTP1_CHUNK_END, "", 6, NULL },
	{ "3\r\nabc\r\n0\r\n\r\n", 0, HTTP1_CHUNK_END, "abc", 0, NULL },
	{ "3\nabc\n0\n\n", 0, HTTP1_CHUNK_END, "abc", 0, NULL },
	{ "3\r\nabc\r\n00000000000000000000000001\r\nd\r\n0\r\n\r\n", 0, HTTP1_CHUNK_END, "abcd", 0, NULL },
	{ "A\r\n0123456789\r\nb\r\n0123456789a\r\n0\r\n\r\n", 0, HTTP1_CHUNK_END, "01234567890123456789a", 0, NULL },
	{ "4\r\n\r\n\r\n\r\n0\r\n\r\n", 0, HTTP1_CHUNK_END, "\r\n\r\n", 0, NULL },
	{ "3;x=y\r\nabc\r\n0 ; \"q\"\r\n\r\n", 0, HTTP1_CHUNK_END, "abc", 0, NULL },
	{ "3\t\r\nabc\r\n0;\n\r\n", 0, HTTP1_CHUNK_END, "abc", 0, NULL },
	{ "1\r\na\r\n0\r\nT: v\r\n\r\n", 0, HTTP1_CHUNK_END, "a", 0, "v" },
	{ "1\r\na\r\n0\r\nX: y\nt:v\n\n..", 0, HTTP1_CHUNK_END, "a", 2, "v" },
	{ "1\r\na\r\n0\r\nT:\r\n\r\n", 0, HTTP1_CHUNK_END, "a", 0, "" },
	{ "", 0, HTTP1_CHUNK_MORE, "", 0, NULL },
	{ "3\r\nab", 0, HTTP1_CHUNK_MORE, "ab", 0, NULL },
	{ "3\r\nabc\r\n0\r\n", 0, HTTP1_CHUNK_MORE, "abc", 0, NULL },
	{ "3\r\nabc\r\n0\r\nT: v\r\n", 0, HTTP1_CHUNK_MORE, "abc", 0, NULL },
	{ "fffffffffffffff\r\nabc", 0, HTTP1_CHUNK_MORE, "abc", 0, NULL },
	{ "ffffffffffffffff\r\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "\r\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "x\r\n", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ ";x\r\n", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "0x3\r\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "-3\r\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ " 3\r\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "3g\r\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ WITH_NUL("3\0\r\nabc"), HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "5 5\rX", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "3\r3\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "3;x\r3\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "10000000000000000\r\nabc", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "3\r\nabcd", 0, HTTP1_CHUNK_BAD, "abc", 0, NULL },
	{ "3\r\nabc\rx", 0, HTTP1_CHUNK_BAD, "abc", 0, NULL },
	{ "3\r\nabc\r\n\r\n", 0, HTTP1_CHUNK_BAD, "abc", 0, NULL },
	{ "0\r\nbad\r\n\r\n", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ "0\r\nbad : x\r\n\r\n", 0, HTTP1_CHUNK_BAD, "", 0, NULL },
	{ WITH_NUL("0\r\nbad: \0\r\n\r\n"), HTTP1_CHUNK_BAD, "", 0, NULL },
};

struct decoded {
	struct http1_chunks chunks;
	struct http1_fields trailers;
	struct buf body;
	enum http1_chunk result;
	size_t used;
};

static void decoded_init(struct decoded *d)
{
	http1_fields_init(&d->trailers);
	http1_chunks_init(&d->chunks, &d->trailers);
	buf_init(&d->body, 0);
	d->result = HTTP1_CHUNK_MORE;
	d->used = 0;
}

static void decoded_fini(struct decoded *d)
{
	http1_fields_fini(&d->trailers);
	buf_fini(&d->body);
}

static void decode(struct decoded *d, const char *in, size_t len)
{
	size_t at = 0;

	while (at < len && (d->result == HTTP1_CHUNK_MORE || d->result == HTTP1_CHUNK_DATA)) {
		const char *piece = NULL;
		size_t piece_len = 0;
		size_t used = 0;

		d->result = http1_chunks_next(&d->chunks, in + at, len - at, &used, &piece, &piece_len);
		assert_in_range(used, d->result == HTTP1_CHUNK_BAD ? 0 : 1, len - at);
		if (d->result == HTTP1_CHUNK_DATA) {
			assert_true(piece >= in + at && piece + piece_len <= in + at + used);
			buf_append(&d->body, piece, piece_len);
			d->result = HTTP1_CHUNK_MORE;
		}
		at += used;
	}
	d->used += at;
}

static void check_decoded(const struct chunk_case *t, const struct decoded *d, size_t len)
{
	const char *trailer = http1_field(&d->trailers, "T");

	assert_int_equal(d->result, t->end);
	assert_string_equal(d->body.data != NULL ? d->body.data : "", t->body);
	if (t->end != HTTP1_CHUNK_BAD) {
		assert_int_equal(d->used, len - t->rest);
		assert_int_equal(trailer != NULL, t->trailer != NULL);
	}
	if (t->trailer != NULL) {
		assert_string_equal(trailer, t->trailer);
	}
}

static void test_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(chunk_cases); i++) {
		const struct chunk_case *t = &chunk_cases[i];
		size_t len = t->len > 0 ? t->len : strlen(t->in);
		struct decoded d;

		decoded_init(&d);
		for (size_t at = 0; at < len; at++) {
			decode(&d, t->in + at, 1);
		}
		check_decoded(t, &d, len);
		decoded_fini(&d);
		for (size_t cut = 0; cut <= len; cut++) {
			decoded_init(&d);
			decode(&d, t->in, cut);
			decode(&d, t->in + cut, len - cut);
			check_decoded(t, &d, len);
			decoded_fini(&d);
		}
	}
}

/* Goes on with one kind of byte until the decoder has enough of it; returns how many it took. */
static size_t flood(struct decoded *d, const char *start, char byte, size_t limit)
{
	char block[1024];
	size_t n = 0;

	memset(block, byte, sizeof(block));
	decoded_init(d);
	decode(d, start, strlen(start));
	while (d->result == HTTP1_CHUNK_MORE && n < limit) {
		decode(d, block, sizeof(block));
		n += sizeof(block);
	}
	decoded_fini(d);
	return n;
}

static void test_endless_framing_is_given_up(void **state)
{
	struct decoded d;

	(void)state;
	assert_in_range(flood(&d, "1;", 'x', 4 << 20), 1024, 64 * 1024);
	assert_int_equal(d.result, HTTP1_CHUNK_BAD);
	assert_in_range(flood(&d, "", '0', 4 << 20), 1024, 64 * 1024);
	assert_int_equal(d.result, HTTP1_CHUNK_BAD);
	assert_in_range(flood(&d, "0\r\nT: ", 'x', 4 << 20), 1 << 20, 2 << 20);
	assert_int_equal(d.result, HTTP1_CHUNK_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_heads),
		cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_head_ends_at_its_first_empty_line),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_small_memory_is_kept_for_the_next_head),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_endless_framing_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
