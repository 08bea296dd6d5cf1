/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wslay on the loop. Receiving goes through its event interface, which knows the rules of messages and control frames;
 * sending of data through its frame interface, because only that can send a message in pieces of our own size. Both write
 * into one queue, whole frames at a time, so they cannot get in each other's way.
 */
#include "io/ws.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/sock.h"
#include "loop/loop.h"

/* Time for the peer to answer our close, and to take what is queued before it. */
static const int64_t closing_us = 5 * 1000 * 1000;
/* Input taken in one go, so that a fast peer does not starve the others. */
static const size_t turn_bytes = 256 * 1024;

struct ws {
	struct loop *loop;
	const struct ws_ops *ops; /* NULL: the caller has no part in it any more */
	void *ctx;
	enum ws_role role;
	struct sock sock;
	struct buf ahead;
	size_t ahead_at;
	wslay_event_context_ptr events;
	wslay_frame_context_ptr frames;
	struct loop_timer timer; /* keepalive, then the limit of the closing handshake */
	struct loop_timer wake;	 /* input that needs no event of the socket */
	struct loop_grave grave;
	int64_t interval_us;
	unsigned silent; /* intervals in which nothing moved */
	bool moved;
	uint64_t sent; /* as of the last look */
	bool paused;
	bool busy; /* inside wslay, which must not be re-entered */
	bool dead; /* the socket has ended */
	bool freed;
	size_t budget;
	bool control; /* the frame that is being received */
	bool binary;
	bool first;
	bool fin;
	char reason[124];
	unsigned code;
};

static void ws_free(void *ctx)
{
	struct ws *ws = ctx;

	wslay_event_context_free(ws->events);
	wslay_frame_context_free(ws->frames);
	sock_fini(&ws->sock);
	buf_fini(&ws->ahead);
	free(ws);
}

/* The socket goes now, the memory at the end of the turn: callbacks of wslay may be further up the stack. */
static void bury(struct ws *ws)
{
	if (ws->freed) {
		return;
	}
	ws->freed = true;
	ws->ops = NULL;
	loop_timer_clear(ws->loop, &ws->timer);
	loop_timer_clear(ws->loop, &ws->wake);
	sock_fini(&ws->sock);
	loop_defer(ws->loop, &ws->grave, ws_free, ws);
}

/* Tells the owner, who then has no part in it any more. */
static void tell_closed(struct ws *ws, unsigned code, const char *reason)
{
	const struct ws_ops *ops = ws->ops;

	ws->ops = NULL;
	if (ops != NULL) {
		ops->on_closed(ws->ctx, code, reason);
	}
}

/* --- what wslay calls --- */

static ssize_t take_ahead(struct ws *ws, uint8_t *data, size_t len)
{
	size_t left = ws->ahead.len - ws->ahead_at;
	size_t n = len < left ? len : left;

	memcpy(data, ws->ahead.data + ws->ahead_at, n);
	ws->ahead_at += n;
	if (ws->ahead_at == ws->ahead.len) {
		buf_fini(&ws->ahead);
		ws->ahead_at = 0;
	}
	return (ssize_t)n;
}

static ssize_t on_recv(wslay_event_context_ptr events, uint8_t *data, size_t len, int flags, void *ctx)
{
	struct ws *ws = ctx;
	ssize_t n = 0;

	(void)flags;
	if (!ws->paused && ws->budget > 0 && !ws->freed) {
		n = ws->ahead.len > 0 ? take_ahead(ws, data, len) : sock_read(&ws->sock, data, len);
	}
	if (n > 0) {
		ws->moved = true;
		ws->budget -= (size_t)n < ws->budget ? (size_t)n : ws->budget;
		return n;
	}
	ws->dead = ws->dead || n < 0;
	wslay_event_set_error(events, n < 0 ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
	return -1;
}

static ssize_t on_event_send(wslay_event_context_ptr events, const uint8_t *data, size_t len, int flags, void *ctx)
{
	struct ws *ws = ctx;

	(void)events;
	(void)flags;
	sock_write(&ws->sock, data, len);
	return (ssize_t)len;
}

static ssize_t on_frame_send(const uint8_t *data, size_t len, int flags, void *ctx)
{
	struct ws *ws = ctx;

	(void)flags;
	sock_write(&ws->sock, data, len);
	return (ssize_t)len;
}

static int on_frame_mask(uint8_t *data, size_t len, void *ctx)
{
	(void)ctx;
	/* Unpredictable, or a web page could make a client write what an intermediary takes for HTTP (RFC 6455, 10.3). */
	return getrandom(data, len, 0) == (ssize_t)len ? 0 : -1;
}

static int on_event_mask(wslay_event_context_ptr events, uint8_t *data, size_t len, void *ctx)
{
	(void)events;
	return on_frame_mask(data, len, ctx);
}

static void on_frame_start(wslay_event_context_ptr events, const struct wslay_event_on_frame_recv_start_arg *arg,
			   void *ctx)
{
	struct ws *ws = ctx;

	(void)events;
	ws->control = wslay_is_ctrl_frame(arg->opcode);
	if (ws->control) {
		return;
	}
	if (arg->opcode != WSLAY_CONTINUATION_FRAME) {
		ws->binary = arg->opcode == WSLAY_BINARY_FRAME;
		ws->first = true;
	}
	ws->fin = arg->fin;
}

static void pass_on(struct ws *ws, const uint8_t *data, size_t len, bool last)
{
	struct ws_piece piece = {
		.binary = ws->binary,
		.first = ws->first,
		.last = last,
		.data = (const char *)data,
		.len = len,
	};

	if (ws->ops != NULL) {
		ws->first = false;
		ws->ops->on_piece(ws->ctx, &piece);
	}
}

static void on_frame_chunk(wslay_event_context_ptr events, const struct wslay_event_on_frame_recv_chunk_arg *arg,
			   void *ctx)
{
	struct ws *ws = ctx;

	(void)events;
	if (!ws->control && arg->data_length > 0) {
		pass_on(ws, arg->data, arg->data_length, false);
	}
}

static void on_frame_end(wslay_event_context_ptr events, void *ctx)
{
	struct ws *ws = ctx;

	(void)events;
	if (!ws->control && ws->fin) {
		pass_on(ws, NULL, 0, true);
	}
}

static void on_message(wslay_event_context_ptr events, const struct wslay_event_on_msg_recv_arg *arg, void *ctx)
{
	struct ws *ws = ctx;

	(void)events;
	if (arg->opcode == WSLAY_CONNECTION_CLOSE) {
		ws->code = arg->status_code != 0 ? arg->status_code : WS_NO_STATUS;
		if (arg->msg_length > 2) {
			snprintf(ws->reason, sizeof(ws->reason), "%.*s", (int)arg->msg_length - 2,
				 (const char *)arg->msg + 2);
		}
	}
}

/* --- events --- */

/* After wslay had its say: sends what it queued (pongs, its part of a closing handshake) and looks for the end. */
static void settle(struct ws *ws)
{
	bool over;

	if (ws->freed) {
		return;
	}
	(void)wslay_event_send(ws->events);
	sock_flush(&ws->sock);
	over = ws->dead || (wslay_event_get_close_sent(ws->events) && wslay_event_get_close_received(ws->events));
	if (over && !ws->dead && sock_queued(&ws->sock) > 0) {
		over = false; /* our close has not left yet; the timer bounds the wait */
	}
	if (wslay_event_get_close_sent(ws->events) && ws->ops != NULL) {
		/* It was not us who closed: the peer did, or wslay because of what the peer sent. */
		unsigned code = wslay_event_get_close_received(ws->events)
					? ws->code
					: wslay_event_get_status_code_sent(ws->events);

		tell_closed(ws, ws->dead ? WS_ABNORMAL : code, ws->reason);
		loop_timer_set(ws->loop, &ws->timer, loop_now_us(ws->loop) + closing_us);
	}
	if (over) {
		tell_closed(ws, WS_ABNORMAL, "");
		bury(ws);
	}
}

static void take_input(struct ws *ws)
{
	if (ws->busy || ws->freed) {
		return;
	}
	ws->busy = true;
	ws->budget = turn_bytes;
	(void)wslay_event_recv(ws->events);
	ws->busy = false;
	/* wslay reads nothing more after a close: then only the end of the socket is waited for. */
	if (!ws->freed && !wslay_event_get_read_enabled(ws->events)) {
		char bin[4096];

		ws->dead = ws->dead || sock_read(&ws->sock, bin, sizeof(bin)) < 0;
	}
	settle(ws);
	if (!ws->freed && !ws->paused && ws->ahead.len > 0) {
		loop_timer_set(ws->loop, &ws->wake, loop_now_us(ws->loop));
	}
}

static void on_readable(void *ctx)
{
	take_input(ctx);
}

static void on_wake(void *ctx)
{
	take_input(ctx);
}

static void on_space(void *ctx)
{
	struct ws *ws = ctx;

	ws->moved = true;
	if (ws->ops != NULL && ws->ops->on_space != NULL) {
		ws->ops->on_space(ws->ctx);
	}
}

static void on_sent(void *ctx)
{
	settle(ctx);
}

static void on_down(void *ctx)
{
	struct ws *ws = ctx;

	ws->dead = true;
	tell_closed(ws, WS_ABNORMAL, "");
	bury(ws);
}

static void ping(struct ws *ws)
{
	const struct wslay_event_msg msg = { .opcode = WSLAY_PING };

	/* A peer that takes nothing would only collect pings. */
	if (sock_queued(&ws->sock) == 0) {
		(void)wslay_event_queue_msg(ws->events, &msg);
		settle(ws);
	}
}

static void on_timer(void *ctx)
{
	struct ws *ws = ctx;

	if (ws->ops == NULL) {
		bury(ws);
		return;
	}
	/* Whom we do not read from cannot show that it lives. */
	ws->silent = ws->moved || ws->paused || ws->sent != ws->sock.sent ? 0 : ws->silent + 1;
	ws->sent = ws->sock.sent;
	ws->moved = false;
	if (ws->silent >= 3) {
		tell_closed(ws, WS_ABNORMAL, "the peer does not answer");
		bury(ws);
		return;
	}
	loop_timer_set(ws->loop, &ws->timer, loop_now_us(ws->loop) + ws->interval_us);
	ping(ws);
	ws->sent = ws->sock.sent;
}

/* --- the outside --- */

static const struct sock_ops sock_ops = {
	.on_readable = on_readable,
	.on_space = on_space,
	.on_sent = on_sent,
	.on_down = on_down,
};

static const struct wslay_event_callbacks event_callbacks = {
	.recv_callback = on_recv,
	.send_callback = on_event_send,
	.genmask_callback = on_event_mask,
	.on_frame_recv_start_callback = on_frame_start,
	.on_frame_recv_chunk_callback = on_frame_chunk,
	.on_frame_recv_end_callback = on_frame_end,
	.on_msg_recv_callback = on_message,
};

static const struct wslay_frame_callbacks frame_callbacks = {
	.send_callback = on_frame_send,
	.genmask_callback = on_frame_mask,
};

struct ws *ws_new(struct loop *loop, int fd, enum ws_role role, struct buf *ahead, const struct ws_ops *ops,
		  void *ctx)
{
	struct ws *ws = xcalloc(1, sizeof(*ws));
	int r;

	if (sock_init(&ws->sock, loop, fd, &sock_ops, ws) != 0) {
		free(ws);
		return NULL;
	}
	ws->loop = loop;
	ws->ops = ops;
	ws->ctx = ctx;
	ws->role = role;
	ws->code = WS_ABNORMAL;
	loop_timer_init(&ws->timer, on_timer, ws);
	loop_timer_init(&ws->wake, on_wake, ws);
	r = role == WS_SERVER ? wslay_event_context_server_init(&ws->events, &event_callbacks, ws)
			      : wslay_event_context_client_init(&ws->events, &event_callbacks, ws);
	assert(r == 0);
	r = wslay_frame_context_init(&ws->frames, &frame_callbacks, ws);
	assert(r == 0);
	wslay_event_config_set_no_buffering(ws->events, 1);
	wslay_event_config_set_max_recv_msg_length(ws->events, INT64_MAX);
	if (ahead != NULL && ahead->len > 0) {
		ws->ahead = *ahead;
		buf_init(ahead, 0);
		loop_timer_set(loop, &ws->wake, loop_now_us(loop));
	}
	return ws;
}

void ws_send(struct ws *ws, const struct ws_piece *piece)
{
	struct wslay_frame_iocb frame = {
		.fin = piece->last,
		.opcode = !piece->first	  ? WSLAY_CONTINUATION_FRAME
			  : piece->binary ? WSLAY_BINARY_FRAME
					  : WSLAY_TEXT_FRAME,
		.payload_length = piece->len,
		.mask = ws->role == WS_CLIENT,
		.data = (const uint8_t *)piece->data,
		.data_length = piece->len,
	};
	ssize_t n;

	assert(ws->ops != NULL);
	if (ws->dead || wslay_event_get_close_sent(ws->events)) {
		return;
	}
	n = wslay_frame_send(ws->frames, &frame);
	/* Only getrandom can fail, and not for four bytes. */
	assert(n == (ssize_t)piece->len);
	sock_flush(&ws->sock);
}

size_t ws_queued(const struct ws *ws)
{
	return sock_queued(&ws->sock);
}

void ws_peer(const struct ws *ws, char *out)
{
	sock_peer(&ws->sock, out);
}

void ws_pause(struct ws *ws, bool pause)
{
	if (ws->paused == pause) {
		return;
	}
	ws->paused = pause;
	sock_pause(&ws->sock, pause);
	if (!pause) {
		ws->moved = true;
		loop_timer_set(ws->loop, &ws->wake, loop_now_us(ws->loop));
	}
}

void ws_keepalive(struct ws *ws, int64_t interval_us)
{
	ws->interval_us = interval_us;
	loop_timer_set(ws->loop, &ws->timer, loop_now_us(ws->loop) + interval_us);
}

void ws_close(struct ws *ws, unsigned code, const char *reason)
{
	assert(ws->ops != NULL);
	ws->ops = NULL;
	if (ws->dead) {
		bury(ws);
		return;
	}
	(void)wslay_event_queue_close(ws->events, (uint16_t)code, (const uint8_t *)reason, strlen(reason));
	loop_timer_set(ws->loop, &ws->timer, loop_now_us(ws->loop) + closing_us);
	/* What the peer still sends has to be read to find its answer. */
	ws_pause(ws, false);
	if (!ws->busy) {
		settle(ws);
	}
}

void ws_group(struct ws *ws, struct sock_group *group)
{
	sock_group_add(group, &ws->sock);
}
