/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected: pairing by key, and the ends of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "debug/broker_priv.h"
#include "io/httpd.h"
#include "io/raw.h"
#include "io/ws_handshake.h"

static const int64_t day_ms = 24 * 3600 * 1000;

struct session *session_find(const struct broker *b, const char *key)
{
	struct list *pos;

	list_foreach(&b->sessions, pos) {
		struct session *s = container_of(pos, struct session, link);

		if (strcmp(s->key, key) == 0) {
			return s;
		}
	}
	return NULL;
}

bool session_has_user(const struct session *s)
{
	return s->user != NULL || s->user_raw != NULL;
}

/* A connection that gets nothing but a reason. */
static void on_nothing(void *ctx, const struct ws_piece *piece)
{
	(void)ctx;
	(void)piece;
}

static void on_refused_closed(void *ctx, unsigned code, const char *reason)
{
	(void)ctx;
	(void)code;
	(void)reason;
}

static const struct ws_ops refused_ops = { .on_piece = on_nothing, .on_closed = on_refused_closed };

/* As the reference does it: accepted, then closed, because not every debugger shows an HTTP status. */
static void refuse(struct broker *b, struct httpd_req *req, const char *key, const char *why)
{
	struct ws *ws = ws_switch(b->loop, req, &refused_ops, NULL);

	b->stats.refused++;
	log_warn("debug connection refused id=%s reason=\"%s\"", key, why);
	if (ws != NULL) {
		ws_group(ws, &b->sockets);
		ws_close(ws, WS_NORMAL, why);
	}
}

static char *header_copy(const struct httpd_req *req, const char *name)
{
	const char *value = httpd_req_header(req, name);

	return xstrndup(value != NULL ? value : "", 256);
}

static void session_free(struct session *s)
{
	wire_reader_fini(&s->reader);
	buf_fini(&s->to_user);
	buf_fini(&s->to_lambda);
	free(s->key);
	free(s->name);
	free(s->request_id);
	free(s);
}

static struct session *session_new(struct broker *b, const struct httpd_req *req, const char *key)
{
	struct session *s = xcalloc(1, sizeof(*s));
	const char *mode = httpd_req_header(req, "Lambda-Debug-Mode");
	const char *left = httpd_req_header(req, "Lambda-Debug-Remaining-Ms");
	uint64_t left_ms = 0;

	s->broker = b;
	s->key = xstrdup(key);
	s->name = header_copy(req, "Lambda-Debug-Function");
	s->request_id = header_copy(req, "Lambda-Debug-Request-Id");
	s->mode = mode != NULL && strcmp(mode, "tcp") == 0 ? MODE_TCP : MODE_INSPECTOR;
	s->since_ms = clock_wall_ms();
	if (left != NULL && text_to_u64(left, 0, (uint64_t)day_ms, &left_ms)) {
		s->deadline_ms = s->since_ms + (int64_t)left_ms;
	}
	wire_reader_init(&s->reader);
	return s;
}

void session_add(struct broker *b, struct httpd_req *req, const char *key)
{
	struct session *s;

	if (session_find(b, key) != NULL) {
		refuse(b, req, key, "another function is connected with this id");
		return;
	}
	s = session_new(b, req, key);
	s->lambda = ws_switch(b->loop, req, &relay_lambda_ops, s);
	if (s->lambda == NULL) {
		session_free(s);
		return;
	}
	ws_group(s->lambda, &b->sockets);
	ws_keepalive(s->lambda, b->opts.keepalive_us);
	ws_peer(s->lambda, s->peer);
	list_push_back(&b->sessions, &s->link);
	b->session_count++;
	b->stats.functions++;
	log_info("function connected id=%s peer=%s mode=%s", key, s->peer, s->mode == MODE_TCP ? "tcp" : "inspector");
	feed_changed(b->feed);
}

static void user_joined(struct session *s)
{
	static const struct ws_piece hello = {
		.first = true,
		.last = true,
		.data = WIRE_USER_CONNECTED,
		.len = sizeof(WIRE_USER_CONNECTED) - 1,
	};

	s->user_since_ms = clock_wall_ms();
	s->broker->stats.debuggers++;
	log_info("debugger connected id=%s peer=%s", s->key, s->user_peer);
	ws_send(s->lambda, &hello);
	feed_changed(s->broker->feed);
}

void session_join(struct broker *b, struct httpd_req *req, const char *key)
{
	struct session *s = session_find(b, key);

	if (s == NULL) {
		refuse(b, req, key, "no function is connected with this id");
		return;
	}
	if (session_has_user(s)) {
		refuse(b, req, key, "this function has a debugger already");
		return;
	}
	s->user = ws_switch(b->loop, req, &relay_user_ops, s);
	if (s->user != NULL) {
		ws_group(s->user, &b->sockets);
		ws_keepalive(s->user, b->opts.keepalive_us);
		ws_peer(s->user, s->user_peer);
		user_joined(s);
	}
}

void session_join_raw(struct broker *b, int fd, const char *key)
{
	struct session *s = session_find(b, key);

	if (s == NULL || session_has_user(s) || s->mode != MODE_TCP) {
		b->stats.refused++;
		log_warn("debug connection refused id=%s reason=\"%s\"", key,
			 s == NULL	       ? "no function is connected with this id"
			 : session_has_user(s) ? "this function has a debugger already"
					       : "this function does not take plain TCP");
		close(fd);
		return;
	}
	s->user_raw = raw_new(b->loop, fd, &relay_raw_ops, s);
	if (s->user_raw != NULL) {
		raw_group(s->user_raw, &b->sockets);
		snprintf(s->user_peer, sizeof(s->user_peer), "tcp");
		user_joined(s);
	}
}

void session_end(struct session *s, unsigned code, const char *reason)
{
	struct broker *b = s->broker;

	list_unlink(&s->link);
	b->session_count--;
	if (s->lambda != NULL) {
		ws_close(s->lambda, code, reason);
	}
	if (s->user != NULL) {
		ws_close(s->user, code, reason);
	}
	if (s->user_raw != NULL) {
		raw_close(s->user_raw);
	}
	session_free(s);
	feed_changed(b->feed);
}
