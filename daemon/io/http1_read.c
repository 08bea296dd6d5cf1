/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of our own HTTP server: from bytes to a call of on_request. */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "base/blob.h"
#include "io/http1_conn.h"

/* The request is complete. */
static void serve(struct conn *c)
{
	struct httpd_req *req = &c->req;

	c->state = SERVING;
	c->complete = false;
	/* However long it is parked, that is no idleness. */
	list_unlink(&c->age_link);
	if (req->is_stream) {
		conn_set_interest(c, HTTP1_WATCHING);
		req->stream->end(req->owner);
		return;
	}
	c->server->base.opts.on_request(c->server->base.opts.ctx, req);
}

/* Its head is, and the body goes to the handler as it comes. */
static void serve_stream(struct conn *c)
{
	c->state = STREAMING;
	c->paused = false;
	list_unlink(&c->age_link);
	c->server->base.opts.on_request(c->server->base.opts.ctx, &c->req);
	assert(c->state != STREAMING || c->req.stream != NULL);
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

static void set_truncated(struct conn *c)
{
	c->req.body_state = HTTPD_BODY_TRUNCATED;
	c->complete = true;
	c->last = true;
}

/* Counts and keeps a piece of the body. Of one that is too large nothing is kept, but all of it is read: who still sends does
 * not listen to a reply. */
static void keep(struct conn *c, const char *data, size_t len)
{
	struct httpd_req *req = &c->req;

	req->body_seen += len;
	if (req->is_stream) {
		/* The end of a head may have been all of a piece. */
		if (len > 0) {
			req->stream->piece(req->owner, data, len);
		}
		return;
	}
	if (req->body_state == HTTPD_BODY_OK && !buf_append(&req->body, data, len)) {
		req->body_state = HTTPD_BODY_TOO_LARGE;
		buf_fini(&req->body);
	}
}

static void expect_body(struct conn *c, uint64_t len)
{
	struct httpd_req *req = &c->req;

	/* Room for all of it at once: memory that is not written to costs nothing yet. */
	if (len > c->server->base.opts.max_body || buf_room(&req->body, (size_t)len) == NULL) {
		req->body_state = HTTPD_BODY_TOO_LARGE;
	} else {
		buf_added(&req->body, 0);
	}
}

static void head_complete(struct conn *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const struct httpd_opts *o = &c->server->base.opts;
	const char *why = "";
	int status = http1_head_parse(&c->head_fields, &c->head, &why);

	if (status != 0) {
		refuse(c, status, why);
		return;
	}
	c->req.method = c->head.method;
	c->req.path = c->head.path;
	c->req.query = c->head.query;
	buf_init(&c->req.body, o->max_body);
	if (!c->head.chunked && c->head.content_length == 0) {
		c->complete = true;
		return;
	}
	c->state = BODY;
	http1_chunks_init(&c->chunks, &c->trailers);
	c->req.is_stream = o->wants_stream != NULL && o->wants_stream(o->ctx, &c->req);
	if (c->req.is_stream) {
		serve_stream(c);
	} else if (!c->head.chunked) {
		expect_body(c, c->head.content_length);
	}
	if (c->head.expect_continue && (c->state == BODY || c->state == STREAMING)) {
		/* A socket that was just emptied of a request takes these few bytes. */
		(void)!send(c->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* Each takes from the input and returns how much. */
static size_t take_head(struct conn *c, const char *data, size_t len)
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
		refuse(c, 431, "request line and headers are too long\n");
	} else if (end > 0) {
		head_complete(c);
	}
	return end > 0 ? skip + end - old : len;
}

static size_t take_length(struct conn *c, const char *data, size_t len)
{
	uint64_t left = c->head.content_length - c->req.body_seen;
	size_t n = len < left ? len : (size_t)left;

	/* First, because the last piece may be answered at once. */
	c->complete = n == left;
	keep(c, data, n);
	return n;
}

static size_t take_chunks(struct conn *c, const char *data, size_t len)
{
	const char *piece = NULL;
	size_t piece_len = 0;
	size_t used = 0;

	switch (http1_chunks_next(&c->chunks, data, len, &used, &piece, &piece_len)) {
	case HTTP1_CHUNK_DATA:
		keep(c, piece, piece_len);
		break;
	case HTTP1_CHUNK_END:
		c->complete = true;
		break;
	case HTTP1_CHUNK_BAD:
		set_truncated(c);
		break;
	case HTTP1_CHUNK_MORE:
		break;
	}
	return used;
}

/* Input up to the end of the request; returns how much of it was used. */
static size_t take(struct conn *c, const char *data, size_t len)
{
	size_t at = 0;

	while (at < len && !c->complete && (c->state == HEAD || c->state == BODY || c->state == STREAMING)) {
		if (c->state == HEAD) {
			at += take_head(c, data + at, len - at);
		} else if (c->head.chunked) {
			at += take_chunks(c, data + at, len - at);
		} else {
			at += take_length(c, data + at, len - at);
		}
	}
	return at;
}

static void serve_if_complete(struct conn *c)
{
	if (c->complete && (c->state == HEAD || c->state == BODY || c->state == STREAMING)) {
		serve(c);
	}
}

void conn_resume(struct conn *c)
{
	list_unlink(&c->resume_link);
	c->ahead_at += take(c, c->ahead.data + c->ahead_at, c->ahead.len - c->ahead_at);
	if (c->ahead_at == c->ahead.len) {
		buf_fini(&c->ahead);
		c->ahead_at = 0;
	}
	serve_if_complete(c);
	if (c->state == HEAD || c->state == BODY) {
		conn_set_interest(c, HTTP1_READING);
	} else if (c->state == STREAMING) {
		conn_pause(&c->req, c->paused);
	}
}

void conn_pause(struct httpd_req *req, bool paused)
{
	struct conn *c = conn_of(req);

	c->paused = paused;
	if (c->state == STREAMING) {
		/* While it waits not even the end of its input is of interest; that comes behind what it has sent. */
		conn_set_interest(c, paused ? 0 : HTTP1_READING);
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
	c->complete = c->req.body_seen == c->head.content_length;
}

static void took_input(struct conn *c, size_t n)
{
	size_t used = take(c, c->server->scratch, n);

	/* Put aside before anybody is called: the scratch memory serves all connections. */
	if (used < n && !c->last && c->state != CLOSED) {
		buf_append(&c->ahead, c->server->scratch + used, n - used);
	}
}

bool conn_read(struct conn *c)
{
	size_t size = 0;
	char *target;
	ssize_t n;

	if (c->ahead.len > 0) {
		conn_resume(c);
		return true;
	}
	target = read_target(c, &size);
	n = recv(c->fd, target, size, MSG_DONTWAIT);
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
		if (c->state == BODY || c->state == STREAMING) {
			set_truncated(c);
			serve(c);
		} else {
			conn_close(c);
		}
		return false;
	}
	if (c->state != STREAMING) {
		conn_touch(c);
	}
	if (target == c->server->scratch) {
		took_input(c, (size_t)n);
	} else {
		took_body(c, (size_t)n);
	}
	serve_if_complete(c);
	return true;
}
