/* SPDX-License-Identifier: Apache-2.0 */
/* Name resolution and connecting. */
#include "io/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop.h"

#define ADDRESSES 8

/* What the thread says: one write, of less than PIPE_BUF. */
struct answer {
	int error; /* of getaddrinfo */
	unsigned count;
	struct sockaddr_storage address[ADDRESSES];
	socklen_t len[ADDRESSES];
};

/* Owned by the thread. */
struct question {
	char *host;
	char port[8];
	int fd;
};

struct dial {
	struct loop *loop;
	struct loop_fd source; /* the pipe, then the socket */
	struct loop_timer timer;
	struct loop_grave grave;
	dial_fn done;
	void *ctx;
	int64_t deadline_us;
	int fd;
	bool resolved;
	int error; /* of the last attempt */
	struct answer answer;
	unsigned next;
};

static void dial_free(void *ctx)
{
	free(ctx);
}

static void drop_fd(struct dial *d)
{
	if (d->fd >= 0) {
		loop_fd_del(d->loop, &d->source);
		close(d->fd);
		d->fd = -1;
	}
}

void dial_cancel(struct dial *d)
{
	if (d != NULL) {
		drop_fd(d);
		loop_timer_clear(d->loop, &d->timer);
		loop_defer(d->loop, &d->grave, dial_free, d);
	}
}

static void finish(struct dial *d, int fd, const char *why)
{
	dial_fn done = d->done;
	void *ctx = d->ctx;

	dial_cancel(d);
	done(ctx, fd, why);
}

static void try_next(struct dial *d);

static void on_socket(void *ctx, uint32_t events)
{
	struct dial *d = ctx;
	int error = 0;
	socklen_t len = sizeof(error);
	int fd = d->fd;

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
		d->error = error != 0 ? error : errno;
		drop_fd(d);
		try_next(d);
		return;
	}
	loop_fd_del(d->loop, &d->source);
	d->fd = -1;
	finish(d, fd, NULL);
}

static bool try_address(struct dial *d, unsigned i)
{
	const struct sockaddr *address = (const struct sockaddr *)&d->answer.address[i];

	d->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0) {
		d->error = errno;
		return false;
	}
	loop_fd_init(&d->source, on_socket, d);
	if ((connect(d->fd, address, d->answer.len[i]) != 0 && errno != EINPROGRESS) ||
	    loop_fd_add(d->loop, &d->source, d->fd, EPOLLOUT) != 0) {
		d->error = errno;
		close(d->fd);
		d->fd = -1;
		return false;
	}
	return true;
}

/* Each address gets an equal share of what is left: one that swallows packets must not use it up for the others. */
static void try_next(struct dial *d)
{
	while (d->next < d->answer.count) {
		int64_t now = loop_now_us(d->loop);
		int64_t share = (d->deadline_us - now) / (int64_t)(d->answer.count - d->next);

		if (try_address(d, d->next++)) {
			loop_timer_set(d->loop, &d->timer, now + share);
			return;
		}
	}
	finish(d, -1, strerror(d->error));
}

static void on_answer(void *ctx, uint32_t events)
{
	struct dial *d = ctx;
	ssize_t n = read(d->fd, &d->answer, sizeof(d->answer));

	(void)events;
	drop_fd(d);
	if (n != (ssize_t)sizeof(d->answer)) {
		finish(d, -1, "the look-up of the name failed");
	} else if (d->answer.error != 0) {
		finish(d, -1, gai_strerror(d->answer.error));
	} else {
		d->resolved = true;
		try_next(d);
	}
}

static void on_timer(void *ctx)
{
	struct dial *d = ctx;

	if (!d->resolved) {
		finish(d, -1, "timed out");
		return;
	}
	if (d->fd >= 0) {
		d->error = ETIMEDOUT;
		drop_fd(d);
	}
	try_next(d);
}

static int look_up(const char *host, const char *port, int flags, struct answer *out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int r = getaddrinfo(host, port, &hints, &list);

	memset(out, 0, sizeof(*out));
	for (const struct addrinfo *a = list; r == 0 && a != NULL && out->count < ADDRESSES; a = a->ai_next) {
		memcpy(&out->address[out->count], a->ai_addr, a->ai_addrlen);
		out->len[out->count++] = a->ai_addrlen;
	}
	if (r == 0) {
		freeaddrinfo(list);
	}
	out->error = r;
	return r;
}

/* Nobody waits for it: when the dial was cancelled it finds its pipe without a reader. */
static void *run_look_up(void *arg)
{
	struct question *q = arg;
	struct answer a;

	(void)look_up(q->host, q->port, 0, &a);
	(void)!write(q->fd, &a, sizeof(a));
	close(q->fd);
	free(q->host);
	free(q);
	return NULL;
}

static int start_look_up(struct dial *d, const char *host, const char *port)
{
	struct question *q;
	pthread_attr_t attr;
	pthread_t thread;
	int ends[2];
	int r;

	if (pipe2(ends, O_CLOEXEC) != 0) {
		return -errno;
	}
	q = xcalloc(1, sizeof(*q));
	q->host = xstrdup(host);
	snprintf(q->port, sizeof(q->port), "%s", port);
	q->fd = ends[1];
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&thread, &attr, run_look_up, q);
	pthread_attr_destroy(&attr);
	if (r != 0) {
		close(ends[0]);
		close(ends[1]);
		free(q->host);
		free(q);
		return r;
	}
	d->fd = ends[0];
	loop_fd_init(&d->source, on_answer, d);
	return loop_fd_add(d->loop, &d->source, d->fd, EPOLLIN);
}

struct dial *dial_start(struct loop *loop, const char *host, uint16_t port, int64_t limit_us, dial_fn done, void *ctx)
{
	struct dial *d = xcalloc(1, sizeof(*d));
	int64_t now = loop_now_us(loop);
	char service[8];

	d->loop = loop;
	d->done = done;
	d->ctx = ctx;
	d->deadline_us = now + limit_us;
	d->fd = -1;
	d->error = EADDRNOTAVAIL;
	loop_timer_init(&d->timer, on_timer, d);
	snprintf(service, sizeof(service), "%u", port);
	if (look_up(host, service, AI_NUMERICHOST, &d->answer) == 0) {
		/* A failure may show at once, and done must not come before this returns. */
		d->resolved = true;
		loop_timer_set(loop, &d->timer, d->deadline_us);
		if (!try_address(d, d->next++)) {
			loop_timer_set(loop, &d->timer, now);
		}
		return d;
	}
	loop_timer_set(loop, &d->timer, start_look_up(d, host, service) == 0 ? d->deadline_us : now);
	return d;
}
