/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invocations from an AMQP queue that is named after the function. A delivery is acknowledged only when its reply is the
 * broker's for sure, or, if it wants none, when the function is done with it.
 */
#ifndef EDGE_AMQP_BRIDGE_H
#define EDGE_AMQP_BRIDGE_H

#include <stdbool.h>

#include "base/attr.h"

struct amqp_bridge;
struct amqp_settings;
struct buf;
struct config;
struct dispatch;
struct err;
struct loop;

struct amqp_bridge_deps {
	struct loop *loop;
	struct dispatch *dispatch;
	const struct config *cfg;
	const struct amqp_settings *settings;
	/* The broker cannot be reached, and the attempts at the start are used up. */
	void (*failed)(void *ctx, const char *reason);
	/* After amqp_bridge_quiesce(): no further deliveries come. */
	void (*quiet)(void *ctx);
	/* After that, and when everything taken is answered and the broker knows: amqp_bridge_busy() is false. */
	void (*idle)(void *ctx);
	void *ctx;
};

/* Connects from now on. Borrows all of deps. NULL with the reason in err. */
struct amqp_bridge *amqp_bridge_new(const struct amqp_bridge_deps *deps, struct err *err) MUST_CHECK;
void amqp_bridge_free(struct amqp_bridge *b); /* deliveries that were not answered are the broker's again */
void amqp_bridge_quiesce(struct amqp_bridge *b);
bool amqp_bridge_busy(const struct amqp_bridge *b);
void amqp_bridge_metrics(const struct amqp_bridge *b, struct buf *out); /* Prometheus text */

#endif
