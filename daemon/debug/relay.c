/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes from a function to its debugger and back, piece by piece. A message is passed on in frames of at most
 * PIECE_MAX, a smaller one in one frame; the side that is read from waits while the other has much queued.
 */
#include "base/log.h"
#include "base/text.h"
#include "debug/broker_priv.h"
#include "io/raw.h"

#define PIECE_MAX ((size_t)64 * 1024)

/* The end of a session from inside a callback of one of its connections: s is gone after. */
static void give_up(struct session *s, unsigned code, const char *why)
{
	log_warn("debug session ended id=%s reason=\"%s\"", s->key, why);
	session_end(s, code, why);
}

static size_t user_queued(const struct session *s)
{
	return s->user != NULL ? ws_queued(s->user) : s->user_raw != NULL ? raw_queued(s->user_raw) : 0;
}

static void pause_user(struct session *s, bool pause)
{
	if (s->user != NULL) {
		ws_pause(s->user, pause);
	} else if (s->user_raw != NULL) {
		raw_pause(s->user_raw, pause);
	}
}

/* --- function to debugger --- */

static void send_user(struct session *s, bool last)
{
	struct ws_piece piece = {
		.first = !s->user_begun,
		.last = last,
		.data = s->to_user.data,
		.len = s->to_user.len,
	};

	if (s->user != NULL && !s->user_skip) {
		s->user_begun = !last;
		s->broker->stats.to_user_bytes += piece.len;
		ws_send(s->user, &piece);
	}
	buf_clear(&s->to_user);
}

static void bytes_to_user(struct session *s, const char *data, size_t len)
{
	const struct ws_piece piece = { .binary = true, .first = true, .last = true, .data = data, .len = len };

	s->broker->stats.to_user_bytes += len;
	if (s->user_raw != NULL) {
		raw_send(s->user_raw, data, len);
	} else if (s->user != NULL) {
		ws_send(s->user, &piece);
	}
}

/* false: the session is over. */
static bool unwrap(struct session *s, const struct ws_piece *piece)
{
	size_t before = s->to_user.len;

	if (piece->first) {
		wire_begin(&s->reader);
		buf_clear(&s->to_user);
		s->user_skip = s->user == NULL;
		s->to_user_len = 0;
		before = 0;
	}
	if (!wire_feed(&s->reader, piece->data, piece->len, &s->to_user) || (piece->last && !wire_end(&s->reader))) {
		give_up(s, WS_BAD_DATA, "the function sent something else than a debug message");
		return false;
	}
	s->to_user_len += s->to_user.len - before;
	if (s->to_user_len > s->broker->opts.max_message) {
		give_up(s, WS_TOO_BIG, "the function sent a message over the limit");
		return false;
	}
	if (wire_type(&s->reader) == WIRE_PAYLOAD && (piece->last || s->to_user.len >= PIECE_MAX)) {
		send_user(s, piece->last);
	}
	return true;
}

static void on_lambda_piece(void *ctx, const struct ws_piece *piece)
{
	struct session *s = ctx;

	if (s->mode == MODE_TCP) {
		if (piece->binary && piece->len > 0) {
			bytes_to_user(s, piece->data, piece->len);
		}
	} else if (piece->binary) {
		give_up(s, WS_UNSUPPORTED, "the function sent a binary message");
		return;
	} else if (!unwrap(s, piece)) {
		return;
	}
	if (user_queued(s) > SOCK_HIGH) {
		ws_pause(s->lambda, true);
	}
}

static void on_lambda_space(void *ctx)
{
	pause_user(ctx, false);
}

static void on_lambda_closed(void *ctx, unsigned code, const char *reason)
{
	struct session *s = ctx;

	log_info("function disconnected id=%s code=%u reason=\"%s\"", s->key, code, reason);
	s->lambda = NULL;
	session_end(s, WS_NORMAL, "the function has ended the debug session");
}

/* --- debugger to function --- */

static void send_lambda(struct session *s, bool last)
{
	struct ws_piece piece = {
		.first = !s->lambda_begun,
		.last = last,
		.data = s->to_lambda.data,
		.len = s->to_lambda.len,
	};

	s->lambda_begun = !last;
	ws_send(s->lambda, &piece);
	buf_clear(&s->to_lambda);
}

static void bytes_to_lambda(struct session *s, const char *data, size_t len)
{
	const struct ws_piece piece = { .binary = true, .first = true, .last = true, .data = data, .len = len };

	s->broker->stats.to_lambda_bytes += len;
	if (len > 0) {
		ws_send(s->lambda, &piece);
	}
	if (ws_queued(s->lambda) > SOCK_HIGH) {
		pause_user(s, true);
	}
}

static void wrap(struct session *s, const struct ws_piece *piece)
{
	if (piece->first) {
		buf_clear(&s->to_lambda);
		wire_open(&s->to_lambda);
		s->to_lambda_len = 0;
	}
	s->to_lambda_len += piece->len;
	s->broker->stats.to_lambda_bytes += piece->len;
	if (s->to_lambda_len > s->broker->opts.max_message) {
		give_up(s, WS_TOO_BIG, "the debugger sent a message over the limit");
		return;
	}
	text_json_escape(&s->to_lambda, piece->data, piece->len);
	if (piece->last) {
		wire_shut(&s->to_lambda);
	}
	if (piece->last || s->to_lambda.len >= PIECE_MAX) {
		send_lambda(s, piece->last);
	}
	if (ws_queued(s->lambda) > SOCK_HIGH) {
		pause_user(s, true);
	}
}

static void on_user_piece(void *ctx, const struct ws_piece *piece)
{
	struct session *s = ctx;

	if (s->mode == MODE_TCP) {
		bytes_to_lambda(s, piece->data, piece->len);
	} else if (piece->binary) {
		give_up(s, WS_UNSUPPORTED, "the debugger sent a binary message");
	} else {
		wrap(s, piece);
	}
}

static void on_user_space(void *ctx)
{
	struct session *s = ctx;

	ws_pause(s->lambda, false);
}

static void on_user_closed(void *ctx, unsigned code, const char *reason)
{
	struct session *s = ctx;

	log_info("debugger disconnected id=%s code=%u reason=\"%s\"", s->key, code, reason);
	s->user = NULL;
	session_end(s, WS_NORMAL, "the debugger has gone");
}

static void on_raw_bytes(void *ctx, const char *data, size_t len)
{
	bytes_to_lambda(ctx, data, len);
}

static void on_raw_closed(void *ctx)
{
	struct session *s = ctx;

	log_info("debugger disconnected id=%s", s->key);
	s->user_raw = NULL;
	session_end(s, WS_NORMAL, "the debugger has gone");
}

const struct ws_ops relay_lambda_ops = {
	.on_piece = on_lambda_piece,
	.on_space = on_lambda_space,
	.on_closed = on_lambda_closed,
};

const struct ws_ops relay_user_ops = {
	.on_piece = on_user_piece,
	.on_space = on_user_space,
	.on_closed = on_user_closed,
};

const struct raw_ops relay_raw_ops = {
	.on_bytes = on_raw_bytes,
	.on_space = on_user_space,
	.on_closed = on_raw_closed,
};
