/* SPDX-License-Identifier: Apache-2.0 */
/* Batches over real sockets: order, a peer that is away, goes away, or does not read. */
#include "io/tcp_out.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "base/mem.h"
#include "loop/loop.h"

#define PATIENCE_US (20 * 1000 * 1000)
#define LARGE ((size_t)16 << 20)

struct world {
	struct loop *loop;
	int listener;
	struct tcp_out *out;
	unsigned ended;
	int error;
};

static void on_end(void *ctx, int error)
{
	struct world *w = ctx;

	w->ended++;
	w->error = error;
}

static uint16_t listen_somewhere(int *fd)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(*fd, 5), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&addr, &len), 0);
	return ntohs(addr.sin_port);
}

static int make_world(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->loop = loop_new();
	w->out = tcp_out_new(w->loop, listen_somewhere(&w->listener), on_end, w);
	*state = w;
	return 0;
}

static int end_world(void **state)
{
	struct world *w = *state;

	tcp_out_free(w->out);
	if (w->listener >= 0) {
		close(w->listener);
	}
	loop_free(w->loop);
	free(w);
	return 0;
}

static void begin(struct world *w, const char *text, size_t len)
{
	struct blob *body = blob_copy(text, len);
	unsigned before = w->ended;

	tcp_out_send(w->out, body);
	assert_int_equal(w->ended, before);
	blob_unref(body);
}

static void turn_until_ended(struct world *w, unsigned count)
{
	while (w->ended < count) {
		assert_int_equal(loop_turn(w->loop, PATIENCE_US), 0);
	}
}

static void expect_bytes(int fd, const char *text)
{
	char got[64] = "";

	assert_int_equal(recv(fd, got, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static void test_keeps_its_connection(void **state)
{
	struct world *w = *state;
	int peer;

	begin(w, "one\n", 4);
	peer = accept(w->listener, NULL, NULL);
	turn_until_ended(w, 1);
	assert_int_equal(w->error, 0);
	/* What the peer says is of no interest. */
	assert_int_equal(send(peer, "thanks", 6, 0), 6);
	begin(w, "two\n", 4);
	turn_until_ended(w, 2);
	expect_bytes(peer, "one\ntwo\n");
	close(peer);
}

static void test_nobody_listens(void **state)
{
	struct world *w = *state;

	close(w->listener);
	w->listener = -1;
	begin(w, "one\n", 4);
	turn_until_ended(w, 1);
	assert_int_equal(w->error, ECONNREFUSED);
	begin(w, "one\n", 4);
	turn_until_ended(w, 2);
	assert_int_equal(w->error, ECONNREFUSED);
}

static void test_connects_again(void **state)
{
	struct world *w = *state;
	int peer;

	begin(w, "one\n", 4);
	peer = accept(w->listener, NULL, NULL);
	turn_until_ended(w, 1);
	expect_bytes(peer, "one\n");
	close(peer);
	/* The loss is noticed while nothing is under way. */
	assert_int_equal(loop_turn(w->loop, PATIENCE_US), 0);
	assert_int_equal(w->ended, 1);
	begin(w, "two\n", 4);
	peer = accept(w->listener, NULL, NULL);
	turn_until_ended(w, 2);
	assert_int_equal(w->error, 0);
	expect_bytes(peer, "two\n");
	close(peer);
}

static void test_slow_peer(void **state)
{
	struct world *w = *state;
	char *large = xcalloc(1, LARGE);
	char scratch[65536];
	size_t got = 0;
	int peer;

	begin(w, large, LARGE);
	peer = accept(w->listener, NULL, NULL);
	/* The socket's buffers are full at last; the loop is not. */
	while (loop_turn(w->loop, 0) == 0 && got < LARGE) {
		ssize_t n = recv(peer, scratch, sizeof(scratch), MSG_DONTWAIT);

		got += n > 0 ? (size_t)n : 0;
	}
	turn_until_ended(w, 1);
	assert_int_equal(w->error, 0);
	close(peer);
	free(large);
}

static void test_lost_half_way(void **state)
{
	struct world *w = *state;
	char *large = xcalloc(1, LARGE);
	int peer;

	begin(w, large, LARGE);
	peer = accept(w->listener, NULL, NULL);
	assert_int_equal(loop_turn(w->loop, PATIENCE_US), 0);
	assert_int_equal(w->ended, 0);
	close(peer);
	turn_until_ended(w, 1);
	assert_int_not_equal(w->error, 0);
	free(large);
}

static void test_free_under_way(void **state)
{
	struct world *w = *state;
	char *large = xcalloc(1, LARGE);

	begin(w, large, LARGE);
	assert_int_equal(loop_turn(w->loop, PATIENCE_US), 0);
	tcp_out_free(w->out);
	w->out = NULL;
	assert_int_equal(loop_turn(w->loop, 0), 0);
	assert_int_equal(w->ended, 0);
	free(large);
}

int main(void)
{
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, make_world, end_world)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_keeps_its_connection), WORLD_TEST(test_nobody_listens),
		WORLD_TEST(test_connects_again),       WORLD_TEST(test_slow_peer),
		WORLD_TEST(test_lost_half_way),	       WORLD_TEST(test_free_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
