/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to the runtime's debug port. */
#include "edge/debug_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/dial.h"
#include "io/raw.h"
#include "io/ws_dial.h"
#include "loop/loop.h"

static const int64_t dial_us = 2 * 1000 * 1000;
static const int64_t retry_us = 50 * 1000;
static const int64_t give_up_us = 3 * 1000 * 1000;
static const size_t list_max = 64 * 1024;

struct debug_target {
	struct loop *loop;
	const struct debug_target_ops *ops;
	void *ctx;
	bool tcp;
	uint16_t port;
	int64_t until_us;
	struct loop_timer timer;
	struct loop_grave grave;
	struct dial *dial;
	struct raw *raw; /* the question for the list, then (tcp) the session */
	struct ws_dial *ws_dial;
	struct ws *ws;
	struct buf list;
	char path[128];
	char why[128];
};

static void target_free(void *ctx)
{
	struct debug_target *t = ctx;

	buf_fini(&t->list);
	free(t);
}

void debug_target_close(struct debug_target *t)
{
	if (t == NULL) {
		return;
	}
	dial_cancel(t->dial);
	ws_dial_cancel(t->ws_dial);
	if (t->raw != NULL) {
		raw_close(t->raw);
	}
	if (t->ws != NULL) {
		ws_close(t->ws, WS_NORMAL, "");
	}
	loop_timer_clear(t->loop, &t->timer);
	t->dial = NULL;
	t->ws_dial = NULL;
	t->raw = NULL;
	t->ws = NULL;
	loop_defer(t->loop, &t->grave, target_free, t);
}

static void closed(struct debug_target *t, const char *why)
{
	const struct debug_target_ops *ops = t->ops;
	void *ctx = t->ctx;

	debug_target_close(t);
	ops->on_closed(ctx, why);
}

static void try_later(struct debug_target *t, const char *why)
{
	int64_t now = loop_now_us(t->loop);

	snprintf(t->why, sizeof(t->why), "127.0.0.1:%u: %s", t->port, why);
	/* Not at once, also when the time is over: the caller may be inside debug_target_open. */
	loop_timer_set(t->loop, &t->timer, now + retry_us);
}

/* --- inspector --- */

static void on_ws_piece(void *ctx, const struct ws_piece *piece)
{
	struct debug_target *t = ctx;

	t->ops->on_piece(t->ctx, piece);
}

static void on_any_space(void *ctx)
{
	struct debug_target *t = ctx;

	t->ops->on_space(t->ctx);
}

static void on_ws_closed(void *ctx, unsigned code, const char *reason)
{
	struct debug_target *t = ctx;

	(void)code;
	(void)reason;
	t->ws = NULL;
	closed(t, "the runtime has closed its debug port");
}

static const struct ws_ops ws_ops = { .on_piece = on_ws_piece, .on_space = on_any_space, .on_closed = on_ws_closed };

static void on_ws_dialled(void *ctx, struct ws *ws, const char *why)
{
	struct debug_target *t = ctx;

	t->ws_dial = NULL;
	t->ws = ws;
	if (ws == NULL) {
		try_later(t, why);
	} else {
		t->ops->on_open(t->ctx, t->path);
	}
}

/* "webSocketDebuggerUrl": "ws://127.0.0.1:9229/0f2c936f-..." */
static bool find_path(struct debug_target *t)
{
	static const char name[] = "\"webSocketDebuggerUrl\"";
	const char *at = strstr(t->list.data, name);
	const char *start = at != NULL ? strstr(at, "ws://") : NULL;
	const char *slash = start != NULL ? strchr(start + 5, '/') : NULL;
	size_t len = slash != NULL ? strcspn(slash, "\" \r\n") : 0;

	if (len < 2 || len >= sizeof(t->path) || slash[len] != '"') {
		return false;
	}
	memcpy(t->path, slash, len);
	t->path[len] = '\0';
	return true;
}

static void on_list_bytes(void *ctx, const char *data, size_t len)
{
	struct debug_target *t = ctx;
	struct ws_target where = { .host = "127.0.0.1", .port = t->port, .path = t->path };
	bool room = buf_append(&t->list, data, len);

	if (room && !find_path(t)) {
		return;
	}
	raw_close(t->raw);
	t->raw = NULL;
	if (!room) {
		try_later(t, "no inspector");
		return;
	}
	t->ws_dial = ws_dial_start(t->loop, &where, &ws_ops, on_ws_dialled, t);
}

static void on_list_closed(void *ctx)
{
	struct debug_target *t = ctx;

	t->raw = NULL;
	try_later(t, "no inspector");
}

static const struct raw_ops list_ops = {
	.on_bytes = on_list_bytes,
	.on_space = on_any_space,
	.on_closed = on_list_closed,
};

/* --- tcp --- */

static void on_tcp_bytes(void *ctx, const char *data, size_t len)
{
	struct debug_target *t = ctx;
	const struct ws_piece piece = { .binary = true, .first = true, .last = true, .data = data, .len = len };

	t->ops->on_piece(t->ctx, &piece);
}

static void on_tcp_closed(void *ctx)
{
	struct debug_target *t = ctx;

	t->raw = NULL;
	closed(t, "the runtime has closed its debug port");
}

static const struct raw_ops tcp_ops = {
	.on_bytes = on_tcp_bytes,
	.on_space = on_any_space,
	.on_closed = on_tcp_closed,
};

/* --- both --- */

static void ask_for_list(struct debug_target *t)
{
	char request[128];
	int len = snprintf(request, sizeof(request), "GET /json/list HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n",
			   t->port);

	buf_fini(&t->list);
	buf_init(&t->list, list_max);
	raw_send(t->raw, request, (size_t)len);
}

static void on_dialled(void *ctx, int fd, const char *why)
{
	struct debug_target *t = ctx;

	t->dial = NULL;
	if (fd < 0) {
		try_later(t, why);
		return;
	}
	t->raw = raw_new(t->loop, fd, t->tcp ? &tcp_ops : &list_ops, t);
	if (t->raw == NULL) {
		try_later(t, "the socket is unusable");
	} else if (t->tcp) {
		t->ops->on_open(t->ctx, "");
	} else {
		ask_for_list(t);
	}
}

static void on_timer(void *ctx)
{
	struct debug_target *t = ctx;

	if (loop_now_us(t->loop) > t->until_us) {
		char why[sizeof(t->why)];

		memcpy(why, t->why, sizeof(why));
		closed(t, why);
		return;
	}
	t->dial = dial_start(t->loop, "127.0.0.1", t->port, dial_us, on_dialled, t);
}

struct debug_target *debug_target_open(struct loop *loop, bool tcp, uint16_t port, const struct debug_target_ops *ops,
				       void *ctx)
{
	struct debug_target *t = xcalloc(1, sizeof(*t));

	t->loop = loop;
	t->ops = ops;
	t->ctx = ctx;
	t->tcp = tcp;
	t->port = port;
	t->until_us = loop_now_us(loop) + give_up_us;
	loop_timer_init(&t->timer, on_timer, t);
	t->dial = dial_start(loop, "127.0.0.1", port, dial_us, on_dialled, t);
	return t;
}

void debug_target_send(struct debug_target *t, const char *data, size_t len)
{
	const struct ws_piece piece = { .first = true, .last = true, .data = data, .len = len };

	if (t->tcp) {
		raw_send(t->raw, data, len);
	} else {
		ws_send(t->ws, &piece);
	}
}

size_t debug_target_queued(const struct debug_target *t)
{
	return t->tcp ? raw_queued(t->raw) : ws_queued(t->ws);
}

void debug_target_pause(struct debug_target *t, bool pause)
{
	if (t->tcp) {
		raw_pause(t->raw, pause);
	} else {
		ws_pause(t->ws, pause);
	}
}
