/* SPDX-License-Identifier: Apache-2.0 */
/* The client's way to a WebSocket: connect, handshake, io/ws. */
#ifndef IO_WS_DIAL_H
#define IO_WS_DIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct httpd_header;
struct loop;
struct tls;
struct ws;
struct ws_dial;
struct ws_ops;

struct ws_target {
	const char *host;
	uint16_t port;
	const char *path; /* with the query; nothing in it needs escaping */
	const struct httpd_header *headers;
	size_t count;
	struct tls *tls; /* NULL = without TLS */
};

/* ws is the caller's, with the ops and ctx it has given; NULL: why says what failed. */
typedef void (*ws_dial_fn)(void *ctx, struct ws *ws, const char *why);

/* All of target is borrowed for the call. done comes in a later turn, within some seconds. */
struct ws_dial *ws_dial_start(struct loop *loop, const struct ws_target *target, const struct ws_ops *ops,
			      ws_dial_fn done, void *ctx) MUST_CHECK;
void ws_dial_cancel(struct ws_dial *d); /* NULL is fine */

#endif
