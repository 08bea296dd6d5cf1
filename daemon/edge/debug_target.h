/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime's end of a debug session: its inspector (Node.js: the WebSocket is found by http://127.0.0.1:PORT/json/list) or
 * a plain TCP port (debugpy, Delve, JDWP, gdbserver). A port that is not open yet is tried again for a few seconds.
 */
#ifndef EDGE_DEBUG_TARGET_H
#define EDGE_DEBUG_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "io/ws.h"

struct debug_target;
struct loop;

struct debug_target_ops {
	/* path: of the inspector's WebSocket, "" in tcp mode. */
	void (*on_open)(void *ctx, const char *path);
	/* In tcp mode every piece is first and last. */
	void (*on_piece)(void *ctx, const struct ws_piece *piece);
	void (*on_space)(void *ctx);
	/* It was never open, or is not any more. The target is gone. */
	void (*on_closed)(void *ctx, const char *why);
};

struct debug_target *debug_target_open(struct loop *loop, bool tcp, uint16_t port, const struct debug_target_ops *ops,
				       void *ctx) MUST_CHECK;
/* Only when open. Inspector: one whole message; Node.js takes no fragments. */
void debug_target_send(struct debug_target *t, const char *data, size_t len);
size_t debug_target_queued(const struct debug_target *t);
void debug_target_pause(struct debug_target *t, bool pause);
void debug_target_close(struct debug_target *t); /* NULL is fine; on_closed does not come */

#endif
