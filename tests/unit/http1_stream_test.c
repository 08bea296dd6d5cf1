/* SPDX-License-Identifier: Apache-2.0 */
/* Request bodies that our own HTTP server passes on as they come. */
#include "http1_world.h"

struct taker {
	struct world w;
	struct httpd_req *req;
	struct buf got;
	unsigned pieces;
	unsigned ends;
	enum httpd_body state;
	char trailer_of[64];
	bool pause;		  /* after each piece */
	bool answer_at_end;	  /* of the body */
	const char *answer_piece; /* at the first piece that ends with it */
};

static void on_end(void *owner)
{
	struct taker *t = owner;
	const char *trailer = httpd_req_trailer(t->req, "T");

	t->ends++;
	t->state = httpd_req_body_state(t->req);
	snprintf(t->trailer_of, sizeof(t->trailer_of), "%s", trailer != NULL ? trailer : "");
	if (t->answer_at_end) {
		reply(t->req, 202, "taken");
	}
}

static void on_piece(void *owner, const char *data, size_t len)
{
	struct taker *t = owner;

	assert_true(len > 0);
	buf_append(&t->got, data, len);
	t->pieces++;
	if (t->pause) {
		httpd_req_pause(t->req, true);
	}
	if (t->answer_piece != NULL && strstr(t->got.data, t->answer_piece) != NULL) {
		reply(t->req, 413, "enough");
	}
}

static void on_gone(void *owner)
{
	struct taker *t = owner;

	t->w.gone++;
}

static const struct httpd_stream_ops taker_ops = { on_piece, on_end };

static bool wants_stream(void *ctx, const struct httpd_req *req)
{
	(void)ctx;
	return strncmp(httpd_req_path(req), "/take", 5) == 0 && httpd_req_header(req, "X-Stream") != NULL;
}

static void on_taker_request(void *ctx, struct httpd_req *req)
{
	struct taker *t = ctx;

	t->w.requests++;
	if (!httpd_req_is_stream(req)) {
		reply(req, 200, httpd_req_path(req));
	} else if (strcmp(httpd_req_path(req), "/take/no") == 0) {
		reply(req, 403, "no");
	} else {
		t->req = req;
		httpd_req_own(req, t, on_gone);
		httpd_req_stream(req, &taker_ops);
	}
}

static void taker_start(struct taker *t)
{
	const struct httpd_opts opts = {
		.max_head = MAX_HEAD,
		.max_body = 10, /* which is not for streams */
		.max_conns = 1000,
		.on_request = on_taker_request,
		.wants_stream = wants_stream,
		.ctx = t,
	};

	memset(t, 0, sizeof(*t));
	t->answer_at_end = true;
	t->w.loop = loop_new();
	assert_non_null(t->w.loop);
	t->w.server = httpd_http1_new(t->w.loop, &opts);
	t->w.listener = world_listen(&t->w);
}

static void taker_end(struct taker *t)
{
	world_end(&t->w);
	buf_fini(&t->got);
}

#define CHUNKED "POST /take HTTP/1.1\r\nX-Stream: 1\r\nTransfer-Encoding: chunked\r\n\r\n"

static void test_pieces_come_before_the_end(void **state)
{
	struct taker t;
	struct client c;

	(void)state;
	taker_start(&t);
	client_connect(&c, &t.w);
	client_send(&c, CHUNKED);
	UNTIL(&t.w, t.w.requests == 1);
	assert_int_equal(t.pieces, 0);
	client_send(&c, "5\r\nfirst\r\n");
	UNTIL(&t.w, t.pieces == 1);
	assert_string_equal(t.got.data, "first");
	assert_int_equal(t.ends, 0);
	assert_int_equal(httpd_busy(t.w.server), 1);
	client_send(&c, "6\r\nsecond\r\n0\r\nT: of it\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
	UNTIL(&t.w, t.w.requests == 2);
	assert_string_equal(t.got.data, "firstsecond");
	assert_int_equal(t.ends, 1);
	assert_int_equal(t.state, HTTPD_BODY_OK);
	assert_string_equal(t.trailer_of, "of it");
	UNTIL(&t.w, c.in.len > 0 && strstr(c.in.data, "/next") != NULL);
	assert_int_equal(strncmp(c.in.data, said("202 Accepted", "taken"), strlen(said("202 Accepted", "taken"))), 0);
	client_close(&c);
	taker_end(&t);
	assert_int_equal(t.w.gone, 0);
}

/* In one go with its head, and cut at every byte. */
static void test_every_cut(void **state)
{
	static const char *const texts[] = {
		CHUNKED "5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n",
		"POST /take HTTP/1.1\r\nX-Stream: 1\r\nContent-Length: 11\r\n\r\nfirstsecond",
	};
	struct taker t;
	struct client c;

	(void)state;
	taker_start(&t);
	client_connect(&c, &t.w);
	for (unsigned i = 0; i < 2; i++) {
		size_t len = strlen(texts[i]);

		for (size_t cut = 1; cut <= len; cut++) {
			buf_clear(&t.got);
			client_send_bytes(&c, texts[i], cut);
			(void)!loop_turn(t.w.loop, 0);
			client_send_bytes(&c, texts[i] + cut, len - cut);
			expect_bytes(&c, said("202 Accepted", "taken"));
			assert_string_equal(t.got.data, "firstsecond");
		}
	}
	client_close(&c);
	taker_end(&t);
}

static void test_others_are_kept_as_before(void **state)
{
	struct taker t;
	struct client c;

	(void)state;
	taker_start(&t);
	client_connect(&c, &t.w);
	client_send(&c, "POST /take HTTP/1.1\r\nContent-Length: 2\r\n\r\nab");
	expect_bytes(&c, said("200 OK", "/take"));
	client_send(&c, "POST /take HTTP/1.1\r\nX-Stream: 1\r\nContent-Length: 0\r\n\r\n");
	expect_bytes(&c, said("200 OK", "/take"));
	assert_int_equal(t.pieces, 0);
	client_close(&c);
	taker_end(&t);
}

static void test_a_truncated_body_is_told(void **state)
{
	static const char *const texts[] = {
		CHUNKED "5\r\nfir",
		CHUNKED "5\r\nfirst\r\n",
		CHUNKED "3\r\nfirst\r\n",
		"POST /take HTTP/1.1\r\nX-Stream: 1\r\nContent-Length: 11\r\n\r\nfir",
	};

	(void)state;
	for (unsigned i = 0; i < countof(texts); i++) {
		struct taker t;
		struct client c;

		taker_start(&t);
		client_connect(&c, &t.w);
		client_send(&c, texts[i]);
		client_finish(&c);
		expect_last(&c, said_last("202 Accepted", "taken"));
		assert_int_equal(t.state, HTTPD_BODY_TRUNCATED);
		assert_int_equal(t.ends, 1);
		assert_memory_equal(t.got.data, "fir", 3);
		client_close(&c);
		taker_end(&t);
		assert_int_equal(t.w.gone, 0);
	}
}

static void test_a_reset_peer_is_gone(void **state)
{
	struct taker t;
	struct client c;

	(void)state;
	taker_start(&t);
	client_connect(&c, &t.w);
	client_send(&c, CHUNKED "5\r\nfirst\r\n");
	UNTIL(&t.w, t.pieces == 1);
	client_abort(&c);
	UNTIL(&t.w, t.w.gone == 1);
	assert_int_equal(t.ends, 0);
	taker_end(&t);
}

/* What one does not take stays in the sockets, and the peer has to wait. */
static void test_a_pause_holds_the_peer_up(void **state)
{
	struct taker t;
	struct client c;
	char *data = noise(BIG_LEN);
	char head[128];

	(void)state;
	taker_start(&t);
	client_connect(&c, &t.w);
	t.pause = true;
	snprintf(head, sizeof(head), "POST /take HTTP/1.1\r\nX-Stream: 1\r\nContent-Length: %d\r\n\r\n", BIG_LEN);
	client_send(&c, head);
	client_send_bytes(&c, data, BIG_LEN);
	UNTIL(&t.w, t.pieces == 1);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(loop_turn(t.w.loop, 0), 0);
	}
	assert_int_equal(t.pieces, 1);
	assert_true(c.out.len > 0);
	t.pause = false;
	httpd_req_pause(t.req, false);
	expect_bytes(&c, said("202 Accepted", "taken"));
	assert_int_equal(t.got.len, BIG_LEN);
	assert_memory_equal(t.got.data, data, BIG_LEN);
	free(data);
	client_close(&c);
	taker_end(&t);
}

/* A peer that has gone meanwhile is noticed behind what it sent; settling does not wait for the end of the pause. */
static void test_an_end_behind_a_pause(void **state)
{
	(void)state;
	for (unsigned settle = 0; settle < 2; settle++) {
		struct taker t;
		struct client c;

		taker_start(&t);
		client_connect(&c, &t.w);
		client_send(&c, CHUNKED);
		UNTIL(&t.w, t.w.requests == 1);
		httpd_req_pause(t.req, true);
		client_send(&c, "5\r\nfirst\r\n");
		client_finish(&c);
		for (unsigned i = 0; i < 100; i++) {
			assert_int_equal(loop_turn(t.w.loop, 0), 0);
		}
		assert_int_equal(t.pieces + t.ends, 0);
		if (settle) {
			httpd_listener_settle(t.w.listener);
		} else {
			httpd_req_pause(t.req, false);
			UNTIL(&t.w, t.ends == 1);
		}
		assert_string_equal(t.got.data, "first");
		assert_int_equal(t.state, HTTPD_BODY_TRUNCATED);
		client_close(&c);
		taker_end(&t);
	}
}

static void test_a_reply_before_the_end_closes(void **state)
{
	struct taker t;
	struct client c;

	(void)state;
	taker_start(&t);
	client_connect(&c, &t.w);
	t.answer_piece = "rst";
	client_send(&c, CHUNKED "5\r\nfirst\r\n6\r\nsecond\r\n");
	expect_last(&c, said_last("413 Content Too Large", "enough"));
	assert_string_equal(t.got.data, "first");
	client_close(&c);
	client_connect(&c, &t.w);
	client_send(&c, "POST /take/no HTTP/1.1\r\nX-Stream: 1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	expect_last(&c, said_last("403 Forbidden", "no"));
	client_close(&c);
	taker_end(&t);
	assert_int_equal(t.w.gone + t.ends, 0);
}

static void test_continue_is_sent(void **state)
{
	struct taker t;
	struct client c;

	(void)state;
	taker_start(&t);
	client_connect(&c, &t.w);
	client_send(&c, "POST /take HTTP/1.1\r\nX-Stream: 1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	expect_bytes(&c, "HTTP/1.1 100 Continue\r\n\r\n");
	client_send(&c, "first");
	expect_bytes(&c, said("202 Accepted", "taken"));
	client_close(&c);
	taker_end(&t);
}

static void test_a_kick_tells_the_owner(void **state)
{
	struct taker t;
	struct client c;

	(void)state;
	taker_start(&t);
	client_connect(&c, &t.w);
	client_send(&c, CHUNKED);
	UNTIL(&t.w, t.w.requests == 1);
	httpd_listener_kick(t.w.listener);
	assert_int_equal(t.w.gone, 1);
	client_close(&c);
	taker_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_come_before_the_end),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_others_are_kept_as_before),
		cmocka_unit_test(test_a_truncated_body_is_told),
		cmocka_unit_test(test_a_reset_peer_is_gone),
		cmocka_unit_test(test_a_pause_holds_the_peer_up),
		cmocka_unit_test(test_an_end_behind_a_pause),
		cmocka_unit_test(test_a_reply_before_the_end_closes),
		cmocka_unit_test(test_continue_is_sent),
		cmocka_unit_test(test_a_kick_tells_the_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
