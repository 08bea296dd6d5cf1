/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads and chunked bodies, whole and cut at every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "io/http1_parse.h"

static int parse(struct http1_fields *f, struct http1_head *head, const char *text)
{
	const char *why = NULL;
	int status;

	http1_fields_init(f);
	buf_puts(&f->text, text);
	status = http1_head_parse(f, head, &why);
	assert_true(status == 0 || why != NULL);
	return status;
}

static void test_head(void **state)
{
	struct http1_fields f;
	struct http1_head head;

	(void)state;
	assert_int_equal(parse(&f, &head,
			       "POST /a/b?x=1&y=?2 HTTP/1.1\r\nHost: h\r\nCONTENT-length:  12 \r\n"
			       "Empty:\r\nexpect: 100-Continue\r\nX: a: b\t\r\n\r\n"),
			 0);
	assert_string_equal(head.method, "POST");
	assert_string_equal(head.path, "/a/b");
	assert_string_equal(head.query, "x=1&y=?2");
	assert_true(head.content_length == 12);
	assert_true(head.expect_continue && head.keep_alive && !head.chunked);
	assert_string_equal(http1_field(&f, "host"), "h");
	assert_string_equal(http1_field(&f, "EMPTY"), "");
	assert_string_equal(http1_field(&f, "x"), "a: b");
	assert_null(http1_field(&f, "y"));
	http1_fields_fini(&f);
}

static void test_connection(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", true },
		{ "GET / HTTP/1.1\nConnection: close\n\n", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http1_fields f;
		struct http1_head head;

		assert_int_equal(parse(&f, &head, rows[i].text), 0);
		assert_int_equal(head.keep_alive, rows[i].keep_alive);
		http1_fields_fini(&f);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "GET /\r\n\r\n", 400 },
		{ "GET  / HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1 \r\n\r\n", 400 },
		{ "G@T / HTTP/1.1\r\n\r\n", 400 },
		{ "GET x HTTP/1.1\r\n\r\n", 400 },
		{ "GET http://h/ HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/1.2\r\n\r\n", 505 },
		{ "GET / HTTP/2\r\n\r\n", 505 },
		{ "GET / FTP/1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nA : b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nA\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n: b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501 },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct http1_fields f;
		struct http1_head head;
		int status = parse(&f, &head, rows[i].text);

		if (status != rows[i].status) {
			fail_msg("%s gave %d", rows[i].text, status);
		}
		http1_fields_fini(&f);
	}
}

static void test_same_length_twice(void **state)
{
	struct http1_fields f;
	struct http1_head head;

	(void)state;
	assert_int_equal(parse(&f, &head, "GET / HTTP/1.1\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\n"), 0);
	assert_true(head.content_length == 3);
	http1_fields_fini(&f);
}

static void test_too_many_fields(void **state)
{
	struct http1_fields f;
	struct http1_head head;
	struct buf text = BUF_INIT;

	(void)state;
	buf_puts(&text, "GET / HTTP/1.1\r\n");
	for (unsigned i = 0; i <= HTTP1_FIELDS_MAX; i++) {
		buf_printf(&text, "A%u: b\r\n", i);
	}
	buf_puts(&text, "\r\n");
	assert_int_equal(parse(&f, &head, text.data), 400);
	http1_fields_fini(&f);
	buf_fini(&text);
}

static void test_head_end(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n";
	size_t end = strlen("GET / HTTP/1.1\r\nA: b\r\n\r\n");

	(void)state;
	assert_int_equal(http1_head_end(text, sizeof(text) - 1, 0), end);
	for (size_t cut = 0; cut < end; cut++) {
		assert_int_equal(http1_head_end(text, cut, 0), 0);
		assert_int_equal(http1_head_end(text, sizeof(text) - 1, cut), end);
	}
	assert_int_equal(http1_head_end("a\n\nb", 4, 0), 3);
}

static enum http1_chunk decode(const char *text, size_t len, size_t step, struct buf *body,
			       struct http1_fields *trailers, size_t *used)
{
	enum http1_chunk r = HTTP1_CHUNK_MORE;
	struct http1_chunks c;
	size_t at = 0;

	http1_fields_init(trailers);
	http1_chunks_init(&c, trailers);
	while (at < len && (r == HTTP1_CHUNK_MORE || r == HTTP1_CHUNK_DATA)) {
		const char *piece = NULL;
		size_t n = 0;
		size_t took = 0;

		r = http1_chunks_next(&c, text + at, len - at < step ? len - at : step, &took, &piece, &n);
		if (r == HTTP1_CHUNK_DATA) {
			buf_append(body, piece, n);
		}
		at += took;
	}
	*used = at;
	return r;
}

static void test_chunks(void **state)
{
	static const char text[] =
		"5;ext=\"v\"\r\nhello\r\n1\n \r\n000A\r\n0123456789\r\n0\r\nT: 1\r\nu:\t2 \r\n\r\nNEXT";

	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		struct buf body = BUF_INIT;
		struct http1_fields trailers;
		size_t used;

		assert_int_equal(decode(text, sizeof(text) - 1, step, &body, &trailers, &used), HTTP1_CHUNK_END);
		assert_string_equal(body.data, "hello 0123456789");
		assert_string_equal(text + used, "NEXT");
		assert_string_equal(http1_field(&trailers, "t"), "1");
		assert_string_equal(http1_field(&trailers, "U"), "2");
		http1_fields_fini(&trailers);
		buf_fini(&body);
	}
}

static void test_bad_chunks(void **state)
{
	static const char *const rows[] = { "x\r\n",	     "\r\n",
					    ";\r\n",	     "5\r\nhelloX",
					    "5\r\nhello\rX", "-5\r\n",
					    "5 5\rX",	     "0\r\nbad trailer\r\n\r\n",
					    "1\rX",	     "ffffffffffffffff\r\n" };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		for (size_t step = 1; step <= strlen(rows[i]); step++) {
			struct buf body = BUF_INIT;
			struct http1_fields trailers;
			size_t used;

			assert_int_equal(decode(rows[i], strlen(rows[i]), step, &body, &trailers, &used),
					 HTTP1_CHUNK_BAD);
			http1_fields_fini(&trailers);
			buf_fini(&body);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_same_length_twice),
		cmocka_unit_test(test_too_many_fields),
		cmocka_unit_test(test_head_end),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_bad_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
