/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker's files share: the sessions and how they are told of. Private to daemon/debug/. */
#ifndef DEBUG_BROKER_PRIV_H
#define DEBUG_BROKER_PRIV_H

#include "base/buf.h"
#include "base/list.h"
#include "debug/broker.h"
#include "debug/wire.h"
#include "io/acceptor.h"
#include "io/sock.h"
#include "io/ws.h"
#include "loop/loop.h"

struct feed;
struct httpd;
struct httpd_listener;
struct httpd_req;
struct raw;

enum debug_mode { MODE_INSPECTOR, MODE_TCP };

struct broker_stats {
	uint64_t functions; /* in all */
	uint64_t debuggers;
	uint64_t refused;
	uint64_t denied; /* no token, wrong origin, wrong host */
	uint64_t to_user_bytes;
	uint64_t to_lambda_bytes;
};

struct broker {
	struct loop *loop;
	struct broker_opts opts;
	struct httpd *server;
	struct httpd_listener *lambda;
	struct httpd_listener *user;
	struct tcp_port *tcp; /* opts.tcp_count of them */
	struct list sessions; // session::link, oldest first
	unsigned session_count;
	struct feed *feed;
	struct sock_group sockets;
	struct broker_stats stats;
	struct loop_hook end_hook;
	void (*drained)(void *ctx);
	void *drained_ctx;
	bool draining;
	struct loop_timer end_timer;
	bool end_now;
};

/* A plain TCP port for the debuggers of one function. */
struct tcp_port {
	struct broker *broker;
	const struct broker_tcp *opts;
	struct acceptor acceptor;
};

/* A connected function, and its debugger if there is one. */
struct session {
	struct broker *broker;
	struct list link;
	char *key;  /* path, with the query if there was one */
	char *name; /* of the function; "" = it did not say */
	char *request_id;
	enum debug_mode mode;
	char peer[SOCK_PEER_LEN];
	char user_peer[SOCK_PEER_LEN];
	int64_t since_ms; /* wall clock */
	int64_t user_since_ms;
	int64_t deadline_ms; /* of the invocation; 0 = it did not say */
	struct ws *lambda;
	struct ws *user; /* one of the two, or neither */
	struct raw *user_raw;
	struct wire_reader reader;
	struct buf to_user; /* of the message that is being relayed */
	struct buf to_lambda;
	bool user_begun; /* a piece of it was sent */
	bool user_skip;	 /* it began before anybody listened */
	bool lambda_begun;
	size_t to_user_len;
	size_t to_lambda_len;
};

/* session.c */
struct session *session_find(const struct broker *b, const char *key);
/* Both answer the request in every case. */
void session_add(struct broker *b, struct httpd_req *req, const char *key);
void session_join(struct broker *b, struct httpd_req *req, const char *key);
void session_join_raw(struct broker *b, int fd, const char *key); /* fd is moved */
/* Closes both ends and forgets the session. */
void session_end(struct session *s, unsigned code, const char *reason);
bool session_has_user(const struct session *s);

/* relay.c */
extern const struct ws_ops relay_lambda_ops;
extern const struct ws_ops relay_user_ops;
extern const struct raw_ops relay_raw_ops;

/* broker_http.c */
void broker_on_request(void *ctx, struct httpd_req *req);

/* feed.c: the page's live view. */
struct feed *feed_new(struct broker *b) MUST_CHECK;
void feed_free(struct feed *f);
void feed_join(struct feed *f, struct httpd_req *req); /* answers the request */
void feed_changed(struct feed *f);
void feed_close(struct feed *f); /* the end: all listeners are let go */
/* The functions that are connected now, as the page and its events have them. */
void feed_render(const struct broker *b, struct buf *out);

/* page.c */
extern const char broker_page[];
extern const size_t broker_page_len;

#endif
