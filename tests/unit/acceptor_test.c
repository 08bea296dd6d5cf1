/* SPDX-License-Identifier: Apache-2.0 */
/* A port with and without descriptors to spare. */
#include "io/acceptor.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/err.h"

#define PATIENCE_US (20 * 1000 * 1000)
#define RETRY_US (100 * 1000)

struct world {
	struct loop *loop;
	struct acceptor acceptor;
	unsigned taken;
};

static void on_taken(void *ctx, int fd)
{
	struct world *w = ctx;

	w->taken++;
	close(fd);
}

static int connect_to(const struct acceptor *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(acceptor_port(a)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void test_without_descriptors_connections_wait(void **state)
{
	struct world w = { .loop = loop_new() };
	struct err err = ERR_INIT;
	struct rlimit limit;
	struct rlimit none;
	unsigned turns = 0;
	int64_t begun;
	int fd;

	(void)state;
	assert_int_equal(acceptor_open(&w.acceptor, w.loop, "127.0.0.1", 0, on_taken, &w, &err), 0);
	fd = connect_to(&w.acceptor);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	begun = loop_now_us(w.loop);
	while (loop_now_us(w.loop) < begun + 3 * RETRY_US) {
		assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
		turns++;
	}
	assert_int_equal(w.taken, 0);
	/* Each attempt, and each end of a pause. */
	assert_in_range(turns, 2, 10);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (w.taken < 1) {
		assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
	}
	close(fd);
	acceptor_close(&w.acceptor);
	loop_free(w.loop);
}

static void test_closes_in_a_pause(void **state)
{
	struct world w = { .loop = loop_new() };
	struct err err = ERR_INIT;
	struct rlimit limit;
	struct rlimit none;
	int fd;

	(void)state;
	acceptor_close(&w.acceptor); /* was never open */
	assert_int_equal(acceptor_open(&w.acceptor, w.loop, "127.0.0.1", 0, on_taken, &w, &err), 0);
	fd = connect_to(&w.acceptor);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (!w.acceptor.starved) {
		assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	acceptor_close(&w.acceptor);
	acceptor_close(&w.acceptor);
	assert_int_equal(loop_turn(w.loop, 2 * RETRY_US), 0);
	assert_int_equal(w.taken, 0);
	close(fd);
	loop_free(w.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_descriptors_connections_wait),
		cmocka_unit_test(test_closes_in_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
