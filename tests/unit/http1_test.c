/* SPDX-License-Identifier: Apache-2.0 */
/* Our own HTTP server over real sockets: what requests and replies look like on the wire. See also http1_life_test.c. */
#include "http1_world.h"

static void test_requests_follow_each_other_on_one_connection(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	for (unsigned i = 0; i < 3; i++) {
		client_send(&c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
		expect_bytes(&c, said("202 Accepted", "/a"));
		client_send(&c, "\r\nPOST /b?c HTTP/1.1\r\nCONTENT-length: 3\r\n\r\nabc");
		expect_bytes(&c, said("202 Accepted", "/b"));
		assert_string_equal(w.body->data, "abc");
		assert_int_equal(w.body_state, HTTPD_BODY_OK);
	}
	assert_int_equal(httpd_busy(w.server), 0);
	client_close(&c);
	world_end(&w);
}

static void test_a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] = "\r\nPOST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
				      "5;x\r\nhello\r\n0\r\nT: v\r\n\r\n";
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	for (size_t i = 0; i + 1 < sizeof(request); i++) {
		client_send_bytes(&c, request + i, 1);
		assert_int_equal(w.requests, 0);
		assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
	}
	expect_bytes(&c, said("202 Accepted", "/a"));
	assert_string_equal(w.body->data, "hello");
	assert_string_equal(w.trailer, "v");
	client_close(&c);
	world_end(&w);
}

static void test_http_1_0(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	client_send(&c, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	expect_bytes(&c, "HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
			 "Connection: keep-alive\r\n\r\n/a");
	client_send(&c, "GET /b HTTP/1.0\r\n\r\n");
	expect_last(&c, said_last("202 Accepted", "/b"));
	client_close(&c);
	world_end(&w);
}

static void test_close_on_request(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	client_send(&c, "GET /a HTTP/1.1\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
	expect_last(&c, said_last("202 Accepted", "/a"));
	assert_int_equal(w.requests, 1);
	client_close(&c);
	world_end(&w);
}

static void test_replies_without_a_body(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	client_send(&c, "HEAD /a HTTP/1.1\r\n\r\n");
	expect_bytes(&c, "HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n");
	client_send(&c, "GET /204 HTTP/1.1\r\n\r\n");
	expect_bytes(&c, "HTTP/1.1 204 No Content\r\n\r\n");
	client_send(&c, "GET /evil HTTP/1.1\r\n\r\n");
	expect_bytes(&c, "HTTP/1.1 200 OK\r\nX: a  Set: b c \x80\r\nContent-Length: 0\r\n\r\n");
	client_close(&c);
	world_end(&w);
}

static void test_pipelined_requests_are_served_in_order(void **state)
{
	struct world w;
	struct client c;
	struct buf expected = BUF_INIT;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	for (unsigned i = 0; i < 26; i++) {
		char text[80];

		snprintf(text, sizeof(text), "POST /%c HTTP/1.1\r\nContent-Length: 2\r\n\r\n%c\n", 'a' + i, 'A' + i);
		buf_puts(&c.out, text);
		snprintf(text, sizeof(text), "/%c", 'a' + i);
		buf_puts(&expected, said("202 Accepted", text));
	}
	client_send(&c, "");
	expect_bytes(&c, expected.data);
	assert_string_equal(w.order, "abcdefghijklmnopqrstuvwxyz");
	assert_string_equal(w.body->data, "Z\n");
	buf_fini(&expected);
	client_close(&c);
	world_end(&w);
}

static void test_a_parked_request_holds_back_those_behind_it(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	client_send(&c, "GET /park1 HTTP/1.1\r\n\r\nGET /park2 HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\nGET /b HT");
	UNTIL(&w, w.parks == 1);
	client_send(&c, "TP/1.1\r\n\r\n");
	/* Its arrival makes the connection look away, once. */
	assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
	assert_int_equal(w.requests, 1);
	reply(w.parked[0], 200, "one");
	expect_bytes(&c, said("200 OK", "one"));
	UNTIL(&w, w.parks == 2);
	assert_string_equal(w.order, "12");
	reply(w.parked[1], 200, "two");
	UNTIL(&w, w.requests == 4);
	UNTIL(&w, strstr(c.in.data, "/b") != NULL);
	assert_string_equal(w.order, "12ab");
	client_close(&c);
	world_end(&w);
}

static void test_more_requests_than_a_stack_has_frames(void **state)
{
	struct world w;
	struct client c;
	unsigned count = 100000;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	for (unsigned i = 0; i < count; i++) {
		buf_puts(&c.out, "GET /a HTTP/1.1\r\n\r\n");
	}
	client_send(&c, "");
	UNTIL(&w, c.in.len == count * strlen(said("202 Accepted", "/a")));
	assert_int_equal(w.requests, count);
	client_close(&c);
	world_end(&w);
}

static void test_a_megabyte_of_headers(void **state)
{
	struct world w;
	struct client c;
	char *value = noise(1 << 20);

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	for (size_t i = 0; i < 1 << 20; i++) {
		value[i] = (char)('!' + ((unsigned char)value[i] & 31));
	}
	for (unsigned i = 0; i < 2; i++) {
		client_send(&c, "GET /header HTTP/1.1\r\nX: ");
		client_send(&c, value);
		client_send(&c, "\r\nY: z\r\n\r\n");
		expect_bytes(&c, said("200 OK", "1048576"));
	}
	free(value);
	client_close(&c);
	world_end(&w);
}

static void test_too_long_a_head_is_refused(void **state)
{
	struct world w;
	struct client c;
	char *value = noise(MAX_HEAD * 4);

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	memset(value, 'x', MAX_HEAD * 4);
	client_send(&c, "GET /header HTTP/1.1\r\nX: ");
	client_send_bytes(&c, value, MAX_HEAD * 4);
	/* The reply arrives whole although much of the request is still on its way. */
	UNTIL(&w, c.eof || c.reset);
	assert_false(c.reset);
	assert_string_equal(c.in.data, "HTTP/1.1 431 Request Header Fields Too Large\r\n"
				       "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 38\r\n"
				       "Connection: close\r\n\r\nrequest line and headers are too long\n");
	assert_int_equal(w.requests, 0);
	free(value);
	client_close(&c);
	world_end(&w);
}

static void check_body(struct world *w, const char *data, size_t len)
{
	if (len <= MAX_BODY) {
		assert_int_equal(w->body_state, HTTPD_BODY_OK);
		assert_int_equal(w->body->len, len);
		assert_memory_equal(w->body->data, data, len);
	} else {
		assert_int_equal(w->body_state, HTTPD_BODY_TOO_LARGE);
		assert_int_equal(w->body->len, 0);
	}
	assert_int_equal(w->body_len, len);
}

static void test_large_bodies(void **state)
{
	static const size_t sizes[] = { 65536, MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, MAX_BODY * 3 };
	char *body = noise(MAX_BODY * 3);
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	for (size_t i = 0; i < countof(sizes); i++) {
		buf_printf(&c.out, "POST /a HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
		client_send_bytes(&c, body, sizes[i]);
		expect_bytes(&c, said("202 Accepted", "/a"));
		check_body(&w, body, sizes[i]);
	}
	free(body);
	client_close(&c);
	world_end(&w);
}

static void test_large_chunked_bodies(void **state)
{
	static const size_t sizes[] = { 1, 65536, MAX_BODY, MAX_BODY + 1 };
	char *body = noise(MAX_BODY + 1);
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	for (size_t i = 0; i < countof(sizes); i++) {
		size_t chunk = 1;

		buf_puts(&c.out, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
		for (size_t at = 0; at < sizes[i]; at += chunk) {
			chunk = chunk * 7 % 99991 + 1;
			chunk = chunk < sizes[i] - at ? chunk : sizes[i] - at;
			buf_printf(&c.out, at % 2 == 0 ? "%zx;e=\"f\"\r\n" : "%zX\r\n", chunk);
			buf_append(&c.out, body + at, chunk);
			buf_puts(&c.out, "\r\n");
		}
		client_send(&c, "0\r\nOther: x\r\nt:  the trailer \r\n\r\n");
		expect_bytes(&c, said("202 Accepted", "/a"));
		check_body(&w, body, sizes[i]);
		assert_string_equal(w.trailer, "the trailer");
	}
	free(body);
	client_close(&c);
	world_end(&w);
}

static void test_expect_continue(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	client_send(&c, "POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	expect_bytes(&c, "HTTP/1.1 100 Continue\r\n\r\n");
	assert_int_equal(w.requests, 0);
	client_send(&c, "abc");
	expect_bytes(&c, said("202 Accepted", "/a"));
	client_send(&c, "POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
	expect_bytes(&c, said("202 Accepted", "/a"));
	client_close(&c);
	world_end(&w);
}

static void test_truncated_bodies(void **state)
{
	static const char *const requests[] = {
		"POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\n",
		"POST /a HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc",
		"POST /a HTTP/1.1\r\nContent-Length: 100000000\r\n\r\nabc",
		"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
		"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
	};
	struct world w;

	(void)state;
	world_start(&w, 0);
	for (size_t i = 0; i < countof(requests); i++) {
		struct client c;

		client_connect(&c, &w);
		client_send(&c, requests[i]);
		client_finish(&c);
		expect_last(&c, said_last("400 Bad Request", "truncated"));
		assert_int_equal(w.requests, i + 1);
		assert_int_equal(strlen(w.body->data), w.body->len);
		client_close(&c);
	}
	world_end(&w);
}

static void test_malformed_chunks(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	client_send(&c, "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx\r\nmore");
	expect_last(&c, said_last("400 Bad Request", "truncated"));
	assert_int_equal(w.requests, 1);
	assert_int_equal(w.body_len, 3);
	client_close(&c);
	world_end(&w);
}

static void test_requests_that_cannot_be_read(void **state)
{
	static const struct {
		const char *request;
		const char *status;
		const char *why;
	} cases[] = {
		{ "hello\r\n\r\n", "400 Bad Request", "malformed request line\n" },
		{ "GET / HTTP/1.1\r\nA : b\r\n\r\n", "400 Bad Request", "malformed header\n" },
		{ "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400 Bad Request", "malformed Content-Length\n" },
		{ "GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", "501 Not Implemented",
		  "unknown transfer coding\n" },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported",
		  "HTTP version not supported\n" },
	};
	struct world w;

	(void)state;
	world_start(&w, 0);
	for (size_t i = 0; i < countof(cases); i++) {
		struct client c;
		char expected[256];

		snprintf(expected, sizeof(expected),
			 "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
			 "Connection: close\r\n\r\n%s",
			 cases[i].status, strlen(cases[i].why), cases[i].why);
		client_connect(&c, &w);
		client_send(&c, cases[i].request);
		client_send(&c, "GET /next HTTP/1.1\r\n\r\n");
		expect_last(&c, expected);
		client_close(&c);
	}
	assert_int_equal(w.requests, 0);
	world_end(&w);
}

static void test_a_slow_reader_gets_a_large_reply(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n";
	struct world w;
	struct client c;
	char *big = noise(BIG_LEN);

	(void)state;
	world_start(&w, 0);
	w.big = blob_take(big, BIG_LEN);
	client_connect(&c, &w);
	c.deaf = true;
	client_send(&c, "GET /big HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n");
	UNTIL(&w, w.requests == 1);
	assert_int_equal(httpd_busy(w.server), 1);
	client_listen_again(&c);
	UNTIL(&w, w.requests == 2);
	UNTIL(&w, c.in.len == sizeof(head) - 1 + BIG_LEN + strlen(said("202 Accepted", "/a")));
	assert_memory_equal(c.in.data, head, sizeof(head) - 1);
	assert_memory_equal(c.in.data + sizeof(head) - 1, big, BIG_LEN);
	assert_int_equal(httpd_busy(w.server), 0);
	client_close(&c);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_follow_each_other_on_one_connection),
		cmocka_unit_test(test_a_request_may_come_byte_by_byte),
		cmocka_unit_test(test_http_1_0),
		cmocka_unit_test(test_close_on_request),
		cmocka_unit_test(test_replies_without_a_body),
		cmocka_unit_test(test_pipelined_requests_are_served_in_order),
		cmocka_unit_test(test_a_parked_request_holds_back_those_behind_it),
		cmocka_unit_test(test_more_requests_than_a_stack_has_frames),
		cmocka_unit_test(test_a_megabyte_of_headers),
		cmocka_unit_test(test_too_long_a_head_is_refused),
		cmocka_unit_test(test_large_bodies),
		cmocka_unit_test(test_large_chunked_bodies),
		cmocka_unit_test(test_expect_continue),
		cmocka_unit_test(test_truncated_bodies),
		cmocka_unit_test(test_malformed_chunks),
		cmocka_unit_test(test_requests_that_cannot_be_read),
		cmocka_unit_test(test_a_slow_reader_gets_a_large_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
