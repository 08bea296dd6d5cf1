/* SPDX-License-Identifier: Apache-2.0 */
/* Taking connections, one a turn. */
#include "io/acceptor.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "io/listen.h"

static const int64_t retry_us = 100 * 1000;

static void on_retry(void *ctx)
{
	struct acceptor *a = ctx;

	loop_fd_mod(a->loop, &a->source, EPOLLIN);
}

static void on_connection(void *ctx, uint32_t events)
{
	struct acceptor *a = ctx;
	int fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0) {
		a->starved = false;
		a->fn(a->ctx, fd);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		/* Once, not at each retry. */
		if (!a->starved) {
			log_warn("connections have to wait: %s", strerror(errno));
			a->starved = true;
		}
		/* The connection stays in the queue, and would be told of in every turn. */
		loop_fd_mod(a->loop, &a->source, 0);
		loop_timer_set(a->loop, &a->retry, loop_now_us(a->loop) + retry_us);
	}
}

int acceptor_open(struct acceptor *a, struct loop *loop, const char *host, uint16_t port, acceptor_fn fn, void *ctx,
		  struct err *err)
{
	int fd = listen_on(host, port, err);
	int r;

	*a = (struct acceptor){ .fn = fn, .ctx = ctx, .fd = fd };
	if (fd < 0) {
		return -1;
	}
	loop_fd_init(&a->source, on_connection, a);
	loop_timer_init(&a->retry, on_retry, a);
	r = loop_fd_add(loop, &a->source, fd, EPOLLIN);
	if (r != 0) {
		close(fd);
		return err_set(err, 1, "listen on %s:%u: %s", host, port, strerror(-r));
	}
	a->loop = loop;
	return 0;
}

void acceptor_close(struct acceptor *a)
{
	if (a->loop != NULL) {
		loop_fd_del(a->loop, &a->source);
		loop_timer_clear(a->loop, &a->retry);
		close(a->fd);
		a->loop = NULL;
	}
}

uint16_t acceptor_port(const struct acceptor *a)
{
	return listen_port(a->fd);
}
