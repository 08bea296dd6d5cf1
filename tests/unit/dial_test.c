/* SPDX-License-Identifier: Apache-2.0 */
/* Names with several addresses, some of which do not answer. */
#include "io/dial.h"

#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/mem.h"
#include "loop/loop.h"

#define PATIENCE_US (20 * 1000 * 1000)
#define LIMIT_US (400 * 1000)
#define CALLERS 4

/* Addresses of 127.0.0.0/8 that the name "several" has. */
static in_addr_t known[2];

/* In place of the C library's: tests cannot rely on names. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	*out = NULL;
	if ((hints->ai_flags & AI_NUMERICHOST) != 0 || strcmp(host, "several") != 0) {
		return EAI_NONAME;
	}
	for (size_t i = countof(known); i-- > 0;) {
		struct addrinfo *a = xcalloc(1, sizeof(*a));
		struct sockaddr_in *to = xcalloc(1, sizeof(*to));

		to->sin_family = AF_INET;
		to->sin_port = htons((uint16_t)atoi(service));
		to->sin_addr.s_addr = htonl(known[i]);
		a->ai_family = AF_INET;
		a->ai_addr = (struct sockaddr *)to;
		a->ai_addrlen = sizeof(*to);
		a->ai_next = *out;
		*out = a;
	}
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;

		free(list->ai_addr);
		free(list);
		list = next;
	}
}

struct outcome {
	bool ended;
	int fd;
	char why[64];
};

static void on_done(void *ctx, int fd, const char *why)
{
	struct outcome *o = ctx;

	o->ended = true;
	o->fd = fd;
	snprintf(o->why, sizeof(o->why), "%s", why != NULL ? why : "");
}

static int listen_at(in_addr_t host, uint16_t *port, int backlog)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(host) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

/* With its queue full the kernel drops whoever else comes, as a firewall does. */
static void fill(in_addr_t host, uint16_t port, int callers[CALLERS])
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host) };

	for (unsigned i = 0; i < CALLERS; i++) {
		callers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(callers[i], (struct sockaddr *)&addr, sizeof(addr));
	}
}

static struct outcome dial_several(uint16_t port)
{
	struct loop *loop = loop_new();
	struct outcome o = { .fd = -1 };

	(void)!dial_start(loop, "several", port, LIMIT_US, on_done, &o);
	while (!o.ended) {
		assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
	}
	loop_free(loop);
	return o;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		close(fds[i]);
	}
}

static void test_an_address_that_swallows_packets(void **state)
{
	uint16_t port = 0;
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int callers[CALLERS];
	struct outcome o;
	int listeners[2];

	(void)state;
	known[0] = INADDR_LOOPBACK;
	known[1] = INADDR_LOOPBACK + 1;
	listeners[0] = listen_at(known[0], &port, 0);
	listeners[1] = listen_at(known[1], &port, 5);
	fill(known[0], port, callers);
	o = dial_several(port);
	assert_string_equal(o.why, "");
	assert_int_equal(getpeername(o.fd, (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(ntohl(peer.sin_addr.s_addr), known[1]);
	close(o.fd);
	close_all(callers, CALLERS);
	close_all(listeners, 2);
}

static void test_all_of_them_do(void **state)
{
	uint16_t port = 0;
	int callers[CALLERS];
	struct outcome o;
	int listener;

	(void)state;
	known[0] = known[1] = INADDR_LOOPBACK;
	listener = listen_at(known[0], &port, 0);
	fill(known[0], port, callers);
	o = dial_several(port);
	assert_int_equal(o.fd, -1);
	assert_string_equal(o.why, "Connection timed out");
	close_all(callers, CALLERS);
	close(listener);
}

static void test_an_address_that_refuses(void **state)
{
	uint16_t port = 0;
	struct outcome o;
	int listener;

	(void)state;
	known[0] = INADDR_LOOPBACK + 1;
	known[1] = INADDR_LOOPBACK;
	listener = listen_at(known[1], &port, 5);
	o = dial_several(port);
	assert_string_equal(o.why, "");
	close(o.fd);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_address_that_swallows_packets),
		cmocka_unit_test(test_all_of_them_do),
		cmocka_unit_test(test_an_address_that_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
