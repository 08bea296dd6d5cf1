/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of our own HTTP server: what reading (http1.c) and replying (http1_reply.c) share. Private to io/http1*.c. */
#ifndef IO_HTTP1_CONN_H
#define IO_HTTP1_CONN_H

#include <stdint.h>
#include <sys/epoll.h>

#include "io/http1_parse.h"
#include "io/httpd_backend.h"

#define HTTP1_SCRATCH (64 * 1024)
#define HTTP1_KEPT_HEAD 1024 /* what a connection at rest may hold on to */

#define HTTP1_READING (EPOLLIN | EPOLLRDHUP)
#define HTTP1_WATCHING EPOLLRDHUP /* a request is being served; what comes after it waits */

enum conn_state { HEAD, BODY, SERVING, WRITING, CLOSED };

struct http1 {
	struct httpd base;
	struct list conns;   // conn::link
	struct list resumed; // conn::resume_link: replied to, with input left that was read already
	struct loop_hook hook;
	char scratch[HTTP1_SCRATCH];
};

struct conn {
	struct httpd_req req;
	struct http1 *server;
	struct list link;
	struct list resume_link;
	struct loop_fd source;
	struct loop_grave grave;
	int fd;
	enum conn_state state;
	uint32_t interest;
	bool feeding; /* inside feed(): a reply must not start the next request itself */
	bool last;    /* close after this reply */
	struct http1_fields head_fields;
	struct http1_fields trailers;
	struct http1_head head;
	struct http1_chunks chunks;
	struct buf ahead;    /* input that belongs to later requests */
	struct buf out_head; /* unsent part of the reply's head */
	struct blob *out_body;
	size_t out_at;
};

struct conn *conn_of(const struct httpd_req *req);
void conn_set_interest(struct conn *c, uint32_t events);
/* Idempotent. A parked request's owner is told; the memory stays until the end of the turn. */
void conn_close(struct conn *c);
/* Ready for the next request. */
void conn_begin_request(struct conn *c);

/* http1_reply.c */
int conn_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count,
	       struct blob *body);
/* The socket takes more of a reply. */
void conn_on_writable(struct conn *c);

#endif
