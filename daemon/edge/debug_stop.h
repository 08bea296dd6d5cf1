/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second inspector session beside the developer's, which makes a Node.js runtime stop when its handler is called, wherever
 * it is defined. It also takes our --inspect out of the process's NODE_OPTIONS, so that programs which the function starts
 * do not fight for the port, and lets a process go that ends while a debugger is attached (Node.js would wait for ever).
 */
#ifndef EDGE_DEBUG_STOP_H
#define EDGE_DEBUG_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct debug_stop;
struct loop;

struct debug_stop_opts {
	uint16_t port;
	const char *path;	  /* of the inspector's WebSocket */
	const char *handler;	  /* "file.function"; NULL = none is known */
	const char *node_options; /* what the process was started with on our account */
	/* As far as it goes; the session stays until debug_stop_free. */
	void (*prepared)(void *ctx);
	/* The process ends, and waits for debuggers to leave. */
	void (*ending)(void *ctx);
	void *ctx;
};

struct debug_stop *debug_stop_new(struct loop *loop, const struct debug_stop_opts *opts) MUST_CHECK;
/* After prepared: sets the stop, then prepared comes once more. false: there is nothing to set. */
bool debug_stop_set(struct debug_stop *s) MUST_CHECK;
void debug_stop_free(struct debug_stop *s); /* NULL is fine; the stop is gone then */

#endif
