/* SPDX-License-Identifier: Apache-2.0 */
/* Batches over a TCP connection. */
#include "io/tcp_out.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/mem.h"
#include "loop/loop.h"

struct tcp_out {
	struct loop *loop;
	uint16_t port;
	tcp_out_fn fn;
	void *ctx;
	int fd; /* -1 = not connected */
	bool connecting;
	struct loop_fd source;
	struct blob *body; /* under way; NULL = none */
	size_t at;
	struct loop_timer done; /* armed: the batch has ended, its owner is to be told */
	int error;
};

static void disconnect(struct tcp_out *o)
{
	if (o->fd >= 0) {
		loop_fd_del(o->loop, &o->source);
		close(o->fd);
		o->fd = -1;
	}
}

/* Told from a turn of its own: the owner is not ready for it inside tcp_out_send(). */
static void end_batch(struct tcp_out *o, int error)
{
	blob_unref(o->body);
	o->body = NULL;
	o->error = error;
	loop_timer_set(o->loop, &o->done, loop_now_us(o->loop));
}

static void on_done(void *ctx)
{
	struct tcp_out *o = ctx;

	o->fn(o->ctx, o->error);
}

static void lose(struct tcp_out *o, int error)
{
	disconnect(o);
	if (o->body != NULL) {
		end_batch(o, error);
	}
}

static void write_on(struct tcp_out *o)
{
	while (o->at < o->body->len) {
		ssize_t n = send(o->fd, o->body->data + o->at, o->body->len - o->at, MSG_NOSIGNAL);

		if (n >= 0) {
			o->at += (size_t)n;
		} else if (errno == EAGAIN) {
			loop_fd_mod(o->loop, &o->source, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
			return;
		} else if (errno != EINTR) {
			lose(o, errno);
			return;
		}
	}
	loop_fd_mod(o->loop, &o->source, EPOLLIN | EPOLLRDHUP);
	end_batch(o, 0);
}

static int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

/* Whatever the peer says does not matter, but unread it would turn our close into a reset. */
static bool drain(struct tcp_out *o)
{
	char scratch[1024];
	ssize_t n;

	do {
		n = recv(o->fd, scratch, sizeof(scratch), 0);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 && errno == EAGAIN;
}

static void on_event(void *ctx, uint32_t events)
{
	struct tcp_out *o = ctx;
	int error = events & (EPOLLERR | EPOLLHUP) || o->connecting ? socket_error(o->fd) : 0;

	o->connecting = false;
	if (error != 0 || (events & EPOLLHUP) != 0 || ((events & (EPOLLIN | EPOLLRDHUP)) != 0 && !drain(o))) {
		lose(o, error != 0 ? error : EPIPE);
		return;
	}
	if (o->body != NULL) {
		write_on(o);
	}
}

static void connect_now(struct tcp_out *o)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(o->port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;
	int r;

	o->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (o->fd < 0) {
		end_batch(o, errno);
		return;
	}
	setsockopt(o->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	r = loop_fd_add(o->loop, &o->source, o->fd, EPOLLOUT | EPOLLRDHUP);
	if (r != 0) {
		close(o->fd);
		o->fd = -1;
		end_batch(o, -r);
		return;
	}
	o->connecting = true;
	if (connect(o->fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 && errno != EINPROGRESS) {
		lose(o, errno);
	}
}

struct tcp_out *tcp_out_new(struct loop *loop, uint16_t port, tcp_out_fn fn, void *ctx)
{
	struct tcp_out *o = xcalloc(1, sizeof(*o));

	o->loop = loop;
	o->port = port;
	o->fn = fn;
	o->ctx = ctx;
	o->fd = -1;
	loop_fd_init(&o->source, on_event, o);
	loop_timer_init(&o->done, on_done, o);
	return o;
}

void tcp_out_free(struct tcp_out *o)
{
	if (o != NULL) {
		disconnect(o);
		loop_timer_clear(o->loop, &o->done);
		blob_unref(o->body);
		free(o);
	}
}

void tcp_out_send(struct tcp_out *o, struct blob *body)
{
	assert(o->body == NULL);
	o->body = blob_ref(body);
	o->at = 0;
	if (o->fd < 0) {
		connect_now(o);
	} else {
		write_on(o);
	}
}
