/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that go out as they are made, on the server on libmicrohttpd. */
#include "peer.h"

struct source {
	struct loop *loop;
	struct httpd *server;
	struct app app; /* its port only */
	struct httpd_req *req;
	bool at_once; /* begin within on_request */
	size_t sent;
	size_t total; /* written on demand */
	size_t most;  /* that ever waited */
	unsigned asked;
	unsigned gone;
	bool cut;
};

static struct source src; /* too large for a stack */

static void write_some(struct source *s)
{
	char text[8192];
	size_t n = s->total - s->sent < sizeof(text) ? s->total - s->sent : sizeof(text);
	size_t waits;

	for (size_t i = 0; i < n; i++) {
		text[i] = (char)('a' + (s->sent + i) % 23);
	}
	s->sent += n;
	waits = httpd_reply_write(s->req, text, n);
	s->most = waits > s->most ? waits : s->most;
}

static void on_writable(void *owner)
{
	struct source *s = owner;
	struct httpd_req *req = s->req;

	s->asked++;
	if (s->total == 0) {
		return; /* the test writes */
	}
	if (s->sent < s->total) {
		write_some(s);
	} else if (req != NULL) {
		s->req = NULL;
		if (s->cut) {
			httpd_reply_abort(req);
		} else {
			httpd_reply_end(req);
		}
	}
}

static void on_gone(void *owner)
{
	struct source *s = owner;

	s->req = NULL;
	s->gone++;
}

static void begin(struct source *s)
{
	const struct httpd_header headers[] = { { "Content-Type", "text/x" }, { "X-Left-Out", NULL } };

	httpd_reply_begin(s->req, 200, headers, countof(headers), on_writable);
}

static void on_request(void *ctx, struct httpd_req *req)
{
	struct source *s = ctx;

	s->req = req;
	httpd_req_own(req, s, on_gone);
	if (s->at_once) {
		begin(s);
	}
}

static void source_start(struct source *s, struct peer *p, size_t total)
{
	const struct httpd_opts o = {
		.max_head = 32 * 1024, .max_body = 1000, .max_conns = 10, .on_request = on_request, .ctx = s
	};
	struct httpd_listener *l;
	struct err err;

	memset(s, 0, sizeof(*s));
	s->total = total;
	s->at_once = true;
	s->loop = loop_new();
	s->server = httpd_mhd_new(s->loop, &o);
	assert_non_null(s->server);
	l = httpd_listen(s->server, "127.0.0.1", 0, NULL, &err);
	assert_non_null(l);
	s->app.loop = s->loop;
	s->app.port = httpd_listener_port(l);
	peer_open(p, &s->app);
	peer_ask(p, "POST", "/", "event");
}

static void source_end(struct source *s, struct peer *p)
{
	peer_close(p);
	httpd_free(s->server);
	loop_free(s->loop);
}

/* The bytes of a chunked body in place of it. false: the last chunk is not there. */
static bool unchunk(const struct peer *p, struct buf *out)
{
	const char *at = p->in.data != NULL ? strstr(p->in.data, "\r\n\r\n") : NULL;

	for (at = at != NULL ? at + 4 : NULL; at != NULL && at < p->in.data + p->in.len;) {
		char *data;
		size_t n = strtoul(at, &data, 16);

		if (n == 0) {
			return true;
		}
		buf_append(out, data + 2, n);
		at = data + 2 + n + 2;
	}
	return false;
}

static bool has(const struct peer *p, const char *text)
{
	return p->in.data != NULL && strstr(p->in.data, text) != NULL;
}

static void test_pieces_go_out_as_they_are_written(void **state)
{
	struct peer p;

	(void)state;
	for (unsigned at_once = 0; at_once < 2; at_once++) {
		struct httpd_req *req;

		source_start(&src, &p, 0);
		src.at_once = at_once;
		TURN_UNTIL(src.loop, src.req != NULL);
		if (!at_once) {
			begin(&src);
		}
		TURN_UNTIL(src.loop, src.asked > 0);
		assert_int_equal(httpd_busy(src.server), 1);
		(void)httpd_reply_write(src.req, "first", 5);
		TURN_UNTIL(src.loop, has(&p, "first\r\n"));
		assert_true(has(&p, "Content-Type: text/x\r\n"));
		assert_false(has(&p, "X-Left-Out"));
		(void)httpd_reply_write(src.req, "second", 6);
		TURN_UNTIL(src.loop, has(&p, "second\r\n"));
		req = src.req;
		(void)httpd_reply_write(req, "third", 5);
		httpd_reply_end(req);
		TURN_UNTIL(src.loop, has(&p, "third\r\n0\r\n\r\n"));
		assert_false(p.ended);
		/* The connection goes on. */
		buf_clear(&p.in);
		src.req = NULL;
		peer_ask(&p, "POST", "/", "again");
		TURN_UNTIL(src.loop, src.req != NULL);
		source_end(&src, &p);
		assert_int_equal(src.gone, 1);
	}
}

static void test_much_on_demand(void **state)
{
	size_t total = 20 << 20;
	struct buf body = BUF_INIT;
	struct peer p;

	(void)state;
	source_start(&src, &p, total);
	TURN_UNTIL(src.loop, p.in.len > total && memcmp(p.in.data + p.in.len - 7, "\r\n0\r\n\r\n", 7) == 0);
	assert_true(unchunk(&p, &body));
	assert_int_equal(body.len, total);
	for (size_t i = 0; i < total; i++) {
		if (body.data[i] != (char)('a' + i % 23)) {
			fail_msg("byte %zu", i);
		}
	}
	assert_true(src.most <= 8192);
	buf_fini(&body);
	source_end(&src, &p);
	assert_int_equal(src.gone, 0);
}

/* A peer that does not read stops the demand, and what is written all the same waits. */
static void test_a_slow_reader(void **state)
{
	size_t total = 64 << 20;
	size_t before;
	struct peer p;

	(void)state;
	source_start(&src, &p, total);
	loop_fd_mod(src.loop, &p.source, 0);
	do {
		before = src.sent;
		for (unsigned i = 0; i < 200; i++) {
			assert_int_equal(loop_turn(src.loop, 1000), 0);
		}
	} while (src.sent > before);
	assert_true(src.sent < total);
	before = httpd_reply_write(src.req, "0123456789", 10);
	assert_true(before >= 10 && before <= 8192 + 10);
	loop_fd_mod(src.loop, &p.source, EPOLLIN);
	TURN_UNTIL(src.loop, src.sent == total);
	source_end(&src, &p);
}

static void test_abort_closes_without_a_last_chunk(void **state)
{
	struct buf body = BUF_INIT;
	struct peer p;

	(void)state;
	source_start(&src, &p, 100000);
	src.cut = true;
	TURN_UNTIL(src.loop, p.ended);
	assert_false(unchunk(&p, &body));
	assert_int_equal(body.len, 100000);
	buf_fini(&body);
	source_end(&src, &p);
	assert_int_equal(src.gone, 0);
}

static void test_a_peer_that_hangs_up(void **state)
{
	struct peer p;

	(void)state;
	/* While nothing is to be sent, and while much is. */
	for (unsigned much = 0; much < 2; much++) {
		source_start(&src, &p, much ? 64 << 20 : 0);
		TURN_UNTIL(src.loop, src.asked > (much ? 3 : 0));
		loop_fd_del(src.loop, &p.source);
		close(p.fd);
		TURN_UNTIL(src.loop, src.gone == 1);
		p.fd = -1;
		TURN_UNTIL(src.loop, httpd_busy(src.server) == 0);
		source_end(&src, &p);
	}
}

static void test_free_tells_the_owner(void **state)
{
	struct peer p;

	(void)state;
	source_start(&src, &p, 0);
	TURN_UNTIL(src.loop, src.asked > 0);
	source_end(&src, &p);
	assert_int_equal(src.gone, 1);
}

static void test_quiesce_closes_behind_it(void **state)
{
	struct httpd_req *req;
	struct peer p;

	(void)state;
	source_start(&src, &p, 0);
	TURN_UNTIL(src.loop, src.asked > 0);
	httpd_quiesce(src.server);
	req = src.req;
	(void)httpd_reply_write(req, "last", 4);
	httpd_reply_end(req);
	TURN_UNTIL(src.loop, p.ended);
	assert_true(has(&p, "last\r\n0\r\n\r\n"));
	source_end(&src, &p);
}

static void test_http_1_0_ends_with_the_connection(void **state)
{
	struct peer p;
	struct httpd_req *req;

	(void)state;
	source_start(&src, &p, 0);
	TURN_UNTIL(src.loop, src.req != NULL);
	httpd_reply_end(src.req);
	TURN_UNTIL(src.loop, has(&p, "0\r\n\r\n"));
	peer_close(&p);
	peer_open(&p, &src.app);
	src.req = NULL;
	peer_send(&p, "GET / HTTP/1.0\r\n\r\n");
	TURN_UNTIL(src.loop, src.req != NULL);
	req = src.req;
	(void)httpd_reply_write(req, "plain", 5);
	httpd_reply_end(req);
	TURN_UNTIL(src.loop, p.ended);
	assert_true(has(&p, "\r\n\r\nplain"));
	source_end(&src, &p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_go_out_as_they_are_written),
		cmocka_unit_test(test_much_on_demand),
		cmocka_unit_test(test_a_slow_reader),
		cmocka_unit_test(test_abort_closes_without_a_last_chunk),
		cmocka_unit_test(test_a_peer_that_hangs_up),
		cmocka_unit_test(test_free_tells_the_owner),
		cmocka_unit_test(test_quiesce_closes_behind_it),
		cmocka_unit_test(test_http_1_0_ends_with_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
