/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our own HTTP/1.1 server, for the Runtime API. In the usual case a request costs two system calls, recv and sendmsg: the
 * socket stays registered for reading, a parked request that its peer leaves alone causes no event, and replies are
 * written at once. There is no Date header: no runtime looks at it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/mem.h"
#include "io/http1_conn.h"

static const size_t body_max_seen = 256 << 20; /* a body that goes on longer is given up */

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

void conn_close(struct conn *c)
{
	struct httpd *h = &c->server->base;
	bool serving = c->state == SERVING;

	if (c->state == CLOSED) {
		return;
	}
	c->state = CLOSED;
	loop_fd_del(h->loop, &c->source);
	close(c->fd);
	list_unlink(&c->link);
	list_unlink(&c->resume_link);
	loop_defer(h->loop, &c->grave, conn_free, c);
	httpd_conn_closed(h);
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
	req->owner = NULL;
	req->on_gone = NULL;
}

static void serve(struct conn *c)
{
	struct httpd_req *req = &c->req;

	c->state = SERVING;
	req->method = c->head.method;
	req->path = c->head.path;
	req->query = c->head.query;
	c->server->base.opts.on_request(c->server->base.opts.ctx, req);
}

/* The request cannot even be read: one line that says why, then the end of the connection. */
static void refuse(struct conn *c, int status, const char *why)
{
	const struct httpd_header headers[] = { { "Content-Type", "text/plain; charset=utf-8" } };

	c->state = SERVING;
	c->last = true;
	c->head.method = "GET";
	(void)conn_reply(&c->req, status, headers, countof(headers), blob_static(why));
}

static void truncated(struct conn *c)
{
	c->req.body_state = HTTPD_BODY_TRUNCATED;
	c->last = true;
	serve(c);
}

/* Counts and keeps a piece of the body. false: it is absurdly long. */
static bool keep(struct conn *c, const char *data, size_t len)
{
	struct httpd_req *req = &c->req;

	req->body_seen += len;
	if (req->body_seen > body_max_seen) {
		return false;
	}
	if (req->body_state == HTTPD_BODY_OK && !buf_append(&req->body, data, len)) {
		req->body_state = HTTPD_BODY_TOO_LARGE;
		buf_fini(&req->body);
	}
	return true;
}

static void head_complete(struct conn *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct httpd_req *req = &c->req;
	const char *why = "";
	int status = http1_head_parse(&c->head_fields, &c->head, &why);

	if (status != 0) {
		refuse(c, status, why);
		return;
	}
	buf_init(&req->body, c->server->base.opts.max_body);
	if (!c->head.chunked && c->head.content_length == 0) {
		serve(c);
		return;
	}
	c->state = BODY;
	http1_chunks_init(&c->chunks, &c->trailers);
	if (!c->head.chunked && c->head.content_length > c->server->base.opts.max_body) {
		req->body_state = HTTPD_BODY_TOO_LARGE;
	}
	if (c->head.expect_continue) {
		/* A socket that was just emptied of a request takes these few bytes. */
		(void)!send(c->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* Each takes from the input and returns how much. */
static size_t feed_head(struct conn *c, const char *data, size_t len)
{
	struct buf *text = &c->head_fields.text;
	size_t skip = 0;
	size_t old;
	size_t end;

	while (text->len == 0 && skip < len && (data[skip] == '\r' || data[skip] == '\n')) {
		skip++; /* empty lines before a request: RFC 9112, section 2.2 */
	}
	old = text->len;
	if (skip == len) {
		return skip;
	}
	if (old == 0) {
		end = http1_head_end(data + skip, len - skip, 0);
		buf_append(text, data + skip, end > 0 ? end : len - skip);
	} else {
		buf_append(text, data, len);
		end = http1_head_end(text->data, text->len, old);
		if (end > 0) {
			text->len = end;
			text->data[end] = '\0';
		}
	}
	if (text->len > c->server->base.opts.max_head) {
		refuse(c, 431, "request line and headers are too long");
	} else if (end > 0) {
		head_complete(c);
	}
	return end > 0 ? skip + end - old : len;
}

static size_t feed_length(struct conn *c, const char *data, size_t len)
{
	uint64_t left = c->head.content_length - c->req.body_seen;
	size_t n = len < left ? len : (size_t)left;

	if (!keep(c, data, n)) {
		conn_close(c);
	} else if (n == left) {
		serve(c);
	}
	return n;
}

static size_t feed_chunks(struct conn *c, const char *data, size_t len)
{
	const char *piece = NULL;
	size_t piece_len = 0;
	size_t used = 0;

	switch (http1_chunks_next(&c->chunks, data, len, &used, &piece, &piece_len)) {
	case HTTP1_CHUNK_DATA:
		if (!keep(c, piece, piece_len)) {
			conn_close(c);
		}
		break;
	case HTTP1_CHUNK_END:
		serve(c);
		break;
	case HTTP1_CHUNK_BAD:
		truncated(c);
		return len;
	case HTTP1_CHUNK_MORE:
		break;
	}
	return used;
}

static void feed(struct conn *c, const char *data, size_t len)
{
	size_t at = 0;

	c->feeding = true;
	while (at < len && (c->state == HEAD || c->state == BODY)) {
		if (c->state == HEAD) {
			at += feed_head(c, data + at, len - at);
		} else if (c->head.chunked) {
			at += feed_chunks(c, data + at, len - at);
		} else {
			at += feed_length(c, data + at, len - at);
		}
	}
	c->feeding = false;
	if (at < len && c->state != CLOSED) {
		buf_append(&c->ahead, data + at, len - at);
	}
}

/* Where the next bytes go: straight into the body when its length is known and it is kept. */
static char *read_target(struct conn *c, size_t *size)
{
	if (c->state == BODY && !c->head.chunked && c->req.body_state == HTTPD_BODY_OK) {
		*size = (size_t)(c->head.content_length - c->req.body_seen);
		return buf_room(&c->req.body, *size);
	}
	*size = HTTP1_SCRATCH;
	return c->server->scratch;
}

static void took_body(struct conn *c, size_t n)
{
	buf_added(&c->req.body, n);
	c->req.body_seen += n;
	if (c->req.body_seen == c->head.content_length) {
		serve(c);
	}
}

/* One recv. false: nothing more can be read now. */
static bool read_some(struct conn *c)
{
	size_t size = 0;
	char *target = read_target(c, &size);
	ssize_t n = recv(c->fd, target, size, MSG_DONTWAIT);

	if (n < 0) {
		if (errno == EINTR) {
			return true;
		}
		if (errno != EAGAIN) {
			conn_close(c);
		}
		return false;
	}
	if (n == 0) {
		if (c->state == BODY) {
			truncated(c);
		} else {
			conn_close(c);
		}
		return false;
	}
	if (target == c->server->scratch) {
		feed(c, target, (size_t)n);
	} else {
		took_body(c, (size_t)n);
	}
	return true;
}

static void on_event(void *ctx, uint32_t events)
{
	struct conn *c = ctx;

	if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
		conn_close(c);
	} else if (c->state == WRITING) {
		if ((events & EPOLLRDHUP) != 0) {
			/* It may only have finished sending; the rest of the reply is still owed to it. */
			c->last = true;
			conn_set_interest(c, EPOLLOUT);
		}
		if ((events & EPOLLOUT) != 0) {
			conn_on_writable(c);
		}
	} else if (c->state == SERVING) {
		if ((events & EPOLLRDHUP) != 0) {
			conn_close(c);
		} else {
			conn_set_interest(c, HTTP1_WATCHING);
		}
	} else {
		(void)read_some(c);
	}
}

static void on_turn_end(void *ctx)
{
	struct http1 *s = ctx;

	while (!list_empty(&s->resumed)) {
		struct conn *c = list_first(&s->resumed, struct conn, resume_link);
		struct buf input = c->ahead;

		list_unlink(&c->resume_link);
		buf_init(&c->ahead, 0);
		feed(c, input.data, input.len);
		buf_fini(&input);
		if (c->state == HEAD || c->state == BODY) {
			conn_set_interest(c, HTTP1_READING);
		}
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
	list_push_back(&s->conns, &c->link);
	http1_fields_init(&c->head_fields);
	http1_fields_init(&c->trailers);
	conn_begin_request(c);
	loop_fd_init(&c->source, on_event, c);
	if (loop_fd_add(h->loop, &c->source, fd, HTTP1_READING) != 0) {
		conn_close(c);
	}
}

/* Calls fn for every connection of l, or for all. fn may close any of them, so there is no place in a list to keep. */
static void each_conn(struct http1 *s, const struct httpd_listener *l, void (*fn)(struct conn *c))
{
	struct list todo;

	list_init(&todo);
	list_move_all(&todo, &s->conns);
	while (!list_empty(&todo)) {
		struct conn *c = list_first(&todo, struct conn, link);

		list_unlink(&c->link);
		list_push_back(&s->conns, &c->link);
		if (l == NULL || c->req.listener == l) {
			fn(c);
		}
	}
}

static void on_kick(struct httpd *h, struct httpd_listener *l)
{
	each_conn(container_of(h, struct http1, base), l, conn_close);
}

static void settle_conn(struct conn *c)
{
	while ((c->state == HEAD || c->state == BODY) && c->ahead.len == 0 && read_some(c)) {
	}
}

static void on_settle(struct httpd *h, struct httpd_listener *l)
{
	each_conn(container_of(h, struct http1, base), l, settle_conn);
}

static void close_if_idle(struct conn *c)
{
	if (c->state == HEAD && c->head_fields.text.len == 0) {
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
		const struct conn *c = container_of(pos, struct conn, link);

		n += c->state != HEAD || c->head_fields.text.len > 0;
	}
	return n;
}

static void on_destroy(struct httpd *h)
{
	struct http1 *s = container_of(h, struct http1, base);

	on_kick(h, NULL);
	loop_hook_del(&s->hook);
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

static bool on_alive(const struct httpd_req *req)
{
	char byte;
	ssize_t n = recv(conn_of(req)->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
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
	.alive = on_alive,
	.reply = conn_reply,
};

struct httpd *httpd_http1_new(struct loop *loop, const struct httpd_opts *opts)
{
	struct http1 *s = xcalloc(1, sizeof(*s));

	httpd_base_init(&s->base, &backend, loop, opts);
	list_init(&s->conns);
	list_init(&s->resumed);
	loop_hook_add(loop, &s->hook, on_turn_end, s);
	return &s->base;
}
