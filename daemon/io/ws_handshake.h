/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening handshake of WebSocket (RFC 6455, section 4), both ends. No I/O but the switch of a server's connection.
 * Extensions are never offered and never accepted: messages pass unchanged.
 */
#ifndef IO_WS_HANDSHAKE_H
#define IO_WS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "io/ws.h"

struct buf;
struct httpd_header;
struct httpd_req;

#define WS_KEY_LEN 25	 /* 16 random bytes in base64, and NUL */
#define WS_ACCEPT_LEN 29 /* a SHA-1 in base64, and NUL */

/* What the server answers to a client's key. */
void ws_accept_of(const char *key, char out[WS_ACCEPT_LEN]);

/* --- server --- */

enum ws_ask {
	WS_ASK_NOT,	    /* an ordinary request */
	WS_ASK_OK,	    /* ws_switch() may follow */
	WS_ASK_BAD_VERSION, /* 426 with Sec-WebSocket-Version: 13 */
	WS_ASK_MALFORMED,   /* 400 */
};
enum ws_ask ws_asked(const struct httpd_req *req) MUST_CHECK;
/* Answers 101 and takes the connection over. req is gone. NULL: the peer has gone. */
struct ws *ws_switch(struct loop *loop, struct httpd_req *req, const struct ws_ops *ops, void *ctx) MUST_CHECK;

/* --- client --- */

void ws_new_key(char out[WS_KEY_LEN]);
/* Appends the request. host: the Host header; target: path and query; headers: count of them, more of them. */
void ws_write_request(struct buf *out, const char *host, const char *target, const char *key,
		      const struct httpd_header *headers, size_t count);

enum ws_answer {
	WS_ANSWER_MORE, /* the head is not complete yet */
	WS_ANSWER_OK,
	WS_ANSWER_REFUSED, /* *status is what the server said */
	WS_ANSWER_BAD,	   /* no HTTP, or not an answer to our key */
};
/* head_len: bytes of the head, for WS_ANSWER_OK; what follows is WebSocket. */
enum ws_answer ws_read_answer(const char *data, size_t len, const char *key, size_t *head_len,
			      int *status) MUST_CHECK;

#endif
