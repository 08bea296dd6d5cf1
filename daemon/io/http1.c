/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own HTTP/1.1 server, for the Runtime API. In the usual case a request costs two system calls, recv and sendmsg: the
 * socket stays registered for reading, a parked request that its peer leaves alone causes no event, and replies are
 * written at once. There is no Date header: no runtime looks at it.
 */
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/mem.h"
#include "io/http1_conn.h"

static const int64_t linger_us = 2 * 1000 * 1000;

struct conn *conn_of(const struct httpd_req *req)
{
	return container_of((struct httpd_req *)(uintptr_t)req, struct conn, req);
}

void conn_set_interest(struct conn *c, uint32_t events)
{
	if (c->interest != events) {
		c->interest = events;
		loop_fd_mod(c->server->base.loop, &c->source, events);
	}
}

static void arm(struct ageing *a)
{
	const struct conn *oldest = list_first(&a->conns, struct conn, age_link);

	a->armed = oldest != NULL;
	if (oldest != NULL) {
		loop_timer_set(a->server->base.loop, &a->timer, oldest->active_us + a->limit_us);
	}
}

static void on_age(void *ctx)
{
	struct ageing *a = ctx;
	int64_t now = loop_now_us(a->server->base.loop);
	struct conn *oldest = list_first(&a->conns, struct conn, age_link);

	while (oldest != NULL && oldest->active_us + a->limit_us <= now) {
		conn_close(oldest);
		oldest = list_first(&a->conns, struct conn, age_link);
	}
	arm(a);
}

static void ageing_init(struct ageing *a, struct http1 *s, int64_t limit_us)
{
	a->server = s;
	a->limit_us = limit_us;
	list_init(&a->conns);
	loop_timer_init(&a->timer, on_age, a);
}

void conn_touch(struct conn *c)
{
	struct ageing *a = c->state == LINGERING ? &c->server->lingering : &c->server->idle;

	list_unlink(&c->age_link);
	if (a->limit_us > 0) {
		c->active_us = loop_now_us(c->server->base.loop);
		list_push_back(&a->conns, &c->age_link);
		/* An armed timer may come too early then; moving it each time would cost more. */
		if (!a->armed) {
			arm(a);
		}
	}
}

static void conn_free(void *ctx)
{
	struct conn *c = ctx;

	buf_fini(&c->req.body);
	buf_fini(&c->ahead);
	buf_fini(&c->out_head);
	blob_unref(c->out_body);
	http1_fields_fini(&c->head_fields);
	http1_fields_fini(&c->trailers);
	free(c);
}

/* Off every list; what becomes of its socket is the caller's affair. */
static void retire(struct conn *c)
{
	struct httpd *h = &c->server->base;

	c->state = CLOSED;
	loop_fd_del(h->loop, &c->source);
	for (struct walk *w = c->server->walks; w != NULL; w = w->outer) {
		w->next = w->next == &c->link ? c->link.next : w->next;
	}
	list_unlink(&c->link);
	list_unlink(&c->resume_link);
	list_unlink(&c->age_link);
	loop_defer(h->loop, &c->grave, conn_free, c);
	httpd_conn_closed(h);
}

void conn_close(struct conn *c)
{
	bool serving = c->state == SERVING || c->state == STREAMING;

	if (c->state == CLOSED) {
		return;
	}
	retire(c);
	close(c->fd);
	if (serving && c->req.on_gone != NULL) {
		c->req.on_gone(c->req.owner);
	}
}

void conn_begin_request(struct conn *c)
{
	struct httpd_req *req = &c->req;

	c->state = HEAD;
	http1_fields_reset(&c->head_fields, HTTP1_KEPT_HEAD);
	http1_fields_reset(&c->trailers, 0);
	buf_fini(&req->body);
	req->body_seen = 0;
	req->body_state = HTTPD_BODY_OK;
	req->is_stream = false;
	req->stream = NULL;
	req->owner = NULL;
	req->on_gone = NULL;
	conn_touch(c);
}

static void on_event_writing(struct conn *c, uint32_t events)
{
	if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
		conn_close(c);
		return;
	}
	if ((events & EPOLLRDHUP) != 0) {
		/* It may only have finished sending; the rest of the reply is still owed to it. */
		c->last = true;
		conn_set_interest(c, EPOLLOUT);
	}
	if ((events & EPOLLOUT) != 0) {
		conn_on_writable(c);
	}
}

static void on_event(void *ctx, uint32_t events)
{
	struct conn *c = ctx;

	switch (c->state) {
	case HEAD:
	case BODY:
	case STREAMING:
		/* Also after a reset: what had come before it can still be read. */
		(void)conn_read(c);
		break;
	case SERVING:
		if ((events & ~(uint32_t)EPOLLIN) != 0) {
			conn_close(c);
		} else {
			conn_set_interest(c, HTTP1_WATCHING);
		}
		break;
	case WRITING:
		on_event_writing(c, events);
		break;
	case LINGERING:
		if (!conn_drain(c)) {
			conn_close(c);
		}
		break;
	case CLOSED:
		break;
	}
}

static void on_turn_end(void *ctx)
{
	struct http1 *s = ctx;

	while (!list_empty(&s->resumed)) {
		conn_resume(list_first(&s->resumed, struct conn, resume_link));
	}
}

static void on_adopt(struct httpd *h, struct httpd_listener *l, int fd, const struct sockaddr *peer, socklen_t len)
{
	struct http1 *s = container_of(h, struct http1, base);
	struct conn *c = xcalloc(1, sizeof(*c));

	(void)peer;
	(void)len;
	c->server = s;
	c->fd = fd;
	c->interest = HTTP1_READING;
	c->req.server = h;
	c->req.listener = l;
	list_init(&c->resume_link);
	list_init(&c->age_link);
	list_push_back(&s->conns, &c->link);
	http1_fields_init(&c->head_fields);
	http1_fields_init(&c->trailers);
	conn_begin_request(c);
	loop_fd_init(&c->source, on_event, c);
	if (loop_fd_add(h->loop, &c->source, fd, HTTP1_READING) != 0) {
		conn_close(c);
	}
}

/* Calls fn for every connection of l; NULL: for all. */
static void each_conn(struct http1 *s, const struct httpd_listener *l, void (*fn)(struct conn *c))
{
	struct walk w = { .outer = s->walks, .next = s->conns.next };

	s->walks = &w;
	while (w.next != &s->conns) {
		struct conn *c = container_of(w.next, struct conn, link);

		w.next = c->link.next;
		if (l == NULL || c->req.listener == l) {
			fn(c);
		}
	}
	s->walks = w.outer;
}

static void on_kick(struct httpd *h, struct httpd_listener *l)
{
	each_conn(container_of(h, struct http1, base), l, conn_close);
}

static void settle_conn(struct conn *c)
{
	/* Bounded: somebody may be sending faster than we read. It is more than a socket holds. */
	for (unsigned i = 0; i < 1024 && (c->state == HEAD || c->state == BODY || c->state == STREAMING); i++) {
		if (!conn_read(c)) {
			return;
		}
	}
}

static void on_settle(struct httpd *h, struct httpd_listener *l)
{
	each_conn(container_of(h, struct http1, base), l, settle_conn);
}

static bool is_idle(const struct conn *c)
{
	return c->state == LINGERING || (c->state == HEAD && c->head_fields.text.len == 0 && c->ahead.len == 0);
}

static void close_if_idle(struct conn *c)
{
	char byte;

	/* A request that is in the socket already was sent in good faith. */
	if (c->state == HEAD && is_idle(c) && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
		conn_close(c);
	}
}

static void on_quiesce(struct httpd *h)
{
	each_conn(container_of(h, struct http1, base), NULL, close_if_idle);
}

static unsigned on_busy(const struct httpd *h)
{
	struct http1 *s = container_of((struct httpd *)(uintptr_t)h, struct http1, base);
	struct list *pos;
	unsigned n = 0;

	list_foreach(&s->conns, pos) {
		n += !is_idle(container_of(pos, struct conn, link));
	}
	return n;
}

static void on_destroy(struct httpd *h)
{
	struct http1 *s = container_of(h, struct http1, base);

	on_kick(h, NULL);
	loop_hook_del(&s->hook);
	loop_timer_clear(h->loop, &s->idle.timer);
	loop_timer_clear(h->loop, &s->lingering.timer);
	buf_fini(&s->out);
	free(s);
}

static const char *on_header(const struct httpd_req *req, const char *name)
{
	return http1_field(&conn_of(req)->head_fields, name);
}

static const char *on_trailer(const struct httpd_req *req, const char *name)
{
	return http1_field(&conn_of(req)->trailers, name);
}

static void on_each_header(const struct httpd_req *req, httpd_header_fn fn, void *ctx)
{
	const struct http1_fields *f = &conn_of(req)->head_fields;

	for (unsigned i = 0; i < f->count; i++) {
		fn(ctx, f->text.data + f->list[i].name, f->text.data + f->list[i].value);
	}
}

static int on_socket(const struct httpd_req *req)
{
	return conn_of(req)->fd;
}

/* Unlike a peek at the input this also tells when there is input in front of the end. */
static bool on_alive(const struct httpd_req *req)
{
	struct pollfd p = { .fd = conn_of(req)->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) <= 0;
}

static int on_detach(struct httpd_req *req, struct buf *ahead)
{
	struct conn *c = conn_of(req);

	assert(c->state == SERVING);
	if (c->ahead.len > c->ahead_at) {
		buf_append(ahead, c->ahead.data + c->ahead_at, c->ahead.len - c->ahead_at);
	}
	retire(c);
	return c->fd;
}

static const struct httpd_backend backend = {
	.adopt = on_adopt,
	.kick = on_kick,
	.settle = on_settle,
	.quiesce = on_quiesce,
	.busy = on_busy,
	.destroy = on_destroy,
	.header = on_header,
	.trailer = on_trailer,
	.each_header = on_each_header,
	.socket = on_socket,
	.alive = on_alive,
	.reply = conn_reply,
	.detach = on_detach,
	.pause = conn_pause,
};

struct httpd *httpd_http1_new(struct loop *loop, const struct httpd_opts *opts)
{
	struct http1 *s = xcalloc(1, sizeof(*s));

	httpd_base_init(&s->base, &backend, loop, opts);
	list_init(&s->conns);
	list_init(&s->resumed);
	buf_init(&s->out, 0);
	ageing_init(&s->idle, s, opts->idle_timeout_us);
	ageing_init(&s->lingering, s, linger_us);
	loop_hook_add(loop, &s->hook, on_turn_end, s);
	return &s->base;
}
