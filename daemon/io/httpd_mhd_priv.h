/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server on libmicrohttpd (httpd_mhd.c) and its requests (httpd_mhd_req.c) share. Private to io/httpd_mhd*.
 */
#ifndef IO_HTTPD_MHD_PRIV_H
#define IO_HTTPD_MHD_PRIV_H

#include <microhttpd.h>

#include "io/httpd_backend.h"

struct mhd {
	struct httpd base;
	struct list shards;  // mhd_shard::link
	struct list conns;   // mhd_conn::link
	struct list hung_up; // mhd_conn::hung_link
	struct loop_hook hook;
	struct httpd_listener *adopting; /* whose connection is being handed to the library */
	bool adopted;
	bool run_needed;     /* by one of the shards */
	int64_t hook_ran_us; /* the turn in which the hook ran last */
};

/* A daemon of the library. */
struct mhd_shard {
	struct mhd *server;
	struct list link;
	struct MHD_Daemon *daemon;
	struct loop_fd source;
	struct loop_timer timer;
	unsigned conns;
	bool run_needed;
	bool running; /* inside MHD_run */
};

enum mhd_state {
	MHD_REQ_RECEIVING,
	MHD_REQ_SERVING,
	MHD_REQ_PARKED,
	MHD_REQ_ANSWERED, /* nothing more to come from the handler */
	MHD_REQ_STREAMING,
	MHD_REQ_GONE,
};

struct mhd_req {
	struct httpd_req req;
	unsigned magic;
	enum mhd_state state;
	struct mhd_conn *conn;
	struct MHD_Connection *handle;
	bool started;
	bool suspended;
	char *target; /* path and query, split by a NUL */
	struct MHD_Response *response;
	size_t room; /* for the reply's headers */
	int status;
	struct buf out; /* of a streamed reply: what the library has yet to take, from out_at on */
	size_t out_at;
	bool cut; /* it ends without its end */
};

struct mhd_conn {
	struct mhd_shard *shard;
	struct list link;
	struct httpd_listener *listener;
	int fd;
	struct loop_fd watch; /* for the end of what the peer sends */
	bool hung_up;
	struct list hung_link;
	struct mhd_req *active;
};

/* The shard runs at the end of this turn, or at once when that is over already: a later hook may call this. */
void mhd_need_run(struct mhd_shard *s);

/* --- httpd_mhd_req.c --- */

/* Callbacks of the library; cls is the struct mhd. */
void *mhd_on_target(void *cls, const char *uri, struct MHD_Connection *handle);
enum MHD_Result mhd_on_access(void *cls, struct MHD_Connection *handle, const char *url, const char *method,
			      const char *version, const char *data, size_t *data_len, void **req_cls);
void mhd_on_completed(void *cls, struct MHD_Connection *handle, void **req_cls, enum MHD_RequestTerminationCode why);

/* The peer is to be treated as gone if the request is parked; not otherwise. */
void mhd_req_drop(struct mhd_req *r);

struct mhd_req *mhd_req_of(const struct httpd_req *req);
void mhd_req_resume(struct mhd_req *r);
void mhd_req_suspend(struct mhd_req *r);
void mhd_add_headers(struct mhd_req *r, const struct httpd_header *headers, size_t count);

/* Entries of the backend's table. */
const char *mhd_header(const struct httpd_req *req, const char *name);
const char *mhd_trailer(const struct httpd_req *req, const char *name);
void mhd_each_header(const struct httpd_req *req, httpd_header_fn fn, void *ctx);
int mhd_socket(const struct httpd_req *req);
bool mhd_alive(const struct httpd_req *req);
int mhd_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count, struct blob *body);
/* httpd_mhd_stream.c */
void mhd_reply_begin(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count);
size_t mhd_reply_write(struct httpd_req *req, const void *data, size_t len);
void mhd_reply_end(struct httpd_req *req, bool whole);

#endif
