/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of our own HTTP server. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/blob.h"
#include "base/text.h"
#include "io/http1_conn.h"

#define KEPT_OUT (16 * 1024)

static char *put_value(char *out, const char *value)
{
	/* Values come from callers and runtimes; a line break would let them write headers of their own. */
	for (; *value != '\0'; value++) {
		*out++ = text_is_control(*value) ? ' ' : *value;
	}
	return out;
}

static void render_head(const struct conn *c, int status, const struct httpd_header *headers, size_t count,
			size_t body_len)
{
	struct buf *out = &c->server->out;
	size_t room = 256; /* what is not a given header */
	char *start;
	char *p;

	for (size_t i = 0; i < count; i++) {
		room += headers[i].value != NULL ? strlen(headers[i].name) + strlen(headers[i].value) + 4 : 0;
	}
	buf_clear(out);
	start = buf_room(out, room);
	p = text_put_u64(stpcpy(start, "HTTP/1.1 "), (uint64_t)status);
	*p++ = ' ';
	p = stpcpy(stpcpy(p, httpd_reason(status)), "\r\n");
	for (size_t i = 0; i < count; i++) {
		if (headers[i].value != NULL) {
			p = stpcpy(p, headers[i].name);
			p = stpcpy(p, ": ");
			p = put_value(p, headers[i].value);
			p = stpcpy(p, "\r\n");
		}
	}
	if (status != 204) {
		p = stpcpy(text_put_u64(stpcpy(p, "Content-Length: "), body_len), "\r\n");
	}
	if (c->last) {
		p = stpcpy(p, "Connection: close\r\n");
	} else if (c->head.http10) {
		p = stpcpy(p, "Connection: keep-alive\r\n");
	}
	p = stpcpy(p, "\r\n");
	buf_added(out, (size_t)(p - start));
}

/* One attempt to send a head and the rest of the body. What was taken; 0 if the socket is full, -1: the peer is gone. */
static ssize_t send_some(struct conn *c, char *head, size_t head_len)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	if (head_len > 0) {
		iov[msg.msg_iovlen].iov_base = head;
		iov[msg.msg_iovlen++].iov_len = head_len;
	}
	if (c->out_body != NULL && c->out_at < c->out_body->len) {
		iov[msg.msg_iovlen].iov_base = (char *)(uintptr_t)c->out_body->data + c->out_at;
		iov[msg.msg_iovlen++].iov_len = c->out_body->len - c->out_at;
	}
	do {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return errno == EAGAIN ? 0 : -1;
	}
	c->out_at += (size_t)n > head_len ? (size_t)n - head_len : 0;
	return n;
}

bool conn_drain(struct conn *c)
{
	char bin[4096];
	ssize_t n = 1;

	/* Not without end: who sends faster than we read has to wait for the next turn. */
	for (unsigned i = 0; i < 64 && n > 0; i++) {
		n = recv(c->fd, bin, sizeof(bin), MSG_DONTWAIT);
	}
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* Closing a socket while the peer still sends resets it, and the peer might lose the reply. So we wait for its end. */
static void finish(struct conn *c)
{
	if (shutdown(c->fd, SHUT_WR) != 0 || !conn_drain(c)) {
		conn_close(c);
		return;
	}
	c->state = LINGERING;
	conn_touch(c);
	conn_set_interest(c, HTTP1_READING);
}

/* The reply has left. */
static void reply_sent(struct conn *c)
{
	blob_unref(c->out_body);
	c->out_body = NULL;
	c->out_at = 0;
	buf_fini(&c->out_head);
	if (c->last) {
		finish(c);
		return;
	}
	conn_begin_request(c);
	if (c->ahead.len > 0) {
		list_unlink(&c->resume_link);
		list_push_back(&c->server->resumed, &c->resume_link);
		loop_wake(c->server->base.loop);
	} else {
		conn_set_interest(c, HTTP1_READING);
	}
}

static bool all_sent(const struct conn *c)
{
	return c->out_head.len == 0 && (c->out_body == NULL || c->out_at == c->out_body->len);
}

int conn_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count, struct blob *body)
{
	struct conn *c = conn_of(req);
	struct buf *out = &c->server->out;
	ssize_t n;

	assert(c->state == SERVING || c->state == STREAMING);
	/* A reply before the end of the request: what is left of that is not worth reading. */
	if (c->server->base.quiet || !c->head.keep_alive || c->state == STREAMING) {
		c->last = true;
	}
	c->state = WRITING;
	render_head(c, status, headers, count, body != NULL ? body->len : 0);
	if (status == 204 || strcmp(c->head.method, "HEAD") == 0) {
		blob_unref(body);
		body = NULL;
	}
	c->out_body = body;
	n = send_some(c, out->data, out->len);
	if (n >= 0 && (size_t)n < out->len) {
		buf_append(&c->out_head, out->data + n, out->len - (size_t)n);
	}
	if (out->cap > KEPT_OUT) {
		buf_fini(out);
	}
	if (n < 0) {
		conn_close(c);
		return -1;
	}
	if (all_sent(c)) {
		reply_sent(c);
	} else {
		conn_touch(c);
		conn_set_interest(c, EPOLLOUT | EPOLLRDHUP);
	}
	return 0;
}

void conn_on_writable(struct conn *c)
{
	ssize_t n = send_some(c, c->out_head.data, c->out_head.len);

	if (n < 0) {
		conn_close(c);
		return;
	}
	buf_consume(&c->out_head, (size_t)n < c->out_head.len ? (size_t)n : c->out_head.len);
	if (all_sent(c)) {
		reply_sent(c);
	} else if (n > 0) {
		conn_touch(c);
	}
}
