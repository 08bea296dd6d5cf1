/* SPDX-License-Identifier: Apache-2.0 */
/* What is particular to the server on libmicrohttpd. */
#include "peer.h"

#include "base/attr.h"

static struct app app; /* too large for a stack */

static const size_t max_head = 32 * 1024;

static void fill(struct buf *text, size_t len)
{
	char *room = buf_room(text, len);

	memset(room, 'x', len);
	buf_added(text, len);
}

/* A head of any length is answered: there is no length at which the request is carried out and its reply lost. */
static void test_head_of_every_length_gets_an_answer(void **state)
{
	unsigned refused = 0;

	(void)state;
	app_start(&app, httpd_mhd_new, NULL);
	for (size_t len = 1000; len < 80000; len += 977) {
		struct buf text = BUF_INIT;
		struct peer p;
		unsigned served = app.requests;

		peer_open(&p, &app);
		buf_puts(&text, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\nX-Long: ");
		fill(&text, len);
		buf_puts(&text, "\r\n\r\nbody");
		peer_send_bytes(&p, text.data, text.len);
		TURN_UNTIL(app.loop, peer_take(&p, false) || p.ended);
		if (p.status == 200) {
			assert_int_equal(refused, 0);
			assert_string_equal(p.body, "body");
		} else if (p.status != 0) {
			assert_int_equal(p.status, 431);
			assert_int_equal(app.requests, served);
			refused++;
		} else {
			/* Far beyond the limit the library closes with input unread, which may overtake its 431. */
			assert_true(len > max_head);
			assert_int_equal(app.requests, served);
		}
		peer_close(&p);
		buf_fini(&text);
	}
	assert_true(refused > 5);
	assert_true(app.requests > 20);
	app_stop(&app);
}

static struct httpd_req *kept;

static void keep_request(void *ctx, struct httpd_req *req)
{
	(void)ctx;
	kept = req;
}

/* The largest head that is taken, with the largest reply head that we make. */
static void test_long_heads_both_ways(void **state)
{
	const struct httpd_opts opts = { .max_head = max_head, .max_body = 1000, .max_conns = 10 };
	struct httpd_header header = { "X-Amz-Log-Result", NULL };
	struct buf value = BUF_INIT;
	struct buf text = BUF_INIT;
	struct httpd_opts mine;
	struct peer p;

	(void)state;
	app_start(&app, httpd_mhd_new, &opts);
	httpd_free(app.server);
	mine = opts;
	mine.on_request = keep_request;
	app.server = httpd_mhd_new(app.loop, &mine);
	assert_non_null(app.server);
	app.listener = httpd_listen(app.server, "127.0.0.1", 0, NULL, &(struct err)ERR_INIT);
	app.port = httpd_listener_port(app.listener);
	fill(&value, 5600);
	header.value = value.data;
	buf_puts(&text, "POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n");
	for (unsigned i = 0; i < 40; i++) {
		buf_printf(&text, "X-Number-%u: 12345678\r\n", i);
	}
	buf_puts(&text, "X-Long: ");
	fill(&text, 18000);
	buf_puts(&text, "\r\n\r\n");
	peer_open(&p, &app);
	for (unsigned i = 0; i < 2; i++) {
		kept = NULL;
		peer_send_bytes(&p, text.data, text.len);
		TURN_UNTIL(app.loop, kept != NULL);
		assert_int_equal(httpd_reply(kept, 200, &header, 1, blob_static("ok")), 0);
		assert_int_equal(peer_reply(&p), 200);
		assert_memory_equal(peer_header(&p, "X-Amz-Log-Result"), value.data, value.len);
	}
	peer_close(&p);
	buf_fini(&text);
	buf_fini(&value);
	app_stop(&app);
}

/* It would cost the whole reply. */
static void test_reply_header_that_does_not_fit_is_left_out(void **state)
{
	static const struct httpd_opts opts = { .max_head = max_head, .max_body = 1000, .max_conns = 10 };
	struct httpd_header headers[] = { { "X-Short", "a" }, { "X-Long", NULL }, { "X-Last", "z" } };
	struct httpd_opts mine = opts;
	struct buf value = BUF_INIT;
	struct peer p;

	(void)state;
	app_start(&app, httpd_mhd_new, &opts);
	httpd_free(app.server);
	mine.on_request = keep_request;
	app.server = httpd_mhd_new(app.loop, &mine);
	assert_non_null(app.server);
	app.listener = httpd_listen(app.server, "127.0.0.1", 0, NULL, &(struct err)ERR_INIT);
	app.port = httpd_listener_port(app.listener);
	peer_open(&p, &app);
	for (size_t len = 20000; len < 70000; len += 1500) {
		kept = NULL;
		buf_clear(&value);
		fill(&value, len);
		headers[1].value = value.data;
		peer_ask(&p, "POST", "/x", "x");
		TURN_UNTIL(app.loop, kept != NULL);
		assert_int_equal(httpd_reply(kept, 200, headers, countof(headers), blob_static("ok")), 0);
		assert_int_equal(peer_reply(&p), 200);
		assert_string_equal(p.body, "ok");
		assert_memory_equal(peer_header(&p, "X-Short"), "a", 1);
		assert_memory_equal(peer_header(&p, "X-Last"), "z", 1);
		assert_true((peer_header(&p, "X-Long") == NULL) == (len > max_head));
	}
	peer_close(&p);
	buf_fini(&value);
	app_stop(&app);
}

/* A query costs its bytes and no more, whatever it is made of and however the target is written. */
static void test_many_query_parameters(void **state)
{
	static const char *const starts[] = { "/status?", "http://host/status?", "/%73tatus%3f?" };
	struct buf query = BUF_INIT;
	struct peer p;

	(void)state;
	app_start(&app, httpd_mhd_new, NULL);
	for (unsigned i = 0; i < 2000; i++) {
		buf_printf(&query, "a%u=%%3f&", i);
	}
	buf_puts(&query, "?");
	peer_open(&p, &app);
	for (size_t i = 0; i < countof(starts); i++) {
		struct buf text = BUF_INIT;

		buf_printf(&text, "%s%s", starts[i], query.data);
		peer_ask(&p, "GET", text.data, "");
		assert_int_equal(peer_reply(&p), 200);
		assert_non_null(strstr(p.body, query.data));
		buf_fini(&text);
	}
	peer_close(&p);
	buf_fini(&query);
	app_stop(&app);
}

static void test_what_is_not_http_is_refused(void **state)
{
	static const struct {
		const char *text;
		int status; /* 0: closed without a word */
	} rows[] = {
		{ "GET / HTTP/2.0\r\n\r\n", 505 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
		{ "GET /\r\n\r\n", 400 },
		{ "GET / HTTX/1.1\r\n\r\n", 400 },
		{ "nonsense\r\n\r\n", 0 },
		{ "GET /status HTTP/1.1\r\nno colon\r\n\r\n", 400 },
		{ "POST /status HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400 },
		{ "POST /status HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400 },
		{ "POST /status HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 413 },
		{ "POST /status HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400 },
		{ "POST /status HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400 },
	};
	struct peer p;

	(void)state;
	app_start(&app, httpd_mhd_new, NULL);
	for (size_t i = 0; i < countof(rows); i++) {
		peer_open(&p, &app);
		peer_send(&p, rows[i].text);
		TURN_UNTIL(app.loop, p.ended);
		assert_int_equal(peer_take(&p, false), rows[i].status != 0);
		/* Not its text: libmicrohttpd 0.9.75 writes the head twice where the Content-Length is wrong. */
		assert_int_equal(p.status, rows[i].status);
		peer_close(&p);
	}
	assert_int_equal(app.requests, 0);
	assert_int_equal(httpd_busy(app.server), 0);
	app_stop(&app);
}

static void test_http_1_0(void **state)
{
	struct peer p;

	(void)state;
	app_start(&app, httpd_mhd_new, NULL);
	peer_open(&p, &app);
	peer_send(&p, "POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi");
	assert_int_equal(peer_reply(&p), 200);
	assert_string_equal(p.body, "hi");
	TURN_UNTIL(app.loop, p.ended);
	peer_close(&p);
	app_stop(&app);
}

/* Waits for a second because the library counts in seconds. */
static void test_idle_connection_is_closed_and_parked_is_not(void **state)
{
	const struct httpd_opts opts = {
		.max_head = max_head, .max_body = 1000, .max_conns = 10, .idle_timeout_us = 1000
	};
	struct peer idle, silent, half, parked;

	(void)state;
	app_start(&app, httpd_mhd_new, &opts);
	peer_open(&parked, &app);
	peer_ask(&parked, "POST", "/park", "x");
	TURN_UNTIL(app.loop, app.count == 1);
	peer_open(&idle, &app);
	peer_ask(&idle, "POST", "/echo", "x");
	assert_int_equal(peer_reply(&idle), 200);
	peer_open(&silent, &app);
	peer_open(&half, &app);
	peer_send(&half, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n1");
	TURN_UNTIL(app.loop, idle.ended && silent.ended && half.ended);
	assert_int_equal(app.gone, 0);
	assert_false(parked.ended);
	app_answer(&app, 0);
	assert_int_equal(peer_reply(&parked), 200);
	peer_close(&idle);
	peer_close(&silent);
	peer_close(&half);
	peer_close(&parked);
	app_stop(&app);
}

/* A reply that was already on its way when the drain began says nothing about closing. */
static void test_quiesce_while_a_reply_is_being_sent(void **state)
{
	size_t len = 8 << 20;
	struct buf text = BUF_INIT;
	struct peer p;

	(void)state;
	app_start(&app, httpd_mhd_new, NULL);
	peer_open(&p, &app);
	peer_ask(&p, "GET", "/park", "");
	TURN_UNTIL(app.loop, app.count == 1);
	fill(&text, len);
	assert_int_equal(httpd_reply(app.parked[0].req, 200, NULL, 0, buf_to_blob(&text)), 0);
	TURN_UNTIL(app.loop, p.in.len > 0);
	assert_int_equal(httpd_busy(app.server), 1);
	httpd_quiesce(app.server);
	assert_int_equal(peer_reply(&p), 200);
	assert_int_equal(p.body_len, len);
	TURN_UNTIL(app.loop, p.ended);
	assert_int_equal(httpd_busy(app.server), 0);
	peer_close(&p);
	app_stop(&app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_of_every_length_gets_an_answer),
		cmocka_unit_test(test_long_heads_both_ways),
		cmocka_unit_test(test_many_query_parameters),
		cmocka_unit_test(test_reply_header_that_does_not_fit_is_left_out),
		cmocka_unit_test(test_what_is_not_http_is_refused),
		cmocka_unit_test(test_http_1_0),
		cmocka_unit_test(test_idle_connection_is_closed_and_parked_is_not),
		cmocka_unit_test(test_quiesce_while_a_reply_is_being_sent),
	};

	return cmocka_run_group_tests(tests, allow_many_descriptors, NULL);
}
