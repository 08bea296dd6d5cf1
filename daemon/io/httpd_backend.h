/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What io/httpd.c (listeners, the public accessors) and the two server implementations share. Private to io/httpd*.c.
 * A backend embeds struct httpd and struct httpd_req as the first member of its own structs.
 */
#ifndef IO_HTTPD_BACKEND_H
#define IO_HTTPD_BACKEND_H

#include <sys/socket.h>

#include "base/buf.h"
#include "base/list.h"
#include "io/httpd.h"
#include "loop/loop.h"

struct httpd_backend {
	/* A connection was accepted: non-blocking, CLOEXEC, TCP_NODELAY is set. The fd is moved. */
	void (*adopt)(struct httpd *h, struct httpd_listener *l, int fd, const struct sockaddr *peer, socklen_t len);
	void (*kick)(struct httpd *h, struct httpd_listener *l);   /* NULL l: all connections */
	void (*settle)(struct httpd *h, struct httpd_listener *l); /* read and serve until nothing is left to read */
	void (*quiesce)(struct httpd *h);			   /* listeners are closed already */
	unsigned (*busy)(const struct httpd *h);
	void (*destroy)(struct httpd *h); /* frees h itself; listeners are gone already */

	const char *(*header)(const struct httpd_req *req, const char *name);
	const char *(*trailer)(const struct httpd_req *req, const char *name);
	void (*each_header)(const struct httpd_req *req, httpd_header_fn fn, void *ctx);
	int (*socket)(const struct httpd_req *req);
	bool (*alive)(const struct httpd_req *req);
	int (*reply)(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count,
		     struct blob *body);
	int (*detach)(struct httpd_req *req, struct buf *ahead); /* NULL: cannot */

	/* NULL where the implementation has no streams of that kind. */
	void (*pause)(struct httpd_req *req, bool paused);
	void (*reply_begin)(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count);
	size_t (*reply_write)(struct httpd_req *req, const void *data, size_t len);
	void (*reply_end)(struct httpd_req *req, bool whole);
};

struct httpd {
	const struct httpd_backend *backend;
	struct loop *loop;
	struct httpd_opts opts;
	struct list listeners; // httpd_listener::link
	unsigned conns;
	bool quiet;   /* quiesced */
	bool paused;  /* at max_conns or out of descriptors: listeners are not watched */
	bool starved; /* of descriptors; said so already */
	struct loop_timer retry;
};

struct httpd_listener {
	struct httpd *server;
	struct list link;
	struct loop_fd source;
	int fd;
	uint16_t port;
	void *tag;
	int (*filter)(void *ctx, int fd); /* NULL = none */
	void *filter_ctx;
};

struct httpd_req {
	struct httpd *server;
	struct httpd_listener *listener;
	const char *method;
	const char *path;
	const char *query;
	struct buf body;
	size_t body_seen;
	enum httpd_body body_state;
	bool is_stream; /* its body comes in pieces */
	const struct httpd_stream_ops *stream;
	void (*writable)(void *owner); /* its reply goes in pieces */
	void *owner;
	void (*on_gone)(void *owner);
};

void httpd_base_init(struct httpd *h, const struct httpd_backend *backend, struct loop *loop,
		     const struct httpd_opts *opts);
/* The backend tells when a connection is closed: wakes paused listeners. */
void httpd_conn_closed(struct httpd *h);
/* The path of a target in absolute form (http://host/path), which every server has to understand; else target itself. */
char *httpd_skip_authority(char *target);
/* Reason phrase of a status ("Accepted"), "Unknown" for one we do not use. */
const char *httpd_reason(int status);

#endif
