/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the HTTP servers: clients that live in the same loop as the server, and a server whose handler
 * does what the path asks for:
 *	/echo	answers with the body		others	answer with what httpd_req_* tell
 *	/none	answers 204 with a body given	/park	is parked; app.parked[] has it
 *	/all	answers with the peer's address and all headers
 * Nobody sleeps: who waits turns the loop until it has happened.
 */
#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "io/httpd.h"
#include "loop/loop.h"

#define PATIENCE_US (20 * 1000 * 1000) /* only failures take this long */
#define MAX_PARKED 2000

#define TURN_UNTIL(loop, condition)                                                                                  \
	do {                                                                                                         \
		int64_t give_up_us = clock_mono_us() + PATIENCE_US;                                                  \
		while (!(condition)) {                                                                               \
			assert_true(clock_mono_us() < give_up_us);                                                   \
			assert_int_equal(loop_turn(loop, PATIENCE_US), 0);                                           \
		}                                                                                                    \
	} while (0)

/* --- the server's side --- */

struct app;

struct waiter {
	struct app *app;
	struct httpd_req *req; /* NULL: answered or gone */
	unsigned number;
};

struct app {
	struct loop *loop;
	struct httpd *server;
	struct httpd_listener *listener;
	uint16_t port;
	unsigned requests;
	unsigned count; /* of parked[] that were used */
	unsigned gone;
	struct waiter parked[MAX_PARKED];
};

static inline void on_app_gone(void *owner)
{
	struct waiter *w = owner;

	assert_non_null(w->req);
	w->req = NULL;
	w->app->gone++;
}

static inline const char *or_nothing(const char *s)
{
	return s != NULL ? s : "(none)";
}

/* One line a thing, bare of any framing. */
static inline struct blob *describe(struct httpd_req *req)
{
	struct buf out = BUF_INIT;
	struct blob *body;

	buf_printf(&out, "%s %s ? %s\n", httpd_req_method(req), httpd_req_path(req), httpd_req_query(req));
	buf_printf(&out, "x-test=%s.\n", or_nothing(httpd_req_header(req, "x-TEST")));
	buf_printf(&out, "trailer=%s.\n", or_nothing(httpd_req_trailer(req, "x-end")));
	buf_printf(&out, "tag=%s\n", or_nothing(httpd_req_tag(req)));
	buf_printf(&out, "state=%d len=%zu\n", (int)httpd_req_body_state(req), httpd_req_body_len(req));
	body = httpd_req_take_body(req);
	buf_printf(&out, "kept=%zu", body->len);
	blob_unref(body);
	return buf_to_blob(&out);
}

static inline void add_header_line(void *ctx, const char *name, const char *value)
{
	buf_printf(ctx, "%s=%s.\n", name, value);
}

static inline void on_app_request(void *ctx, struct httpd_req *req)
{
	const struct httpd_header headers[] = { { "Content-Type", "text/x" },
						{ "X-Left-Out", NULL },
						{ "X-Split", "a\r\nX-Evil: b\tc" } };
	struct app *app = ctx;
	const char *path = httpd_req_path(req);

	app->requests++;
	if (strcmp(path, "/park") == 0) {
		struct waiter *w = &app->parked[app->count];

		assert_true(app->count < MAX_PARKED);
		w->app = app;
		w->req = req;
		w->number = app->count++;
		httpd_req_own(req, w, on_app_gone);
	} else if (strcmp(path, "/echo") == 0) {
		assert_int_equal(httpd_reply(req, 200, headers, 3, httpd_req_take_body(req)), 0);
	} else if (strcmp(path, "/all") == 0) {
		struct buf text = BUF_INIT;
		char peer[HTTPD_PEER_LEN];

		httpd_req_peer(req, peer);
		buf_printf(&text, "%s\n", peer);
		httpd_req_each_header(req, add_header_line, &text);
		assert_int_equal(httpd_reply(req, 200, NULL, 0, buf_to_blob(&text)), 0);
	} else if (strcmp(path, "/none") == 0) {
		assert_int_equal(httpd_reply(req, 204, NULL, 0, blob_static("not to be sent")), 0);
	} else {
		assert_int_equal(httpd_reply(req, 200, NULL, 0, describe(req)), 0);
	}
}

typedef struct httpd *(*backend_fn)(struct loop *loop, const struct httpd_opts *opts);

/* opts: NULL for usual ones. */
static inline void app_start(struct app *app, backend_fn backend, const struct httpd_opts *opts)
{
	struct httpd_opts o = { .max_head = 32 * 1024, .max_body = 100000, .max_conns = 4000 };
	struct err err = ERR_INIT;

	memset(app, 0, sizeof(*app));
	app->loop = loop_new();
	assert_non_null(app->loop);
	if (opts != NULL) {
		o = *opts;
	}
	o.on_request = on_app_request;
	o.ctx = app;
	app->server = backend(app->loop, &o);
	assert_non_null(app->server);
	app->listener = httpd_listen(app->server, "127.0.0.1", 0, (void *)(uintptr_t) "first", &err);
	assert_non_null(app->listener);
	app->port = httpd_listener_port(app->listener);
	assert_int_not_equal(app->port, 0);
}

static inline void app_stop(struct app *app)
{
	httpd_free(app->server);
	loop_free(app->loop);
}

static inline void app_answer(struct app *app, unsigned number)
{
	char text[32];
	struct waiter *w = &app->parked[number];
	struct httpd_req *req = w->req;

	assert_non_null(req);
	w->req = NULL;
	snprintf(text, sizeof(text), "answer %u", number);
	assert_int_equal(httpd_reply(req, 200, NULL, 0, blob_from_string(text)), 0);
}

/* A test for each server, which it finds through its state. */
static UNUSED backend_fn on_mhd = httpd_mhd_new;
static UNUSED backend_fn on_http1 = httpd_http1_new;

#define ON(test, server)                                                                                             \
	{                                                                                                            \
#test ":" #server, test, NULL, NULL, &(server)                                                       \
	}
#define ON_BOTH(test) ON(test, on_mhd), ON(test, on_http1)

static inline backend_fn backend_of(void **state)
{
	return *(backend_fn *)*state;
}

static inline int allow_many_descriptors(void **state)
{
	struct rlimit limit;

	(void)state;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return 0;
}

/* --- the client's side --- */

struct peer {
	struct loop *loop;
	struct loop_fd source;
	int fd;
	bool ended; /* the server has closed, orderly or not */
	struct buf in;
	/* the reply that was taken last */
	int status;
	char *head;
	char *body;
	size_t body_len;
};

static inline void on_peer_readable(void *ctx, uint32_t events)
{
	struct peer *p = ctx;
	char chunk[65536];
	ssize_t n = recv(p->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	(void)events;
	if (n > 0) {
		buf_append(&p->in, chunk, (size_t)n);
	} else if (n == 0 || errno != EAGAIN) {
		p->ended = true;
		loop_fd_del(p->loop, &p->source);
	}
}

static inline void peer_open(struct peer *p, struct app *app)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(app->port) };

	memset(p, 0, sizeof(*p));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->loop = app->loop;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->fd >= 0);
	assert_int_equal(connect(p->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	loop_fd_init(&p->source, on_peer_readable, p);
	assert_int_equal(loop_fd_add(p->loop, &p->source, p->fd, EPOLLIN), 0);
}

static inline void peer_close(struct peer *p)
{
	loop_fd_del(p->loop, &p->source);
	close(p->fd);
	p->fd = -1;
	buf_fini(&p->in);
	free(p->head);
	free(p->body);
	p->head = NULL;
	p->body = NULL;
}

/* The server reads as it goes: a body may be larger than the socket takes at once. */
static inline void peer_send_bytes(struct peer *p, const char *data, size_t len)
{
	int64_t give_up_us = clock_mono_us() + PATIENCE_US;

	while (len > 0) {
		ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN) {
			return; /* the server has closed; the test looks at what it said */
		} else {
			assert_true(clock_mono_us() < give_up_us);
			assert_int_equal(loop_turn(p->loop, 1000), 0);
		}
	}
}

static inline void peer_send(struct peer *p, const char *text)
{
	peer_send_bytes(p, text, strlen(text));
}

static inline void peer_ask(struct peer *p, const char *method, const char *target, const char *body)
{
	struct buf text = BUF_INIT;

	buf_printf(&text, "%s %s HTTP/1.1\r\nHost: test\r\nContent-Length: %zu\r\n\r\n%s", method, target,
		   strlen(body), body);
	peer_send_bytes(p, text.data, text.len);
	buf_fini(&text);
}

/* NULL: the reply has no such header. The value ends with the line. */
static inline const char *peer_header(const struct peer *p, const char *name)
{
	for (const char *line = strstr(p->head, "\r\n"); line != NULL && line[2] != '\r';
	     line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, strlen(name)) == 0 && line[2 + strlen(name)] == ':') {
			return line + 2 + strlen(name) + 2;
		}
	}
	return NULL;
}

static inline bool peer_take(struct peer *p, bool no_body)
{
	const char *end = p->in.data != NULL ? strstr(p->in.data, "\r\n\r\n") : NULL;
	const char *length;
	size_t head_len;

	if (end == NULL) {
		return false;
	}
	head_len = (size_t)(end - p->in.data) + 4;
	free(p->head);
	free(p->body);
	p->head = strndup(p->in.data, head_len);
	p->body = NULL;
	p->status = atoi(p->head + strlen("HTTP/1.1 "));
	length = peer_header(p, "Content-Length");
	p->body_len = no_body || length == NULL ? 0 : strtoul(length, NULL, 10);
	if (p->in.len < head_len + p->body_len) {
		return false;
	}
	p->body = strndup("", 0);
	if (p->body_len > 0) {
		free(p->body);
		p->body = malloc(p->body_len + 1);
		memcpy(p->body, p->in.data + head_len, p->body_len);
		p->body[p->body_len] = '\0';
	}
	buf_consume(&p->in, head_len + p->body_len);
	return true;
}

/* Waits for a whole reply and returns its status. */
static inline int peer_reply(struct peer *p)
{
	TURN_UNTIL(p->loop, peer_take(p, false) || p->ended);
	assert_non_null(p->body);
	return p->status;
}

#endif
