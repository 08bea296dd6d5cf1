/* SPDX-License-Identifier: Apache-2.0 */
/* Our own HTTP server over real sockets: parked requests, peers that go away, closing from our side. */
#include "http1_world.h"

#include <malloc.h>

static void park(struct client *c, struct world *w)
{
	unsigned n = w->parks + 1;

	client_connect(c, w);
	client_send(c, "GET /park HTTP/1.1\r\n\r\n");
	UNTIL(w, w->parks == n);
}

static void test_a_parked_request_is_answered_later(void **state)
{
	struct world w;
	struct client c[2];

	(void)state;
	world_start(&w, 0);
	park(&c[0], &w);
	park(&c[1], &w);
	assert_int_equal(httpd_busy(w.server), 2);
	assert_true(httpd_req_alive(w.parked[0]));
	reply(w.parked[1], 200, "second");
	expect_bytes(&c[1], said("200 OK", "second"));
	reply(w.parked[0], 200, "first");
	expect_bytes(&c[0], said("200 OK", "first"));
	assert_int_equal(httpd_busy(w.server), 0);
	client_close(&c[0]);
	client_close(&c[1]);
	world_end(&w);
	assert_int_equal(w.gone, 0);
}

static void go_by_close(struct client *c)
{
	client_close(c);
}

static void go_by_half_close(struct client *c)
{
	client_finish(c);
}

static void go_by_reset(struct client *c)
{
	client_abort(c);
}

static void go_with_more_input(struct client *c)
{
	client_send(c, "GET /a HTTP/1.1\r\n\r\n");
	client_close(c);
}

static void (*const ways_to_go[])(struct client *c) = {
	go_by_close,
	go_by_half_close,
	go_by_reset,
	go_with_more_input,
};

static void test_a_peer_that_goes_away_is_noticed(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	for (unsigned i = 0; i < countof(ways_to_go); i++) {
		park(&c, &w);
		ways_to_go[i](&c);
		assert_false(httpd_req_alive(w.parked[i]));
		UNTIL(&w, w.gone == i + 1);
		client_close(&c);
	}
	/* Also when it is not looked at for input any more. */
	park(&c, &w);
	client_send(&c, "GET /a HTTP/1.1\r\n\r\n");
	assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
	assert_int_equal(w.gone, countof(ways_to_go));
	client_close(&c);
	UNTIL(&w, w.gone == countof(ways_to_go) + 1);
	assert_int_equal(w.requests, countof(ways_to_go) + 1);
	assert_int_equal(httpd_busy(w.server), 0);
	world_end(&w);
}

static void test_a_reply_to_a_dead_peer_fails(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	park(&c, &w);
	client_abort(&c);
	assert_int_equal(httpd_reply(w.parked[0], 200, NULL, 0, blob_from_string("lost")), -1);
	assert_int_equal(loop_turn(w.loop, 0), 0);
	assert_int_equal(w.gone, 0);
	assert_int_equal(httpd_busy(w.server), 0);
	world_end(&w);
}

static void test_a_peer_that_dies_in_the_middle_of_a_reply(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	w.big = blob_take(noise(BIG_LEN), BIG_LEN);
	client_connect(&c, &w);
	c.deaf = true;
	client_send(&c, "GET /big HTTP/1.1\r\n\r\n");
	UNTIL(&w, httpd_busy(w.server) == 1 && w.requests == 1);
	client_abort(&c);
	UNTIL(&w, httpd_busy(w.server) == 0);
	/* Nobody else holds the body any more. */
	assert_int_equal(loop_turn(w.loop, 0), 0);
	assert_int_equal(w.big->refs, 1);
	world_end(&w);
}

static void test_a_half_closed_peer_still_gets_the_rest(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	w.big = blob_take(noise(BIG_LEN), BIG_LEN);
	client_connect(&c, &w);
	c.deaf = true;
	client_send(&c, "GET /big HTTP/1.1\r\n\r\n");
	UNTIL(&w, w.requests == 1);
	client_finish(&c);
	assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
	client_listen_again(&c);
	UNTIL(&w, c.eof || c.reset);
	assert_false(c.reset);
	assert_true(c.in.len > BIG_LEN);
	client_close(&c);
	world_end(&w);
}

static void test_input_behind_a_parked_request_does_not_keep_the_loop_busy(void **state)
{
	struct world w;
	struct client c;
	int64_t start;

	(void)state;
	world_start(&w, 0);
	park(&c, &w);
	client_send(&c, "GET /a HTTP/1.1\r\n\r\n");
	assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
	start = clock_mono_us();
	assert_int_equal(loop_turn(w.loop, 20 * 1000), 0);
	assert_true(clock_mono_us() - start >= 20 * 1000);
	reply(w.parked[0], 200, "one");
	UNTIL(&w, w.requests == 2);
	client_close(&c);
	world_end(&w);
}

static void test_kick_closes_what_came_by_one_listener(void **state)
{
	struct world w;
	struct client c[3];
	struct httpd_listener *other;

	(void)state;
	world_start(&w, 0);
	other = world_listen(&w);
	park(&c[0], &w);
	client_connect(&c[1], &w);
	client_send(&c[1], "GET /a HTTP/1.1\r\n\r\n");
	expect_bytes(&c[1], said("202 Accepted", "/a"));
	client_connect_to(&c[2], &w, other);
	client_send(&c[2], "GET /park2 HTTP/1.1\r\n\r\n");
	UNTIL(&w, w.parks == 2);
	httpd_listener_kick(w.listener);
	assert_int_equal(w.gone, 1);
	expect_last(&c[0], "");
	expect_last(&c[1], "");
	reply(w.parked[1], 200, "still here");
	expect_bytes(&c[2], said("200 OK", "still here"));
	client_close(&c[0]);
	client_connect(&c[0], &w);
	client_send(&c[0], "GET /b HTTP/1.1\r\n\r\n");
	expect_bytes(&c[0], said("202 Accepted", "/b"));
	for (unsigned i = 0; i < 3; i++) {
		client_close(&c[i]);
	}
	world_end(&w);
}

static void test_settle_serves_what_has_arrived(void **state)
{
	struct world w;
	struct client c[3];
	char *body = noise(200 * 1000);

	(void)state;
	world_start(&w, 0);
	/* Connections that were not accepted yet, of peers that have ended already. */
	client_connect(&c[0], &w);
	client_send(&c[0], "POST /a HTTP/1.1\r\nContent-Length: 200000\r\n\r\n");
	client_send_bytes(&c[0], body, 200 * 1000);
	assert_int_equal(c[0].out.len, 0);
	client_close(&c[0]);
	client_connect(&c[1], &w);
	client_send(&c[1], "GET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
	client_abort(&c[1]);
	client_connect(&c[2], &w);
	client_send(&c[2], "GET /d HTTP/1.1\r\n\r\nGET /e HTTP/1.1\r\n\r\nGET /f HTTP/1.1\r\n\r\n");
	httpd_listener_settle(w.listener);
	assert_int_equal(w.requests >= 4, 1);
	assert_non_null(strchr(w.order, 'a'));
	assert_non_null(strstr(w.order, "def"));
	/* What a reset leaves behind, the kernel may have dropped. */
	UNTIL(&w, httpd_busy(w.server) == 0);
	free(body);
	client_close(&c[2]);
	world_end(&w);
}

static void test_a_kick_inside_settle(void **state)
{
	struct world w;
	struct client c[3];

	(void)state;
	world_start(&w, 0);
	for (unsigned i = 0; i < 3; i++) {
		client_connect(&c[i], &w);
		client_send(&c[i], "GET /a HTTP/1.1\r\n\r\n");
	}
	w.kick_on_request = w.listener;
	httpd_listener_settle(w.listener);
	assert_int_equal(w.requests, 1);
	assert_int_equal(w.busy_on_request, 1);
	assert_int_equal(httpd_busy(w.server), 0);
	for (unsigned i = 0; i < 3; i++) {
		UNTIL(&w, c[i].eof || c[i].reset);
		client_close(&c[i]);
	}
	world_end(&w);
}

static void test_quiesce(void **state)
{
	struct world w;
	struct client idle, parked, late;

	(void)state;
	world_start(&w, 0);
	client_connect(&idle, &w);
	client_connect(&late, &w);
	client_send(&late, "GET /a HTTP/1.1\r\n\r\n");
	expect_bytes(&late, said("202 Accepted", "/a"));
	park(&parked, &w);
	/* Sent before the end, read after it. */
	client_send(&late, "GET /b HTTP/1.1\r\n\r\n");
	httpd_quiesce(w.server);
	expect_last(&idle, "");
	expect_last(&late, said_last("202 Accepted", "/b"));
	assert_int_equal(httpd_busy(w.server), 1);
	reply(w.parked[0], 200, "last");
	assert_int_equal(httpd_busy(w.server), 0);
	expect_last(&parked, said_last("200 OK", "last"));
	client_close(&idle);
	client_close(&parked);
	client_close(&late);
	world_end(&w);
}

static void test_free_tells_the_parked(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 0);
	park(&c, &w);
	httpd_free(w.server);
	assert_int_equal(w.gone, 1);
	expect_last(&c, "");
	client_close(&c);
	blob_unref(w.body);
	loop_free(w.loop);
}

static void test_idle_connections_are_closed(void **state)
{
	struct world w;
	struct client parked, begun, done, never;

	(void)state;
	world_start(&w, 20 * 1000);
	/* The oldest of them. */
	park(&parked, &w);
	client_connect(&never, &w);
	client_connect(&begun, &w);
	client_send(&begun, "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nab");
	client_connect(&done, &w);
	client_send(&done, "GET /a HTTP/1.1\r\n\r\n");
	expect_last(&done, said("202 Accepted", "/a"));
	expect_last(&never, "");
	expect_last(&begun, "");
	assert_int_equal(w.gone, 0);
	reply(w.parked[0], 200, "here");
	expect_last(&parked, said("200 OK", "here"));
	client_close(&parked);
	client_close(&begun);
	client_close(&done);
	client_close(&never);
	/* The timer starts again with the next connection. */
	client_connect(&never, &w);
	expect_last(&never, "");
	client_close(&never);
	world_end(&w);
}

static void test_a_reader_that_stops_is_idle(void **state)
{
	struct world w;
	struct client c;

	(void)state;
	world_start(&w, 20 * 1000);
	w.big = blob_take(noise(BIG_LEN), BIG_LEN);
	client_connect(&c, &w);
	c.deaf = true;
	client_send(&c, "GET /big HTTP/1.1\r\n\r\n");
	UNTIL(&w, w.requests == 1);
	UNTIL(&w, httpd_busy(w.server) == 0);
	client_close(&c);
	world_end(&w);
}

static void test_a_peer_that_never_closes_does_not_linger_for_ever(void **state)
{
	struct world w;
	struct client c;
	int64_t start;

	(void)state;
	world_start(&w, 0);
	client_connect(&c, &w);
	client_send(&c, "GET /a HTTP/1.0\r\n\r\n");
	start = clock_mono_us();
	UNTIL(&w, c.eof);
	assert_false(c.reset);
	assert_int_equal(httpd_busy(w.server), 0);
	/* The connection is gone when sending to it is answered by a reset. */
	while (send(c.fd, "x", 1, MSG_NOSIGNAL) == 1) {
		assert_true(clock_mono_us() - start < PATIENCE_US);
		assert_int_equal(loop_turn(w.loop, 100 * 1000), 0);
	}
	client_close(&c);
	world_end(&w);
}

static void test_a_connection_at_rest_is_small(void **state)
{
	enum { COUNT = 100 };
	struct world w;
	struct client c[COUNT];
	struct mallinfo2 before, after;
	char *value = noise(300 * 1000);

	(void)state;
	memset(value, 'x', 300 * 1000);
	world_start(&w, 0);
	before = mallinfo2();
	for (unsigned i = 0; i < COUNT; i++) {
		client_connect(&c[i], &w);
		client_send(&c[i], "GET /header HTTP/1.1\r\nX: ");
		client_send(&c[i], value);
		client_send(&c[i], "\r\n\r\n");
		expect_bytes(&c[i], said("200 OK", "300000"));
		client_send(&c[i], "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n186A0\r\n");
		client_send_bytes(&c[i], value, 100 * 1000);
		client_send(&c[i], "\r\n0\r\nT: trailer\r\n\r\n");
		expect_bytes(&c[i], said("202 Accepted", "/a"));
		buf_fini(&c[i].in);
		buf_fini(&c[i].out);
	}
	blob_unref(w.body);
	w.body = NULL;
	after = mallinfo2();
	assert_true(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + COUNT * 1024);
	for (unsigned i = 0; i < COUNT; i++) {
		client_close(&c[i]);
	}
	free(value);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_parked_request_is_answered_later),
		cmocka_unit_test(test_a_peer_that_goes_away_is_noticed),
		cmocka_unit_test(test_a_reply_to_a_dead_peer_fails),
		cmocka_unit_test(test_a_peer_that_dies_in_the_middle_of_a_reply),
		cmocka_unit_test(test_a_half_closed_peer_still_gets_the_rest),
		cmocka_unit_test(test_input_behind_a_parked_request_does_not_keep_the_loop_busy),
		cmocka_unit_test(test_kick_closes_what_came_by_one_listener),
		cmocka_unit_test(test_settle_serves_what_has_arrived),
		cmocka_unit_test(test_a_kick_inside_settle),
		cmocka_unit_test(test_quiesce),
		cmocka_unit_test(test_free_tells_the_parked),
		cmocka_unit_test(test_idle_connections_are_closed),
		cmocka_unit_test(test_a_reader_that_stops_is_idle),
		cmocka_unit_test(test_a_peer_that_never_closes_does_not_linger_for_ever),
		cmocka_unit_test(test_a_connection_at_rest_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
