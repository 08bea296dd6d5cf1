/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to a WebSocket server. */
#include "io/ws_dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/mem.h"
#include "io/dial.h"
#include "io/tls.h"
#include "io/ws.h"
#include "io/ws_handshake.h"
#include "loop/loop.h"

static const int64_t limit_us = 10 * 1000 * 1000;

struct ws_dial {
	struct loop *loop;
	const struct ws_ops *ops;
	ws_dial_fn done;
	void *ctx;
	struct dial *dial;
	struct loop_fd source;
	struct loop_timer timer;
	struct loop_grave grave;
	int fd;
	char key[WS_KEY_LEN];
	struct buf request;
	struct buf answer;
	struct tls *tls;
	char *host;
};

static void ws_dial_free(void *ctx)
{
	struct ws_dial *d = ctx;

	buf_fini(&d->request);
	buf_fini(&d->answer);
	free(d->host);
	free(d);
}

void ws_dial_cancel(struct ws_dial *d)
{
	if (d == NULL) {
		return;
	}
	dial_cancel(d->dial);
	d->dial = NULL;
	loop_timer_clear(d->loop, &d->timer);
	if (d->fd >= 0) {
		loop_fd_del(d->loop, &d->source);
		close(d->fd);
		d->fd = -1;
	}
	loop_defer(d->loop, &d->grave, ws_dial_free, d);
}

static void finish(struct ws_dial *d, struct ws *ws, const char *why)
{
	ws_dial_fn done = d->done;
	void *ctx = d->ctx;

	ws_dial_cancel(d);
	done(ctx, ws, why);
}

static void become_ws(struct ws_dial *d, size_t head_len)
{
	int fd = d->fd;
	struct ws *ws;

	loop_fd_del(d->loop, &d->source);
	d->fd = -1;
	buf_consume(&d->answer, head_len);
	ws = ws_new(d->loop, fd, WS_CLIENT, &d->answer, d->ops, d->ctx);
	finish(d, ws, "the socket is unusable");
}

static void take_answer(struct ws_dial *d)
{
	size_t head_len = 0;
	int status = 0;
	char why[48];

	switch (ws_read_answer(d->answer.data, d->answer.len, d->key, &head_len, &status)) {
	case WS_ANSWER_MORE:
		break;
	case WS_ANSWER_OK:
		become_ws(d, head_len);
		break;
	case WS_ANSWER_REFUSED:
		snprintf(why, sizeof(why), "refused with HTTP status %d", status);
		finish(d, NULL, why);
		break;
	case WS_ANSWER_BAD:
		finish(d, NULL, "no WebSocket server");
		break;
	}
}

static void on_readable(void *ctx, uint32_t events)
{
	struct ws_dial *d = ctx;
	char data[4096];
	ssize_t n = recv(d->fd, data, sizeof(data), MSG_DONTWAIT);

	(void)events;
	if (n > 0) {
		buf_append(&d->answer, data, (size_t)n);
		take_answer(d);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		finish(d, NULL, "the connection was closed");
	}
}

static void on_connected(void *ctx, int fd, const char *why)
{
	struct ws_dial *d = ctx;

	d->dial = NULL;
	if (fd < 0) {
		finish(d, NULL, why);
		return;
	}
	if (d->tls != NULL) {
		fd = tls_wrap(d->loop, d->tls, fd, d->host);
	}
	loop_fd_init(&d->source, on_readable, d);
	/* A fresh connection has room for a request of a few hundred bytes. */
	if (send(fd, d->request.data, d->request.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)d->request.len ||
	    loop_fd_add(d->loop, &d->source, fd, EPOLLIN) != 0) {
		if (fd >= 0) {
			close(fd);
		}
		finish(d, NULL, "the connection was closed");
		return;
	}
	d->fd = fd;
	loop_timer_set(d->loop, &d->timer, loop_now_us(d->loop) + limit_us);
}

static void on_timer(void *ctx)
{
	finish(ctx, NULL, "timed out");
}

struct ws_dial *ws_dial_start(struct loop *loop, const struct ws_target *target, const struct ws_ops *ops,
			      ws_dial_fn done, void *ctx)
{
	struct ws_dial *d = xcalloc(1, sizeof(*d));
	struct buf host = BUF_INIT;

	d->loop = loop;
	d->ops = ops;
	d->done = done;
	d->ctx = ctx;
	d->fd = -1;
	d->tls = target->tls;
	d->host = xstrdup(target->host);
	loop_timer_init(&d->timer, on_timer, d);
	ws_new_key(d->key);
	address_put(&host, target->host, target->port);
	ws_write_request(&d->request, host.data, target->path, d->key, target->headers, target->count);
	buf_fini(&host);
	d->dial = dial_start(loop, target->host, target->port, limit_us, on_connected, d);
	return d;
}
