/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of our own HTTP server: what its life (http1.c), reading and replying share. Private to io/http1*.c. */
#ifndef IO_HTTP1_CONN_H
#define IO_HTTP1_CONN_H

#include <stdint.h>
#include <sys/epoll.h>

#include "io/http1_parse.h"
#include "io/httpd_backend.h"

#define HTTP1_SCRATCH (64 * 1024)
#define HTTP1_KEPT_HEAD 256 /* what a connection at rest may hold on to, so that it needs less than 1 KiB in all */

#define HTTP1_READING (EPOLLIN | EPOLLRDHUP)
#define HTTP1_WATCHING EPOLLRDHUP /* a request is being served; what comes after it waits */

enum conn_state {
	HEAD,
	BODY,
	STREAMING, /* a request is being served whose body comes in pieces */
	SERVING,
	WRITING,
	LINGERING, /* the last reply was sent; what the peer still sends is thrown away until it closes */
	CLOSED,
};

/* Connections that are closed when nothing happens on them for limit_us, in the order of their last activity. */
struct ageing {
	struct http1 *server;
	struct list conns; // conn::age_link
	int64_t limit_us;  /* 0 = never */
	struct loop_timer timer;
	bool armed;
};

/* A walk over all connections in whose callbacks any of them may be closed, also by another walk. */
struct walk {
	struct walk *outer;
	struct list *next;
};

struct http1 {
	struct httpd base;
	struct list conns; // conn::link
	struct walk *walks;
	struct list resumed; // conn::resume_link: replied to, with input left that was read already
	struct loop_hook hook;
	struct ageing idle;
	struct ageing lingering;
	struct buf out; /* heads of replies are written here */
	char scratch[HTTP1_SCRATCH];
};

struct conn {
	struct httpd_req req;
	struct http1 *server;
	struct list link;
	struct list resume_link;
	struct list age_link;
	int64_t active_us;
	struct loop_fd source;
	struct loop_grave grave;
	int fd;
	enum conn_state state;
	uint32_t interest;
	bool complete; /* the request was read to its end, or as far as it goes */
	bool paused;   /* STREAMING: its input has to wait */
	bool last;     /* close after this reply */
	struct http1_fields head_fields;
	struct http1_fields trailers;
	struct http1_head head;
	struct http1_chunks chunks;
	struct buf ahead; /* input that belongs to later requests, from ahead_at on */
	size_t ahead_at;
	struct buf out_head; /* unsent part of the reply's head */
	struct blob *out_body;
	size_t out_at;
};

/* http1.c */
struct conn *conn_of(const struct httpd_req *req);
void conn_set_interest(struct conn *c, uint32_t events);
/* Something happened: its time begins anew. Not while a request is being served. */
void conn_touch(struct conn *c);
/* Idempotent. A parked request's owner is told; the memory stays until the end of the turn. */
void conn_close(struct conn *c);
/* Ready for the next request. */
void conn_begin_request(struct conn *c);

/* http1_read.c */
/* What was read ahead, else one recv, and what follows from it. false: nothing more can be read now. */
bool conn_read(struct conn *c);
/* Goes on with input that was read before. */
void conn_resume(struct conn *c);
void conn_pause(struct httpd_req *req, bool paused);

/* http1_reply.c */
int conn_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count,
	       struct blob *body);
/* The socket takes more of a reply. */
void conn_on_writable(struct conn *c);
/* Throws input away. false: the peer has closed, or is gone. */
bool conn_drain(struct conn *c);

#endif
