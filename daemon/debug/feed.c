/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server-sent events (WHATWG HTML, section 9.2): every listener gets the whole list of functions whenever it changes, at
 * most ten times a second. A listener that does not read is let go; its browser comes back by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "debug/broker_priv.h"
#include "io/httpd.h"
#include "io/raw.h"

static const int64_t gap_us = 100 * 1000;
static const int64_t alive_us = 15 * 1000 * 1000;
static const unsigned listeners_max = 100;

struct feed {
	struct broker *broker;
	struct list listeners; // listener::link
	unsigned count;
	struct loop_timer timer;
	struct loop_timer alive;
	int64_t sent_us;
	bool armed;
};

struct listener {
	struct feed *feed;
	struct list link;
	struct raw *raw;
};

static void render_session(const struct session *s, struct buf *out)
{
	buf_puts(out, "{\"key\":");
	text_json_string(out, s->key, strlen(s->key));
	buf_puts(out, ",\"name\":");
	text_json_string(out, s->name, strlen(s->name));
	buf_puts(out, ",\"requestId\":");
	text_json_string(out, s->request_id, strlen(s->request_id));
	buf_printf(out, ",\"mode\":\"%s\",\"peer\":\"%s\",\"since\":%lld,\"deadline\":%lld",
		   s->mode == MODE_TCP ? "tcp" : "inspector", s->peer, (long long)s->since_ms,
		   (long long)s->deadline_ms);
	if (session_has_user(s)) {
		buf_printf(out, ",\"debugger\":{\"peer\":\"%s\",\"since\":%lld}", s->user_peer,
			   (long long)s->user_since_ms);
	}
	buf_puts(out, "}");
}

void feed_render(const struct broker *b, struct buf *out)
{
	const char *comma = "";
	struct list *pos;

	buf_printf(out, "{\"now\":%lld,\"lambdaPort\":%u,\"lambdaTls\":%s,\"functions\":[",
		   (long long)clock_wall_ms(), broker_lambda_port(b), b->opts.tls != NULL ? "true" : "false");
	list_foreach(&b->sessions, pos) {
		buf_puts(out, comma);
		render_session(container_of(pos, struct session, link), out);
		comma = ",";
	}
	buf_puts(out, "]}");
}

static void let_go(struct listener *l)
{
	list_unlink(&l->link);
	l->feed->count--;
	if (l->raw != NULL) {
		raw_close(l->raw);
	}
	free(l);
}

static void send_all(struct feed *f, const struct buf *text)
{
	struct list *pos, *next;

	list_foreach_safe(&f->listeners, pos, next) {
		struct listener *l = container_of(pos, struct listener, link);

		if (raw_queued(l->raw) > SOCK_HIGH) {
			let_go(l);
		} else {
			raw_send(l->raw, text->data, text->len);
		}
	}
}

static void render_event(struct feed *f, struct buf *out)
{
	buf_puts(out, "event: functions\ndata: ");
	feed_render(f->broker, out);
	buf_puts(out, "\n\n");
}

static void on_timer(void *ctx)
{
	struct feed *f = ctx;
	struct buf event = BUF_INIT;

	f->armed = false;
	f->sent_us = loop_now_us(f->broker->loop);
	render_event(f, &event);
	send_all(f, &event);
	buf_fini(&event);
}

void feed_changed(struct feed *f)
{
	int64_t now = loop_now_us(f->broker->loop);

	if (!f->armed && f->count > 0) {
		f->armed = true;
		loop_timer_set(f->broker->loop, &f->timer, f->sent_us + gap_us > now ? f->sent_us + gap_us : now);
	}
}

/* So that proxies on the way keep the connection, and we find out that a listener is gone. */
static void on_alive(void *ctx)
{
	static char comment[] = ":\n\n";
	struct feed *f = ctx;
	const struct buf text = { .data = comment, .len = sizeof(comment) - 1 };

	send_all(f, &text);
	if (f->count > 0) {
		loop_timer_set(f->broker->loop, &f->alive, loop_now_us(f->broker->loop) + alive_us);
	}
}

static void on_bytes(void *ctx, const char *data, size_t len)
{
	(void)ctx;
	(void)data;
	(void)len;
}

static void on_space(void *ctx)
{
	(void)ctx;
}

static void on_closed(void *ctx)
{
	struct listener *l = ctx;

	l->raw = NULL;
	let_go(l);
}

static const struct raw_ops listener_ops = { .on_bytes = on_bytes, .on_space = on_space, .on_closed = on_closed };

void feed_join(struct feed *f, struct httpd_req *req)
{
	struct broker *b = f->broker;
	struct buf ahead = BUF_INIT;
	struct buf out = BUF_INIT;
	struct listener *l;
	int fd;

	if (f->count >= listeners_max) {
		httpd_reply(req, 503, NULL, 0, NULL);
		return;
	}
	fd = httpd_req_detach(req, &ahead);
	buf_fini(&ahead);
	l = xcalloc(1, sizeof(*l));
	l->feed = f;
	l->raw = fd >= 0 ? raw_new(b->loop, fd, &listener_ops, l) : NULL;
	if (l->raw == NULL) {
		free(l);
		return;
	}
	raw_group(l->raw, &b->sockets);
	list_push_back(&f->listeners, &l->link);
	if (f->count++ == 0) {
		loop_timer_set(b->loop, &f->alive, loop_now_us(b->loop) + alive_us);
	}
	buf_puts(&out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
		       "Connection: close\r\n\r\nretry: 1000\n");
	render_event(f, &out);
	raw_send(l->raw, out.data, out.len);
	buf_fini(&out);
}

struct feed *feed_new(struct broker *b)
{
	struct feed *f = xcalloc(1, sizeof(*f));

	f->broker = b;
	list_init(&f->listeners);
	loop_timer_init(&f->timer, on_timer, f);
	loop_timer_init(&f->alive, on_alive, f);
	return f;
}

void feed_close(struct feed *f)
{
	while (!list_empty(&f->listeners)) {
		let_go(list_first(&f->listeners, struct listener, link));
	}
}

void feed_free(struct feed *f)
{
	feed_close(f);
	loop_timer_clear(f->broker->loop, &f->timer);
	loop_timer_clear(f->broker->loop, &f->alive);
	free(f);
}
