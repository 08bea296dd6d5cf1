/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of io/http1.c and clients of it, all in one loop and one thread. Clients are plain sockets: what a test gives
 * them to send goes out as the socket takes it, what comes back piles up. Included by http1_*_test.c only.
 */
#ifndef TESTS_HTTP1_WORLD_H
#define TESTS_HTTP1_WORLD_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "io/httpd.h"
#include "loop/loop.h"

#define PATIENCE_US (20 * 1000 * 1000)
#define MAX_HEAD ((1 << 20) + 64 * 1024)
#define MAX_BODY (6 << 20)
#define BIG_LEN (16 << 20)
#define PARKED_MAX 16

struct world {
	struct loop *loop;
	struct httpd *server;
	struct httpd_listener *listener;
	struct httpd_req *parked[PARKED_MAX];
	unsigned parks;
	unsigned gone;
	unsigned requests;
	struct blob *big;
	struct blob *body; /* of the last request */
	size_t body_len;
	enum httpd_body body_state;
	char trailer[64];
	char order[256]; /* the last letter of each path */
	struct httpd_listener *kick_on_request;
	unsigned busy_on_request;
};

struct client {
	struct world *w;
	struct loop_fd source;
	int fd;
	struct buf in;
	struct buf out;
	bool finish; /* shut down for writing when all is sent */
	bool deaf;   /* does not read */
	bool eof;
	bool reset;
};

static inline void world_gone(void *owner)
{
	struct world *w = owner;

	w->gone++;
}

static inline void reply(struct httpd_req *req, int status, const char *text)
{
	const struct httpd_header headers[] = { { "X-Left-Out", NULL }, { "Content-Type", "text/plain" } };

	(void)httpd_reply(req, status, headers, countof(headers), text != NULL ? blob_from_string(text) : NULL);
}

static inline void note_request(struct world *w, struct httpd_req *req)
{
	const char *path = httpd_req_path(req);
	const char *trailer = httpd_req_trailer(req, "T");

	if (w->requests < sizeof(w->order) - 1) {
		w->order[w->requests] = path[strlen(path) - 1];
		w->order[w->requests + 1] = '\0';
	}
	w->requests++;
	blob_unref(w->body);
	w->body_len = httpd_req_body_len(req);
	w->body_state = httpd_req_body_state(req);
	w->body = httpd_req_take_body(req);
	snprintf(w->trailer, sizeof(w->trailer), "%s", trailer != NULL ? trailer : "");
	w->busy_on_request = httpd_busy(w->server);
}

/* /park... waits, /big is more than a socket takes, /evil has control characters, /204 is empty, /header tells about X, the
 * rest echoes its path. */
static inline void world_on_request(void *ctx, struct httpd_req *req)
{
	struct world *w = ctx;
	const char *path = httpd_req_path(req);

	assert_ptr_equal(httpd_req_tag(req), w);
	note_request(w, req);
	if (w->kick_on_request != NULL) {
		httpd_listener_kick(w->kick_on_request);
	} else if (w->body_state == HTTPD_BODY_TRUNCATED) {
		reply(req, 400, "truncated");
	} else if (strncmp(path, "/park", 5) == 0) {
		assert_true(w->parks < PARKED_MAX);
		httpd_req_own(req, w, world_gone);
		w->parked[w->parks++] = req;
	} else if (strcmp(path, "/big") == 0) {
		(void)httpd_reply(req, 200, NULL, 0, blob_ref(w->big));
	} else if (strcmp(path, "/evil") == 0) {
		const struct httpd_header evil[] = { { "X", "a\r\nSet: b\tc\x7f\x80" } };

		(void)httpd_reply(req, 200, evil, 1, NULL);
	} else if (strcmp(path, "/204") == 0) {
		(void)httpd_reply(req, 204, NULL, 0, blob_from_string("not sent"));
	} else if (strcmp(path, "/header") == 0) {
		const char *x = httpd_req_header(req, "x");
		char text[32];

		snprintf(text, sizeof(text), "%zu", x != NULL ? strlen(x) : 0);
		reply(req, 200, text);
	} else {
		reply(req, 202, path);
	}
}

static inline struct httpd_listener *world_listen(struct world *w)
{
	struct err err;
	struct httpd_listener *l = httpd_listen(w->server, "127.0.0.1", 0, w, &err);

	assert_non_null(l);
	return l;
}

static inline void world_start(struct world *w, int64_t idle_timeout_us)
{
	const struct httpd_opts opts = {
		.max_head = MAX_HEAD,
		.max_body = MAX_BODY,
		.max_conns = 1000,
		.idle_timeout_us = idle_timeout_us,
		.on_request = world_on_request,
		.ctx = w,
	};

	memset(w, 0, sizeof(*w));
	w->loop = loop_new();
	assert_non_null(w->loop);
	w->server = httpd_http1_new(w->loop, &opts);
	w->listener = world_listen(w);
}

static inline void world_end(struct world *w)
{
	httpd_free(w->server);
	blob_unref(w->body);
	blob_unref(w->big);
	loop_free(w->loop);
}

/* Something that cannot be compressed into a pattern of 256. */
static inline char *noise(size_t len)
{
	char *p = malloc(len + 1);
	uint32_t x = 1;

	assert_non_null(p);
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)(x >> 24);
	}
	p[len] = '\0';
	return p;
}

/* --- clients --- */

static inline void client_receive(struct client *c)
{
	char *room = buf_room(&c->in, 256 * 1024);
	ssize_t n = recv(c->fd, room, 256 * 1024, MSG_DONTWAIT);

	buf_added(&c->in, n > 0 ? (size_t)n : 0);
	if (n == 0) {
		c->eof = true;
	} else if (n < 0 && errno != EAGAIN) {
		c->reset = true;
	}
}

static inline void client_update(struct client *c)
{
	uint32_t events = (c->out.len > 0 ? EPOLLOUT : 0) | (c->deaf ? 0 : EPOLLIN);

	if (c->eof || c->reset) {
		loop_fd_del(c->w->loop, &c->source);
	} else if (c->source.fd >= 0) {
		loop_fd_mod(c->w->loop, &c->source, events);
	}
}

static inline void client_transmit(struct client *c)
{
	ssize_t n = c->out.len > 0 ? send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n > 0) {
		buf_consume(&c->out, (size_t)n);
	} else if (n < 0 && errno != EAGAIN) {
		buf_clear(&c->out); /* what the server said before it closed is still of interest */
	}
	if (c->finish && c->out.len == 0) {
		c->finish = false;
		shutdown(c->fd, SHUT_WR);
	}
}

static inline void client_on_event(void *ctx, uint32_t events)
{
	struct client *c = ctx;

	if ((events & EPOLLOUT) != 0) {
		client_transmit(c);
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0 && !c->deaf) {
		client_receive(c);
	}
	client_update(c);
}

static inline void client_connect_to(struct client *c, struct world *w, const struct httpd_listener *l)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(httpd_listener_port(l)) };
	int one = 1;

	memset(c, 0, sizeof(*c));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->w = w;
	buf_init(&c->in, 0);
	buf_init(&c->out, 0);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	assert_int_equal(connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	loop_fd_init(&c->source, client_on_event, c);
	assert_int_equal(loop_fd_add(w->loop, &c->source, c->fd, EPOLLIN), 0);
}

static inline void client_connect(struct client *c, struct world *w)
{
	client_connect_to(c, w, w->listener);
}

static inline void client_close(struct client *c)
{
	loop_fd_del(c->w->loop, &c->source);
	if (c->fd >= 0) {
		close(c->fd);
		c->fd = -1;
	}
	buf_fini(&c->in);
	buf_fini(&c->out);
}

/* The peer finds its connection reset. */
static inline void client_abort(struct client *c)
{
	const struct linger now = { 1, 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	client_close(c);
}

static inline void client_send_bytes(struct client *c, const void *data, size_t len)
{
	buf_append(&c->out, data, len);
	client_transmit(c);
	client_update(c);
}

static inline void client_send(struct client *c, const char *text)
{
	client_send_bytes(c, text, strlen(text));
}

static inline void client_finish(struct client *c)
{
	c->finish = true;
	client_transmit(c);
}

static inline void client_listen_again(struct client *c)
{
	c->deaf = false;
	client_update(c);
}

/* Turns the loop until cond holds. */
#define UNTIL(w, cond)                                                                                               \
	do {                                                                                                         \
		int64_t until_end = clock_mono_us() + PATIENCE_US;                                                   \
		while (!(cond)) {                                                                                    \
			assert_true(clock_mono_us() < until_end);                                                    \
			assert_int_equal(loop_turn((w)->loop, PATIENCE_US), 0);                                      \
		}                                                                                                    \
	} while (0)

static inline void expect_bytes(struct client *c, const char *text)
{
	UNTIL(c->w, c->in.len >= strlen(text) || c->eof || c->reset);
	assert_string_equal(c->in.data != NULL ? c->in.data : "", text);
	buf_clear(&c->in);
}

/* That text, then the end of the connection and no reset. */
static inline void expect_last(struct client *c, const char *text)
{
	UNTIL(c->w, c->eof || c->reset);
	assert_string_equal(c->in.data != NULL ? c->in.data : "", text);
	assert_false(c->reset);
	buf_clear(&c->in);
}

/* A reply as reply() makes it. */
static inline const char *said(const char *status, const char *text)
{
	static char out[512];

	snprintf(out, sizeof(out), "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s", status,
		 strlen(text), text);
	return out;
}

/* The same on a connection that is closed after it. */
static inline const char *said_last(const char *status, const char *text)
{
	static char out[512];

	snprintf(out, sizeof(out),
		 "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		 status, strlen(text), text);
	return out;
}

#endif
