/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A WebSocket connection (RFC 6455) after its handshake, either end; framing by wslay. Messages come and go in pieces, so
 * that a message of any size needs no more memory than a piece. Pings are answered here, text is checked to be UTF-8.
 *
 * Life: ws_new, then callbacks until on_closed (the peer closed, broke the protocol or is gone) or ws_close (we are done
 * with it): after either it is not the caller's any more; the closing handshake goes on without it.
 */
#ifndef IO_WS_H
#define IO_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;
struct loop;
struct sock_group;
struct ws;

enum ws_role { WS_SERVER, WS_CLIENT };

/* Close codes that we use or look at (RFC 6455, section 7.4.1). */
enum {
	WS_NORMAL = 1000,
	WS_GOING_AWAY = 1001,
	WS_PROTOCOL_ERROR = 1002,
	WS_UNSUPPORTED = 1003,
	WS_NO_STATUS = 1005,
	WS_ABNORMAL = 1006,
	WS_BAD_DATA = 1007,
	WS_TOO_BIG = 1009,
};

struct ws_piece {
	bool binary;
	bool first; /* of its message */
	bool last;
	const char *data; /* borrowed */
	size_t len;	  /* may be 0 */
};

struct ws_ops {
	void (*on_piece)(void *ctx, const struct ws_piece *piece);
	void (*on_space)(void *ctx); /* ws_queued() was over SOCK_HIGH and has fallen to SOCK_LOW; may be NULL */
	void (*on_closed)(void *ctx, unsigned code, const char *reason);
};

/* fd is moved; ahead (may be NULL): bytes that were read already, moved. NULL: the socket is unusable, fd is closed.
 * Nothing is read, and no callback comes, before the next turn of the loop. */
struct ws *ws_new(struct loop *loop, int fd, enum ws_role role, struct buf *ahead, const struct ws_ops *ops,
		  void *ctx) MUST_CHECK;

/* A piece of a message; a message that is sent in one piece is one frame. */
void ws_send(struct ws *ws, const struct ws_piece *piece);
void ws_peer(const struct ws *ws, char *out); /* as sock_peer(); SOCK_PEER_LEN bytes */
size_t ws_queued(const struct ws *ws);
/* No on_piece while paused; a piece that was read already may still come. */
void ws_pause(struct ws *ws, bool pause);
/* Pings the peer every so often, and takes it for gone (WS_ABNORMAL) when nothing moved for three times as long. */
void ws_keepalive(struct ws *ws, int64_t interval_us);
/* From here on ws is gone for the caller. reason: at most 123 bytes. */
void ws_close(struct ws *ws, unsigned code, const char *reason);

void ws_group(struct ws *ws, struct sock_group *group); /* for its life, the closing handshake included */

#endif
