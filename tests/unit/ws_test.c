/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket: the handshake's texts, and connections over a socket pair whose other end is written byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/sock.h"
#include "io/ws.h"
#include "io/ws_handshake.h"
#include "loop/loop.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455, section 1.3 */
#define HEAD(accept) "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n" accept "\r\n"

static void test_accept(void **state)
{
	char out[WS_ACCEPT_LEN];
	char key[WS_KEY_LEN];
	char other[WS_KEY_LEN];

	(void)state;
	ws_accept_of(KEY, out);
	assert_string_equal(out, ACCEPT);
	ws_new_key(key);
	ws_new_key(other);
	assert_int_equal(strlen(key), WS_KEY_LEN - 1);
	assert_string_not_equal(key, other);
}

static void test_answers(void **state)
{
	static const char good[] = HEAD("Sec-WebSocket-Accept:  " ACCEPT " \r\n");
	static const struct {
		const char *text;
		enum ws_answer answer;
	} rows[] = {
		{ HEAD("sec-websocket-accept: " ACCEPT "\r\n"), WS_ANSWER_OK },
		{ HEAD("Sec-WebSocket-Accept: " ACCEPT "x\r\n"), WS_ANSWER_BAD },
		{ HEAD("Sec-WebSocket-Accept: \r\n"), WS_ANSWER_BAD },
		{ HEAD(""), WS_ANSWER_BAD },
		{ HEAD("Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
		  WS_ANSWER_BAD },
		{ "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n", WS_ANSWER_BAD },
		{ "HTTP/1.1 404 Not Found\r\n\r\n", WS_ANSWER_REFUSED },
		{ "HTTP/1.1 2\r\n\r\n", WS_ANSWER_BAD },
		{ "HTTP/1.1 \r\n\r\n", WS_ANSWER_BAD },
		{ "SSH-2.0-OpenSSH\r\n", WS_ANSWER_BAD },
		{ "", WS_ANSWER_MORE },
	};
	size_t head_len = 0;
	int status = 0;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(ws_read_answer(rows[i].text, strlen(rows[i].text), KEY, &head_len, &status),
				 rows[i].answer);
	}
	for (size_t len = 0; len < sizeof(good) - 1; len++) {
		assert_int_equal(ws_read_answer(good, len, KEY, &head_len, &status), WS_ANSWER_MORE);
	}
	assert_int_equal(ws_read_answer(good, sizeof(good) - 1, KEY, &head_len, &status), WS_ANSWER_OK);
	assert_int_equal(head_len, sizeof(good) - 1);
}

/* --- connections --- */

struct world {
	struct loop *loop;
	struct ws *ws;
	int peer;
	struct buf data;
	unsigned messages;
	unsigned closed;
	unsigned code;
	bool spaced;
	bool binary;
};

static void on_piece(void *ctx, const struct ws_piece *piece)
{
	struct world *w = ctx;

	w->binary = piece->binary;
	buf_append(&w->data, piece->data, piece->len);
	w->messages += piece->last;
}

static void on_space(void *ctx)
{
	struct world *w = ctx;

	w->spaced = true;
}

static void on_closed(void *ctx, unsigned code, const char *reason)
{
	struct world *w = ctx;

	(void)reason;
	w->closed++;
	w->code = code;
	w->ws = NULL;
}

static const struct ws_ops ops = { .on_piece = on_piece, .on_space = on_space, .on_closed = on_closed };

static void open_world(struct world *w, struct buf *ahead)
{
	int ends[2];

	memset(w, 0, sizeof(*w));
	w->loop = loop_new();
	assert_non_null(w->loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	w->peer = ends[1];
	w->ws = ws_new(w->loop, ends[0], WS_SERVER, ahead, &ops, w);
	assert_non_null(w->ws);
}

static void turn(struct world *w)
{
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(loop_turn(w->loop, 0), 0);
	}
}

static void close_world(struct world *w)
{
	if (w->peer >= 0) {
		close(w->peer);
	}
	turn(w);
	assert_null(w->ws);
	buf_fini(&w->data);
	loop_free(w->loop);
}

static void say(struct world *w, const char *bytes, size_t len)
{
	assert_int_equal(send(w->peer, bytes, len, MSG_NOSIGNAL), len);
	turn(w);
}

#define SAY(w, text) say(w, text, sizeof(text) - 1)
/* A mask of zeros leaves the text readable. */
#define NO_MASK "\0\0\0\0"

static size_t heard(struct world *w, char *out, size_t size)
{
	ssize_t n = recv(w->peer, out, size, MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

static void test_messages(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, NULL);
	SAY(&w, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"); /* RFC 6455, section 5.7 */
	assert_int_equal(w.messages, 1);
	assert_string_equal(w.data.data, "Hello");
	assert_false(w.binary);
	buf_clear(&w.data);
	/* Fragments with a ping between them. */
	SAY(&w, "\x01\x83" NO_MASK "Hel");
	SAY(&w, "\x89\x81" NO_MASK "p");
	SAY(&w, "\x80\x82" NO_MASK "lo");
	assert_int_equal(w.messages, 2);
	assert_string_equal(w.data.data, "Hello");
	SAY(&w, "\x82\x80" NO_MASK);
	assert_int_equal(w.messages, 3);
	assert_true(w.binary);
	close_world(&w);
	assert_int_equal(w.code, WS_ABNORMAL);
}

static void test_answers_pings_and_closes(void **state)
{
	struct world w;
	char out[64];

	(void)state;
	open_world(&w, NULL);
	SAY(&w, "\x89\x82" NO_MASK "hi");
	assert_int_equal(heard(&w, out, sizeof(out)), 4);
	assert_memory_equal(out, "\x8a\x02hi", 4);
	SAY(&w, "\x88\x85" NO_MASK "\x03\xe8"
		"bye");
	assert_int_equal(w.closed, 1);
	assert_int_equal(w.code, WS_NORMAL);
	assert_int_equal(heard(&w, out, sizeof(out)), 7);
	assert_memory_equal(out,
			    "\x88\x05\x03\xe8"
			    "bye",
			    7);
	close_world(&w);
	assert_int_equal(w.closed, 1);
}

static void test_broken_protocol_is_closed(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		unsigned code;
	} rows[] = {
		{ "\x81\x05Hello", 7, WS_PROTOCOL_ERROR },	      /* not masked */
		{ "\xc1\x80\0\0\0\0", 6, WS_PROTOCOL_ERROR },	      /* a reserved bit */
		{ "\x83\x80\0\0\0\0", 6, WS_PROTOCOL_ERROR },	      /* a reserved opcode */
		{ "\x80\x80\0\0\0\0", 6, WS_PROTOCOL_ERROR },	      /* goes on with nothing */
		{ "\x81\x82\0\0\0\0\xc3\x28", 8, WS_BAD_DATA },	      /* no UTF-8 */
		{ "\x81\x81\0\0\0\0\xc3", 7, WS_BAD_DATA },	      /* cut UTF-8 */
		{ "\x88\x82\0\0\0\0\x03\xec", 8, WS_PROTOCOL_ERROR }, /* 1004 */
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct world w;
		char out[64];

		open_world(&w, NULL);
		say(&w, rows[i].bytes, rows[i].len);
		assert_int_equal(w.closed, 1);
		assert_int_equal(w.code, rows[i].code);
		assert_int_equal(w.messages, 0);
		assert_true(heard(&w, out, sizeof(out)) >= 4);
		assert_memory_equal(out, "\x88\x02", 2);
		close_world(&w);
	}
}

static void test_input_that_came_with_the_handshake(void **state)
{
	struct buf ahead = BUF_INIT;
	struct world w;

	(void)state;
	buf_append(&ahead, "\x81\x82" NO_MASK "ab\x81\x82" NO_MASK "cd", 16);
	open_world(&w, &ahead);
	assert_int_equal(w.messages, 0);
	turn(&w);
	assert_int_equal(w.messages, 2);
	assert_string_equal(w.data.data, "abcd");
	close_world(&w);
}

static void test_pause(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, NULL);
	ws_pause(w.ws, true);
	SAY(&w, "\x81\x81" NO_MASK "x");
	assert_int_equal(w.messages, 0);
	ws_pause(w.ws, false);
	turn(&w);
	assert_int_equal(w.messages, 1);
	close_world(&w);
}

static void test_queue_tells_when_it_has_space(void **state)
{
	static char block[128 * 1024];
	struct ws_piece piece = { .binary = true, .first = true, .last = true, .data = block, .len = sizeof(block) };
	struct world w;
	char *sink = malloc(1 << 20);
	size_t got = 0;
	size_t sent = 0;

	(void)state;
	assert_non_null(sink);
	open_world(&w, NULL);
	while (ws_queued(w.ws) <= SOCK_HIGH) {
		ws_send(w.ws, &piece);
		sent += sizeof(block) + 10; /* header with a length of 8 bytes */
	}
	assert_false(w.spaced);
	while (got < sent) {
		got += heard(&w, sink, 1 << 20);
		turn(&w);
	}
	assert_true(w.spaced);
	assert_int_equal(got, sent);
	assert_int_equal(ws_queued(w.ws), 0);
	free(sink);
	close_world(&w);
}

/* The peer may take everything between two sends of ours: then no event of the socket tells of the space. */
static void test_space_that_a_send_found(void **state)
{
	static char block[128 * 1024];
	struct ws_piece piece = { .binary = true, .first = true, .last = true, .data = block, .len = sizeof(block) };
	struct world w;
	char *sink = malloc(1 << 20);

	(void)state;
	assert_non_null(sink);
	open_world(&w, NULL);
	while (ws_queued(w.ws) <= SOCK_HIGH) {
		ws_send(w.ws, &piece);
	}
	piece.len = 0;
	while (ws_queued(w.ws) > 0) {
		while (heard(&w, sink, 1 << 20) > 0) {
		}
		ws_send(w.ws, &piece);
	}
	assert_false(w.spaced);
	while (heard(&w, sink, 1 << 20) > 0) {
	}
	turn(&w);
	assert_true(w.spaced);
	free(sink);
	close_world(&w);
}

static void test_closing_sends_what_is_queued_first(void **state)
{
	const struct ws_piece piece = { .first = true, .last = true, .data = "last words", .len = 10 };
	struct world w;
	char out[64];

	(void)state;
	open_world(&w, NULL);
	ws_send(w.ws, &piece);
	ws_close(w.ws, WS_GOING_AWAY, "x");
	w.ws = NULL;
	assert_int_equal(heard(&w, out, sizeof(out)), 12 + 5);
	assert_memory_equal(out, "\x81\x0alast words\x88\x03\x03\xe9x", 17);
	SAY(&w, "\x88\x82" NO_MASK "\x03\xe9");
	assert_int_equal(recv(w.peer, out, sizeof(out), 0), 0);
	assert_int_equal(w.closed, 0);
	close_world(&w);
}

static void test_keepalive(void **state)
{
	struct world w;
	char out[64];

	(void)state;
	open_world(&w, NULL);
	ws_keepalive(w.ws, 1000);
	while (w.closed == 0) {
		assert_int_equal(loop_turn(w.loop, -1), 0);
	}
	assert_int_equal(w.code, WS_ABNORMAL);
	assert_int_equal(heard(&w, out, 2), 2);
	assert_memory_equal(out, "\x89\x00", 2);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_answers_pings_and_closes),
		cmocka_unit_test(test_broken_protocol_is_closed),
		cmocka_unit_test(test_input_that_came_with_the_handshake),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_queue_tells_when_it_has_space),
		cmocka_unit_test(test_space_that_a_send_found),
		cmocka_unit_test(test_closing_sends_what_is_queued_first),
		cmocka_unit_test(test_keepalive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
