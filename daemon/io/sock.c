/* SPDX-License-Identifier: Apache-2.0 */
/* Stream sockets with an output queue. */
#include "io/sock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void watch(struct sock *s)
{
	/* Also a queue that a flush of ours has emptied owes its on_space. */
	bool wants_out = (sock_queued(s) > 0 || s->was_high) && !s->down;
	uint32_t events = (s->paused ? 0 : EPOLLIN) | (wants_out ? EPOLLOUT : 0);

	if (s->watched && events != s->interest) {
		s->interest = events;
		loop_fd_mod(s->loop, &s->source, events);
	}
}

static void on_event(void *ctx, uint32_t events)
{
	struct sock *s = ctx;

	if ((events & EPOLLOUT) != 0) {
		sock_flush(s);
		if (s->was_high && sock_queued(s) <= SOCK_LOW) {
			s->was_high = false;
			watch(s);
			if (s->ops->on_space != NULL) {
				s->ops->on_space(s->ctx);
			}
		}
		if (s->fd >= 0 && sock_queued(s) == 0 && s->ops->on_sent != NULL) {
			s->ops->on_sent(s->ctx);
		}
	}
	if (s->fd < 0) {
		return;
	}
	if ((events & EPOLLIN) != 0 && !s->paused) {
		s->ops->on_readable(s->ctx);
	} else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		/* What it may have sent before is not wanted now, and these events would not cease. */
		s->down = true;
		s->watched = false;
		loop_fd_del(s->loop, &s->source);
		s->ops->on_down(s->ctx);
	}
}

int sock_init(struct sock *s, struct loop *loop, int fd, const struct sock_ops *ops, void *ctx)
{
	int one = 1;
	int flags = fcntl(fd, F_GETFL);
	int r;

	*s = (struct sock){ .loop = loop, .ops = ops, .ctx = ctx, .fd = fd };
	list_init(&s->group_link);
	loop_fd_init(&s->source, on_event, s);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	r = fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ? -errno : loop_fd_add(loop, &s->source, fd, EPOLLIN);
	if (r != 0) {
		close(fd);
		s->fd = -1;
	}
	s->watched = r == 0;
	s->interest = EPOLLIN;
	return r;
}

void sock_fini(struct sock *s)
{
	if (s->fd >= 0) {
		s->watched = false;
		loop_fd_del(s->loop, &s->source);
		close(s->fd);
		s->fd = -1;
	}
	if (s->group != NULL) {
		list_unlink(&s->group_link);
		s->group->open--;
		s->group = NULL;
	}
	buf_fini(&s->out);
	s->out_at = 0;
}

ssize_t sock_read(struct sock *s, void *data, size_t len)
{
	ssize_t n;

	do {
		n = recv(s->fd, data, len, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return errno == EAGAIN ? 0 : -1;
	}
	return n > 0 ? n : -1;
}

void sock_write(struct sock *s, const void *data, size_t len)
{
	if (!s->down && s->fd >= 0 && len > 0) {
		buf_append(&s->out, data, len);
	}
}

static void drop_sent(struct sock *s)
{
	if (s->out_at == s->out.len) {
		/* A large queue was an exception: its memory goes back. */
		if (s->out.cap > SOCK_LOW) {
			buf_fini(&s->out);
		} else {
			buf_clear(&s->out);
		}
		s->out_at = 0;
	} else if (s->out_at > SOCK_HIGH) {
		buf_consume(&s->out, s->out_at);
		s->out_at = 0;
	}
}

void sock_flush(struct sock *s)
{
	while (sock_queued(s) > 0 && !s->down && s->fd >= 0) {
		ssize_t n = send(s->fd, s->out.data + s->out_at, s->out.len - s->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			/* A broken connection also shows as EPOLLHUP, which calls on_down. */
			s->down = errno != EAGAIN;
			break;
		}
		s->out_at += (size_t)n;
		s->sent += (size_t)n;
	}
	drop_sent(s);
	s->was_high = s->was_high || sock_queued(s) > SOCK_HIGH;
	watch(s);
}

size_t sock_queued(const struct sock *s)
{
	return s->out.len - s->out_at;
}

void sock_peer(const struct sock *s, char out[SOCK_PEER_LEN])
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char host[INET6_ADDRSTRLEN];
	char port[8];

	out[0] = '\0';
	if (getpeername(s->fd, (struct sockaddr *)&ss, &len) != 0) {
		return;
	}
	if (ss.ss_family == AF_UNIX) {
		snprintf(out, SOCK_PEER_LEN, "TLS"); /* io/tls.c has the other end */
	} else if (getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port, sizeof(port),
			       NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
		snprintf(out, SOCK_PEER_LEN, ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	}
}

void sock_pause(struct sock *s, bool pause)
{
	if (s->paused != pause) {
		s->paused = pause;
		watch(s);
	}
}

void sock_group_init(struct sock_group *g)
{
	list_init(&g->members);
	g->open = 0;
}

void sock_group_add(struct sock_group *g, struct sock *s)
{
	s->group = g;
	list_push_back(&g->members, &s->group_link);
	g->open++;
}

void sock_group_end(struct sock_group *g)
{
	while (!list_empty(&g->members)) {
		struct sock *s = list_first(&g->members, struct sock, group_link);

		s->ops->on_down(s->ctx);
		assert(s->group == NULL);
	}
}
