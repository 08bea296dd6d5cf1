/* SPDX-License-Identifier: Apache-2.0 */
/* What io/httpd.h promises of requests, asked of both servers over real sockets in a real loop. */
#include "peer.h"

#include "base/attr.h"

static struct app app; /* too large for a stack */

static void test_keep_alive_and_echo(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	for (unsigned i = 0; i < 20; i++) {
		char body[32];

		snprintf(body, sizeof(body), "event %u", i);
		peer_ask(&p, "POST", "/echo", body);
		assert_int_equal(peer_reply(&p), 200);
		assert_string_equal(p.body, body);
		assert_memory_equal(peer_header(&p, "content-type"), "text/x\r", 7);
		assert_null(peer_header(&p, "X-Left-Out"));
	}
	assert_int_equal(app.requests, 20);
	assert_false(p.ended);
	peer_close(&p);
	app_stop(&app);
}

static void test_control_characters_make_no_header(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_ask(&p, "POST", "/echo", "x");
	assert_int_equal(peer_reply(&p), 200);
	assert_null(peer_header(&p, "X-Evil"));
	assert_memory_equal(peer_header(&p, "X-Split"), "a  X-Evil: b c\r", 15);
	peer_close(&p);
	app_stop(&app);
}

static void test_target_is_raw_and_headers_are_trimmed(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_send(&p, "PUT /a%2Fb%20c+d/%zz?x=%41+%26&y?z HTTP/1.1\r\nHOST: t\r\nX-Test: \t first one \t \r\n"
		      "x-test: second\r\n\r\n");
	assert_int_equal(peer_reply(&p), 200);
	assert_string_equal(p.body,
			    "PUT /a%2Fb%20c+d/%zz ? x=%41+%26&y?z\nx-test=first one.\ntrailer=(none).\ntag=first\n"
			    "state=0 len=0\nkept=0");
	peer_send(&p, "GET /plain HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(peer_reply(&p), 200);
	assert_memory_equal(p.body, "GET /plain ? \nx-test=(none)", 27);
	peer_send(&p, "GET http://t:1/plain?q HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(peer_reply(&p), 200);
	assert_memory_equal(p.body, "GET /plain ? q\nx-test=(none)", 28);
	peer_close(&p);
	app_stop(&app);
}

static void test_all_headers_and_the_peer(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_send(&p, "GET /all HTTP/1.1\r\nHost: t\r\nX-Test: \t first one \t \r\nx-test: second\r\nCookie: a=b; "
		      "c=d\r\nX-Empty:\r\n\r\n");
	assert_int_equal(peer_reply(&p), 200);
	assert_string_equal(p.body, "127.0.0.1\nHost=t.\nX-Test=first one.\nx-test=second.\nCookie=a=b; c=d.\n"
				    "X-Empty=.\n");
	peer_close(&p);
	app_stop(&app);
}

static void test_head_and_204_have_no_body(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_send(&p, "HEAD /status HTTP/1.1\r\nHost: t\r\n\r\n");
	TURN_UNTIL(app.loop, peer_take(&p, true));
	assert_int_equal(p.status, 200);
	assert_true(strtoul(peer_header(&p, "Content-Length"), NULL, 10) > 20);
	peer_ask(&p, "POST", "/none", "ignored");
	assert_int_equal(peer_reply(&p), 204);
	assert_null(peer_header(&p, "Content-Length"));
	/* Whatever they had sent too much would stand before this one. */
	peer_ask(&p, "POST", "/echo", "in step");
	assert_int_equal(peer_reply(&p), 200);
	assert_string_equal(p.body, "in step");
	peer_close(&p);
	app_stop(&app);
}

static void test_chunked_body_with_trailer(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_send(&p, "POST /status HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
		      "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-End: of it \r\n\r\n");
	assert_int_equal(peer_reply(&p), 200);
	assert_non_null(strstr(p.body, "trailer=of it.\n"));
	assert_non_null(strstr(p.body, "state=0 len=6\nkept=6"));
	peer_close(&p);
	app_stop(&app);
}

static void test_body_limit(void **state)
{
	static const struct {
		size_t len;
		bool chunked;
		const char *what;
	} rows[] = {
		{ 100000, false, "state=0 len=100000\nkept=100000" },
		{ 100001, false, "state=1 len=100001\nkept=0" },
		{ 5000000, false, "state=1 len=5000000\nkept=0" },
		{ 100000, true, "state=0 len=100000\nkept=100000" },
		{ 100001, true, "state=1 len=100001\nkept=0" },
	};
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf text = BUF_INIT;
		char *room;

		buf_printf(&text, "POST /status HTTP/1.1\r\nHost: t\r\n");
		buf_printf(&text,
			   rows[i].chunked ? "Transfer-Encoding: chunked\r\n\r\n%zx\r\n"
					   : "Content-Length: %zu\r\n\r\n",
			   rows[i].len);
		room = buf_room(&text, rows[i].len);
		memset(room, 'x', rows[i].len);
		buf_added(&text, rows[i].len);
		buf_puts(&text, rows[i].chunked ? "\r\n0\r\n\r\n" : "");
		peer_send_bytes(&p, text.data, text.len);
		assert_int_equal(peer_reply(&p), 200);
		assert_non_null(strstr(p.body, rows[i].what));
		buf_fini(&text);
	}
	peer_close(&p);
	app_stop(&app);
}

static void test_continue_is_said_before_the_body(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_send(&p, "POST /echo HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(peer_reply(&p), 100);
	assert_int_equal(app.requests, 0);
	peer_send(&p, "yes");
	assert_int_equal(peer_reply(&p), 200);
	assert_string_equal(p.body, "yes");
	peer_close(&p);
	app_stop(&app);
}

static void test_parked_request_is_answered_later(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	for (unsigned i = 0; i < 3; i++) {
		peer_ask(&p, "POST", "/park", "x");
		TURN_UNTIL(app.loop, app.count == i + 1);
		assert_true(httpd_req_alive(app.parked[i].req));
		assert_int_equal(httpd_busy(app.server), 1);
		app_answer(&app, i); /* outside of any turn */
		assert_int_equal(peer_reply(&p), 200);
	}
	assert_string_equal(p.body, "answer 2");
	TURN_UNTIL(app.loop, httpd_busy(app.server) == 0);
	assert_int_equal(app.gone, 0);
	peer_close(&p);
	app_stop(&app);
}

static void answer_all(void *ctx)
{
	struct app *a = ctx;

	for (unsigned i = 0; i < a->count; i++) {
		if (a->parked[i].req != NULL) {
			app_answer(a, i);
		}
	}
}

static void test_answer_from_a_later_hook(void **state)
{
	struct loop_hook hook;
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	loop_hook_add(app.loop, &hook, answer_all, &app);
	peer_open(&p, &app);
	for (unsigned i = 0; i < 50; i++) {
		peer_ask(&p, "POST", "/park", "x");
		assert_int_equal(peer_reply(&p), 200);
	}
	loop_hook_del(&hook);
	peer_close(&p);
	app_stop(&app);
}

static void test_pipelined_requests_keep_their_order(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_send(&p,
		  "POST /park HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n\r\nxGET /park HTTP/1.1\r\nHost: t\r\n\r\n"
		  "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nlast");
	TURN_UNTIL(app.loop, app.count == 1);
	app_answer(&app, 0);
	assert_int_equal(peer_reply(&p), 200);
	assert_string_equal(p.body, "answer 0");
	TURN_UNTIL(app.loop, app.count == 2);
	app_answer(&app, 1);
	assert_int_equal(peer_reply(&p), 200);
	assert_string_equal(p.body, "answer 1");
	assert_int_equal(peer_reply(&p), 200);
	assert_string_equal(p.body, "last");
	peer_close(&p);
	app_stop(&app);
}

static void test_hang_up_of_a_parked_peer(void **state)
{
	struct peer leaver;
	struct peer half;
	struct peer stayer;

	app_start(&app, backend_of(state), NULL);
	peer_open(&leaver, &app);
	peer_open(&half, &app);
	peer_open(&stayer, &app);
	peer_ask(&leaver, "POST", "/park", "x");
	TURN_UNTIL(app.loop, app.count == 1);
	peer_ask(&half, "POST", "/park", "x");
	TURN_UNTIL(app.loop, app.count == 2);
	peer_ask(&stayer, "POST", "/park", "x");
	TURN_UNTIL(app.loop, app.count == 3);
	peer_close(&leaver);
	assert_false(httpd_req_alive(app.parked[0].req));
	TURN_UNTIL(app.loop, app.gone == 1);
	assert_null(app.parked[0].req);
	shutdown(half.fd, SHUT_WR);
	TURN_UNTIL(app.loop, app.gone == 2 && half.ended);
	assert_null(app.parked[1].req);
	app_answer(&app, 2);
	assert_int_equal(peer_reply(&stayer), 200);
	peer_ask(&stayer, "POST", "/echo", "still here");
	assert_int_equal(peer_reply(&stayer), 200);
	assert_int_equal(httpd_busy(app.server), 0);
	peer_close(&half);
	peer_close(&stayer);
	app_stop(&app);
}

static void test_answer_to_a_peer_that_has_just_left(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_ask(&p, "POST", "/park", "x");
	TURN_UNTIL(app.loop, app.count == 1);
	peer_close(&p);
	/* Its hang-up was not seen yet. Some servers notice now, some later; on_gone does not come in either case. */
	(void)httpd_reply(app.parked[0].req, 200, NULL, 0, blob_static("too late"));
	peer_open(&p, &app);
	peer_ask(&p, "POST", "/echo", "next");
	assert_int_equal(peer_reply(&p), 200);
	TURN_UNTIL(app.loop, httpd_busy(app.server) == 0);
	assert_int_equal(app.gone, 0);
	peer_close(&p);
	app_stop(&app);
}

static void test_request_and_half_close_at_once(void **state)
{
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_ask(&p, "POST", "/park", "x");
	shutdown(p.fd, SHUT_WR);
	TURN_UNTIL(app.loop, p.ended);
	assert_int_equal(app.gone, app.count);
	peer_close(&p);
	app_stop(&app);
}

static void test_hang_up_in_the_middle_of_a_request(void **state)
{
	static const char *const pieces[] = { "PO", "POST /park HTT", "POST /park HTTP/1.1\r\nHost: t\r\nX-",
					      "POST /park HTTP/1.1\r\nHost: t\r\n",
					      "POST /park HTTP/1.1\r\nContent-Length: 9\r\n\r\n1" };
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	for (size_t i = 0; i < countof(pieces); i++) {
		peer_open(&p, &app);
		peer_send(&p, pieces[i]);
		assert_int_equal(loop_turn(app.loop, PATIENCE_US), 0);
		peer_close(&p);
	}
	peer_open(&p, &app);
	peer_ask(&p, "POST", "/echo", "x");
	assert_int_equal(peer_reply(&p), 200);
	TURN_UNTIL(app.loop, httpd_busy(app.server) == 0);
	peer_close(&p);
	app_stop(&app);
}

static void test_large_reply_is_not_copied_and_is_released(void **state)
{
	size_t len = 8 << 20;
	char *mem = malloc(len + 1);
	struct blob *body;
	struct peer p;

	assert_non_null(mem);
	for (size_t i = 0; i < len; i++) {
		mem[i] = (char)(i * 31 >> 3);
	}
	mem[len] = '\0';
	body = blob_take(mem, len);
	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_ask(&p, "GET", "/park", "");
	TURN_UNTIL(app.loop, app.count == 1);
	assert_int_equal(httpd_reply(app.parked[0].req, 200, NULL, 0, blob_ref(body)), 0);
	assert_int_equal(peer_reply(&p), 200);
	assert_int_equal(p.body_len, len);
	assert_memory_equal(p.body, mem, len);
	TURN_UNTIL(app.loop, body->refs == 1);
	/* And when the peer leaves before it has it all. */
	peer_ask(&p, "GET", "/park", "");
	TURN_UNTIL(app.loop, app.count == 2);
	assert_int_equal(httpd_reply(app.parked[1].req, 200, NULL, 0, blob_ref(body)), 0);
	TURN_UNTIL(app.loop, p.in.len > 0);
	peer_close(&p);
	TURN_UNTIL(app.loop, body->refs == 1);
	blob_unref(body);
	app_stop(&app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(test_keep_alive_and_echo),
		ON_BOTH(test_control_characters_make_no_header),
		ON_BOTH(test_target_is_raw_and_headers_are_trimmed),
		ON_BOTH(test_all_headers_and_the_peer),
		ON_BOTH(test_head_and_204_have_no_body),
		ON_BOTH(test_chunked_body_with_trailer),
		ON_BOTH(test_body_limit),
		ON_BOTH(test_continue_is_said_before_the_body),
		ON_BOTH(test_parked_request_is_answered_later),
		ON_BOTH(test_answer_from_a_later_hook),
		ON_BOTH(test_pipelined_requests_keep_their_order),
		ON_BOTH(test_hang_up_of_a_parked_peer),
		ON_BOTH(test_answer_to_a_peer_that_has_just_left),
		ON_BOTH(test_request_and_half_close_at_once),
		ON_BOTH(test_hang_up_in_the_middle_of_a_request),
		ON_BOTH(test_large_reply_is_not_copied_and_is_released),
	};

	return cmocka_run_group_tests(tests, allow_many_descriptors, NULL);
}
