/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind the Invoke API: the function on this machine (edge/local_invoker.h) or queues to functions elsewhere
 * (edge/queue_invoker.h). Embedded by its implementation.
 */
#ifndef EDGE_INVOKER_H
#define EDGE_INVOKER_H

#include <stdbool.h>

struct buf;
struct invocation;
struct invoker;

struct invoker {
	/* The completion contract of core/invocation.h: after submit exactly one of done() and cancel() ends it. */
	void (*submit)(struct invoker *self, struct invocation *inv);
	void (*cancel)(struct invoker *self, struct invocation *inv);
	bool (*ready)(const struct invoker *self);
	void (*metrics)(const struct invoker *self, struct buf *out);
};

#endif
