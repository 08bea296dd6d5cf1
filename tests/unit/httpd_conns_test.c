/* SPDX-License-Identifier: Apache-2.0 */
/* What io/httpd.h promises of listeners and connections, asked of both servers. */
#include "peer.h"

#include <sys/resource.h>

#include "base/attr.h"

static struct app app; /* too large for a stack */

static void test_many_parked_answered_in_odd_order(void **state)
{
	static struct peer many[1000];

	app_start(&app, backend_of(state), NULL);
	for (size_t i = 0; i < countof(many); i++) {
		peer_open(&many[i], &app);
		peer_ask(&many[i], "POST", "/park", "x");
		/* One by one: the numbers are to be those of the peers. */
		TURN_UNTIL(app.loop, app.count == i + 1);
	}
	for (size_t i = 0; i < 100; i++) {
		peer_close(&many[i * 10]);
	}
	TURN_UNTIL(app.loop, app.gone == 100);
	for (size_t i = 0; i < countof(many); i++) {
		size_t k = i * 7 % countof(many);
		char expected[32];

		if (many[k].fd < 0) {
			continue;
		}
		app_answer(&app, (unsigned)k);
		assert_int_equal(peer_reply(&many[k]), 200);
		snprintf(expected, sizeof(expected), "answer %zu", k);
		assert_string_equal(many[k].body, expected);
		peer_close(&many[k]);
	}
	TURN_UNTIL(app.loop, httpd_busy(app.server) == 0);
	assert_int_equal(app.gone, 100);
	app_stop(&app);
}

static void test_kick_is_for_one_listener(void **state)
{
	struct err err = ERR_INIT;
	struct httpd_listener *second;
	struct peer parked, idle, other;
	uint16_t port;

	app_start(&app, backend_of(state), NULL);
	second = httpd_listen(app.server, "127.0.0.1", 0, (void *)(uintptr_t) "second", &err);
	assert_non_null(second);
	peer_open(&parked, &app);
	peer_open(&idle, &app);
	peer_ask(&parked, "POST", "/park", "x");
	peer_ask(&idle, "POST", "/echo", "x");
	assert_int_equal(peer_reply(&idle), 200);
	port = app.port;
	app.port = httpd_listener_port(second);
	peer_open(&other, &app);
	app.port = port;
	peer_ask(&other, "GET", "/status", "");
	assert_int_equal(peer_reply(&other), 200);
	assert_non_null(strstr(other.body, "tag=second\n"));
	TURN_UNTIL(app.loop, app.count == 1);
	peer_ask(&other, "POST", "/park", "x");
	TURN_UNTIL(app.loop, app.count == 2);
	httpd_listener_kick(app.listener);
	assert_int_equal(app.gone, 1);
	assert_null(app.parked[0].req);
	TURN_UNTIL(app.loop, parked.ended && idle.ended);
	app_answer(&app, 1);
	assert_int_equal(peer_reply(&other), 200);
	peer_close(&idle);
	peer_open(&idle, &app); /* goes on listening */
	peer_ask(&idle, "POST", "/echo", "again");
	assert_int_equal(peer_reply(&idle), 200);
	peer_close(&parked);
	peer_close(&idle);
	peer_close(&other);
	app_stop(&app);
}

static void test_settle_reads_what_was_sent(void **state)
{
	struct peer known, fresh;

	app_start(&app, backend_of(state), NULL);
	peer_open(&known, &app);
	peer_ask(&known, "POST", "/echo", "x");
	assert_int_equal(peer_reply(&known), 200);
	peer_open(&fresh, &app);
	peer_ask(&known, "POST", "/park", "x");
	peer_ask(&fresh, "POST", "/park", "x");
	httpd_listener_settle(app.listener); /* and no turn */
	assert_int_equal(app.count, 2);
	app_answer(&app, 0);
	app_answer(&app, 1);
	assert_int_equal(peer_reply(&known), 200);
	assert_int_equal(peer_reply(&fresh), 200);
	peer_close(&known);
	peer_close(&fresh);
	app_stop(&app);
}

static void test_quiesce_drains(void **state)
{
	struct peer idle, parked;
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd;

	app_start(&app, backend_of(state), NULL);
	peer_open(&idle, &app);
	peer_ask(&idle, "POST", "/echo", "x");
	assert_int_equal(peer_reply(&idle), 200);
	peer_open(&parked, &app);
	peer_ask(&parked, "POST", "/park", "x");
	TURN_UNTIL(app.loop, app.count == 1);
	httpd_quiesce(app.server);
	TURN_UNTIL(app.loop, idle.ended);
	assert_int_equal(httpd_busy(app.server), 1);
	to.sin_port = htons(app.port);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	close(fd);
	app_answer(&app, 0);
	assert_int_equal(peer_reply(&parked), 200);
	assert_memory_equal(peer_header(&parked, "Connection"), "close\r", 6);
	TURN_UNTIL(app.loop, parked.ended);
	assert_int_equal(httpd_busy(app.server), 0);
	assert_int_equal(app.gone, 0);
	peer_close(&idle);
	peer_close(&parked);
	app_stop(&app);
}

static void test_free_ends_everything(void **state)
{
	struct peer parked[5], unread, idle;

	app_start(&app, backend_of(state), NULL);
	peer_open(&idle, &app);
	peer_open(&unread, &app);
	peer_ask(&unread, "POST", "/echo", "x");
	assert_int_equal(peer_reply(&unread), 200);
	for (unsigned i = 0; i < countof(parked); i++) {
		peer_open(&parked[i], &app);
		peer_ask(&parked[i], "POST", "/park", "x");
	}
	TURN_UNTIL(app.loop, app.count == countof(parked));
	/* Lies in the socket when the server goes: it must not be served any more. */
	peer_ask(&unread, "POST", "/park", "x");
	httpd_free(app.server);
	assert_int_equal(app.gone, countof(parked));
	assert_int_equal(app.count, countof(parked));
	TURN_UNTIL(app.loop, unread.ended && idle.ended && parked[0].ended && parked[4].ended);
	for (unsigned i = 0; i < countof(parked); i++) {
		peer_close(&parked[i]);
	}
	peer_close(&unread);
	peer_close(&idle);
	loop_free(app.loop);
}

static void test_connections_beyond_the_limit_wait(void **state)
{
	const struct httpd_opts opts = { .max_head = 32 * 1024, .max_body = 1000, .max_conns = 2 };
	struct peer p[4];

	app_start(&app, backend_of(state), &opts);
	for (unsigned i = 0; i < countof(p); i++) {
		peer_open(&p[i], &app);
		peer_ask(&p[i], "POST", "/park", "x");
	}
	TURN_UNTIL(app.loop, app.count == 2);
	assert_int_equal(loop_turn(app.loop, 0), 0);
	assert_int_equal(app.count, 2);
	app_answer(&app, 0);
	assert_int_equal(peer_reply(&p[0]), 200);
	peer_close(&p[0]);
	TURN_UNTIL(app.loop, app.count == 3);
	peer_close(&p[1]);
	TURN_UNTIL(app.loop, app.count == 4);
	assert_int_equal(app.gone, 1);
	for (unsigned i = 2; i < countof(p); i++) {
		app_answer(&app, i);
		assert_int_equal(peer_reply(&p[i]), 200);
		peer_close(&p[i]);
	}
	app_stop(&app);
}

static void test_running_out_of_descriptors(void **state)
{
	struct rlimit before, tight;
	struct peer p;

	app_start(&app, backend_of(state), NULL);
	peer_open(&p, &app);
	peer_ask(&p, "POST", "/echo", "x");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = before;
	tight.rlim_cur = (rlim_t)p.fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	assert_int_equal(loop_turn(app.loop, PATIENCE_US), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(app.requests, 0);
	assert_int_equal(peer_reply(&p), 200); /* by the timer: there is no other connection whose end would tell */
	peer_close(&p);
	app_stop(&app);
}

static void test_rest_costs_no_turns(void **state)
{
	struct peer parked, idle, half;
	int64_t end_us;
	unsigned turns = 0;

	app_start(&app, backend_of(state), NULL);
	peer_open(&parked, &app);
	peer_open(&idle, &app);
	peer_open(&half, &app);
	peer_ask(&parked, "POST", "/park", "x");
	peer_send(&parked, "GET /ahead HTTP/1.1\r\nHost: t\r\n\r\n");
	peer_ask(&idle, "POST", "/echo", "x");
	peer_send(&half, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n1");
	assert_int_equal(peer_reply(&idle), 200);
	TURN_UNTIL(app.loop, app.count == 1 && httpd_busy(app.server) == 2);
	/* Measures that nothing happens, so it has to take a while. */
	for (end_us = clock_mono_us() + 200 * 1000; clock_mono_us() < end_us; turns++) {
		assert_int_equal(loop_turn(app.loop, 200 * 1000), 0);
	}
	assert_true(turns <= 6);
	peer_close(&parked);
	peer_close(&idle);
	peer_close(&half);
	TURN_UNTIL(app.loop, httpd_busy(app.server) == 0);
	app_stop(&app);
}

/* Its last bytes and its end come in one go. With room for one connection the next is served when that one is gone. */
static void test_a_request_cut_short_goes_with_its_connection(void **state)
{
	static const struct httpd_opts opts = { .max_head = 32 * 1024, .max_body = 100000, .max_conns = 1 };
	static const struct {
		const char *first;
		const char *last;
		size_t filler; /* behind it */
	} rows[] = {
		{ "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99\r\n\r\nabc", "def", 0 },
		{ "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99\r\n\r\n", "abcdef", 0 },
		{ "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99999\r\n\r\nabc", "", 20000 },
		{ "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 99999\r\n\r\n", "", 90000 },
		{ "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "ffff\r\n",
		  40000 },
		{ "POST /echo HTTP/1.1\r\nHost: t\r\n", "Content-Length: 3\r\n", 0 },
		{ "POST /echo HTTP/1.1\r\nHost: t\r\n", "X-Long: ", 18000 },
		{ "", "POST /ec", 0 },
	};
	struct buf last = BUF_INIT;

	app_start(&app, backend_of(state), &opts);
	for (size_t i = 0; i < countof(rows); i++) {
		struct peer cut, next;

		peer_open(&cut, &app);
		peer_send(&cut, rows[i].first);
		for (unsigned turn = 0; turn < 10; turn++) {
			assert_int_equal(loop_turn(app.loop, 0), 0);
		}
		buf_clear(&last);
		buf_puts(&last, rows[i].last);
		for (size_t n = 0; n < rows[i].filler; n++) {
			buf_putc(&last, 'x');
		}
		peer_send_bytes(&cut, last.data, last.len);
		peer_close(&cut);
		peer_open(&next, &app);
		peer_ask(&next, "POST", "/echo", "x");
		assert_int_equal(peer_reply(&next), 200);
		peer_close(&next);
	}
	buf_fini(&last);
	app_stop(&app);
}

static void test_listen_errors_are_readable(void **state)
{
	struct err err = ERR_INIT;
	struct httpd_listener *named;
	char expected[80];

	app_start(&app, backend_of(state), NULL);
	assert_null(httpd_listen(app.server, "127.0.0.1", app.port, NULL, &err));
	snprintf(expected, sizeof(expected), "listen on 127.0.0.1:%u: Address already in use", app.port);
	assert_string_equal(err.msg, expected);
	assert_int_equal(err.code, 1);
	assert_null(httpd_listen(app.server, "192.0.2.1", 0, NULL, &err));
	assert_string_equal(err.msg, "listen on 192.0.2.1:0: Cannot assign requested address");
	assert_null(httpd_listen(app.server, "no..where", 80, NULL, &err));
	assert_memory_equal(err.msg, "listen on no..where:80: ", 24);
	named = httpd_listen(app.server, "localhost", 0, NULL, &err);
	assert_non_null(named);
	assert_int_not_equal(httpd_listener_port(named), 0);
	app_stop(&app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(test_many_parked_answered_in_odd_order),
		ON_BOTH(test_kick_is_for_one_listener),
		ON_BOTH(test_settle_reads_what_was_sent),
		ON_BOTH(test_quiesce_drains),
		ON_BOTH(test_free_ends_everything),
		ON_BOTH(test_connections_beyond_the_limit_wait),
		ON_BOTH(test_running_out_of_descriptors),
		ON_BOTH(test_rest_costs_no_turns),
		ON_BOTH(test_a_request_cut_short_goes_with_its_connection),
		ON_BOTH(test_listen_errors_are_readable),
	};

	return cmocka_run_group_tests(tests, allow_many_descriptors, NULL);
}
