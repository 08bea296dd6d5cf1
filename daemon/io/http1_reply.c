/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of our own HTTP server. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/blob.h"
#include "io/http1_conn.h"

static void append_value(struct buf *out, const char *value)
{
	size_t start = out->len;

	buf_puts(out, value);
	/* Values come from callers and runtimes; a line break would let them write headers of their own. */
	for (char *p = out->data + start; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			*p = ' ';
		}
	}
}

static void append_number(struct buf *out, size_t n)
{
	char digits[24];
	char *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buf_append(out, p, (size_t)(digits + sizeof(digits) - p));
}

static void render_head(struct conn *c, int status, const struct httpd_header *headers, size_t count, size_t body_len)
{
	struct buf *out = &c->out_head;

	buf_puts(out, "HTTP/1.1 ");
	append_number(out, (size_t)status);
	buf_putc(out, ' ');
	buf_puts(out, httpd_reason(status));
	buf_puts(out, "\r\n");
	for (size_t i = 0; i < count; i++) {
		if (headers[i].value != NULL) {
			buf_puts(out, headers[i].name);
			buf_puts(out, ": ");
			append_value(out, headers[i].value);
			buf_puts(out, "\r\n");
		}
	}
	if (status != 204) {
		buf_puts(out, "Content-Length: ");
		append_number(out, body_len);
		buf_puts(out, "\r\n");
	}
	buf_puts(out, c->last ? "Connection: close\r\n\r\n" : "\r\n");
}

/* Sends what the socket takes. 1 = all of it, 0 = more later, -1 = the peer is gone. */
static int send_some(struct conn *c)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	for (;;) {
		size_t body_left = c->out_body != NULL ? c->out_body->len - c->out_at : 0;

		msg.msg_iovlen = 0;
		if (c->out_head.len > 0) {
			iov[msg.msg_iovlen].iov_base = c->out_head.data;
			iov[msg.msg_iovlen++].iov_len = c->out_head.len;
		}
		if (body_left > 0) {
			iov[msg.msg_iovlen].iov_base = (char *)(uintptr_t)c->out_body->data + c->out_at;
			iov[msg.msg_iovlen++].iov_len = body_left;
		}
		if (msg.msg_iovlen == 0) {
			return 1;
		}
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			if (errno == EINTR) {
				continue;
			}
			return errno == EAGAIN ? 0 : -1;
		}
		if ((size_t)n < c->out_head.len) {
			buf_consume(&c->out_head, (size_t)n);
		} else {
			c->out_at += (size_t)n - c->out_head.len;
			buf_clear(&c->out_head);
		}
	}
}

/* Closing a socket with unread input resets it, and the peer might lose the reply. What is there is thrown away. */
static void finish(struct conn *c)
{
	shutdown(c->fd, SHUT_WR);
	for (unsigned i = 0; i < 64 && recv(c->fd, c->server->scratch, HTTP1_SCRATCH, MSG_DONTWAIT) > 0; i++) {
	}
	conn_close(c);
}

/* The reply has left. */
static void reply_sent(struct conn *c)
{
	blob_unref(c->out_body);
	c->out_body = NULL;
	c->out_at = 0;
	if (c->out_head.cap > HTTP1_KEPT_HEAD) {
		buf_fini(&c->out_head);
	}
	if (c->last) {
		finish(c);
		return;
	}
	conn_begin_request(c);
	if (c->feeding) {
		return;
	}
	if (c->ahead.len > 0) {
		list_unlink(&c->resume_link);
		list_push_back(&c->server->resumed, &c->resume_link);
		loop_wake(c->server->base.loop);
	} else {
		conn_set_interest(c, HTTP1_READING);
	}
}

int conn_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count, struct blob *body)
{
	struct conn *c = conn_of(req);
	bool no_body = status == 204 || strcmp(c->head.method, "HEAD") == 0;
	int r;

	assert(c->state == SERVING);
	c->state = WRITING;
	if (c->server->base.quiet || !c->head.keep_alive) {
		c->last = true;
	}
	render_head(c, status, headers, count, body != NULL ? body->len : 0);
	if (no_body) {
		blob_unref(body);
		body = NULL;
	}
	c->out_body = body;
	r = send_some(c);
	if (r < 0) {
		conn_close(c);
		return -1;
	}
	if (r > 0) {
		reply_sent(c);
	} else {
		conn_set_interest(c, EPOLLOUT | EPOLLRDHUP);
	}
	return 0;
}

void conn_on_writable(struct conn *c)
{
	int r = send_some(c);

	if (r < 0) {
		conn_close(c);
	} else if (r > 0) {
		reply_sent(c);
	}
}
