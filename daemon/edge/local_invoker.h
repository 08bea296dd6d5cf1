/* SPDX-License-Identifier: Apache-2.0 */
/* Invocations of the function on this machine. */
#ifndef EDGE_LOCAL_INVOKER_H
#define EDGE_LOCAL_INVOKER_H

#include "edge/invoker.h"

struct amqp_bridge;
struct dispatch;
struct loop;
struct sources;

struct local_invoker {
	struct invoker invoker;
	const struct amqp_bridge *bridge; /* for the metrics; NULL = none */
	const struct sources *sources;	  /* the same */
	/* private */
	struct loop *loop;
	struct dispatch *dispatch;
};

void local_invoker_init(struct local_invoker *l, struct loop *loop, struct dispatch *d);

#endif
