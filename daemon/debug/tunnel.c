/* SPDX-License-Identifier: Apache-2.0 */
/* From plain TCP to a broker. */
#include "debug/tunnel.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "debug/broker.h"
#include "io/acceptor.h"
#include "io/httpd.h"
#include "io/raw.h"
#include "io/sock.h"
#include "io/ws.h"
#include "io/ws_dial.h"
#include "loop/loop.h"

struct tunnel {
	struct loop *loop;
	struct tunnel_opts opts;
	struct acceptor acceptor;
	struct list links; // link::link
	struct sock_group sockets;
	struct loop_hook end_hook;
	void (*drained)(void *ctx);
	void *drained_ctx;
};

/* One debugger. */
struct link {
	struct tunnel *tunnel;
	struct list link;
	struct raw *raw;
	struct ws_dial *dial;
	struct ws *ws;
};

static void link_close(struct link *l, unsigned code)
{
	list_unlink(&l->link);
	ws_dial_cancel(l->dial);
	if (l->ws != NULL) {
		ws_close(l->ws, code, "");
	}
	if (l->raw != NULL) {
		raw_close(l->raw);
	}
	free(l);
}

static void on_bytes(void *ctx, const char *data, size_t len)
{
	const struct ws_piece piece = { .binary = true, .first = true, .last = true, .data = data, .len = len };
	struct link *l = ctx;

	ws_send(l->ws, &piece);
	if (ws_queued(l->ws) > SOCK_HIGH) {
		raw_pause(l->raw, true);
	}
}

static void on_raw_space(void *ctx)
{
	struct link *l = ctx;

	if (l->ws != NULL) {
		ws_pause(l->ws, false);
	}
}

static void on_raw_closed(void *ctx)
{
	struct link *l = ctx;

	l->raw = NULL;
	log_info("debugger disconnected");
	link_close(l, WS_NORMAL);
}

static const struct raw_ops raw_ops = { .on_bytes = on_bytes, .on_space = on_raw_space, .on_closed = on_raw_closed };

static void on_piece(void *ctx, const struct ws_piece *piece)
{
	struct link *l = ctx;

	raw_send(l->raw, piece->data, piece->len);
	if (raw_queued(l->raw) > SOCK_HIGH) {
		ws_pause(l->ws, true);
	}
}

static void on_ws_space(void *ctx)
{
	struct link *l = ctx;

	raw_pause(l->raw, false);
}

static void on_ws_closed(void *ctx, unsigned code, const char *reason)
{
	struct link *l = ctx;

	l->ws = NULL;
	log_info("the broker has closed the connection code=%u reason=\"%s\"", code, reason);
	link_close(l, WS_NORMAL);
}

static const struct ws_ops ws_ops = { .on_piece = on_piece, .on_space = on_ws_space, .on_closed = on_ws_closed };

static void on_dialled(void *ctx, struct ws *ws, const char *why)
{
	struct link *l = ctx;
	const struct tunnel_opts *o = &l->tunnel->opts;

	l->dial = NULL;
	l->ws = ws;
	if (ws == NULL) {
		log_error("the broker cannot be reached address=%s:%u reason=\"%s\"", o->host, o->port, why);
		link_close(l, WS_NORMAL);
		return;
	}
	ws_group(ws, &l->tunnel->sockets);
	ws_keepalive(ws, BROKER_KEEPALIVE_US);
	raw_pause(l->raw, false);
}

static void dial(struct link *l)
{
	const struct tunnel_opts *o = &l->tunnel->opts;
	char *authorization = o->token != NULL ? xasprintf("Bearer %s", o->token) : NULL;
	const struct httpd_header headers[] = { { "Authorization", authorization } };
	const struct ws_target where = {
		.host = o->host,
		.port = o->port,
		.path = o->path,
		.headers = headers,
		.count = countof(headers),
		.tls = o->tls,
	};

	l->dial = ws_dial_start(l->tunnel->loop, &where, &ws_ops, on_dialled, l);
	if (authorization != NULL) {
		explicit_bzero(authorization, strlen(authorization));
	}
	free(authorization);
}

static void on_connection(void *ctx, int fd)
{
	struct tunnel *t = ctx;
	struct link *l = xcalloc(1, sizeof(*l));

	l->tunnel = t;
	list_push_back(&t->links, &l->link);
	l->raw = raw_new(t->loop, fd, &raw_ops, l);
	if (l->raw == NULL) {
		link_close(l, WS_NORMAL);
		return;
	}
	raw_group(l->raw, &t->sockets);
	log_info("debugger connected");
	/* What it says first waits in its socket. */
	raw_pause(l->raw, true);
	dial(l);
}

struct tunnel *tunnel_new(struct loop *loop, const struct tunnel_opts *opts, struct err *err)
{
	struct tunnel *t = xcalloc(1, sizeof(*t));

	t->loop = loop;
	t->opts = *opts;
	list_init(&t->links);
	sock_group_init(&t->sockets);
	if (acceptor_open(&t->acceptor, loop, opts->listen_host, opts->listen_port, on_connection, t, err) != 0) {
		free(t);
		return NULL;
	}
	return t;
}

uint16_t tunnel_port(const struct tunnel *t)
{
	return acceptor_port(&t->acceptor);
}

static void shut(struct tunnel *t)
{
	acceptor_close(&t->acceptor);
	while (!list_empty(&t->links)) {
		link_close(list_first(&t->links, struct link, link), WS_GOING_AWAY);
	}
}

static void on_turn_end(void *ctx)
{
	struct tunnel *t = ctx;

	if (t->sockets.open == 0) {
		loop_hook_del(&t->end_hook);
		t->drained(t->drained_ctx);
	}
}

void tunnel_drain(struct tunnel *t, void (*drained)(void *ctx), void *ctx)
{
	t->drained = drained;
	t->drained_ctx = ctx;
	shut(t);
	loop_hook_add(t->loop, &t->end_hook, on_turn_end, t);
	loop_wake(t->loop);
}

void tunnel_free(struct tunnel *t)
{
	if (t != NULL) {
		shut(t);
		sock_group_end(&t->sockets);
		free(t);
	}
}
