/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telemetry of all environments: what core tells its observer and what processes write become events (core/telemetry*.h),
 * their batches go out (edge/telemetry_send.h). An environment that nobody subscribed to pays for its init phase only,
 * which is recorded for subscribers to come.
 */
#ifndef EDGE_TELEMETRY_H
#define EDGE_TELEMETRY_H

#include "base/attr.h"
#include "core/telemetry.h"

struct blob;
struct config;
struct dispatch;
struct host;
struct instance;
struct lifecycle;
struct loop;
struct telemetry_hub;

/* Becomes the observer of d. Borrows all of its arguments. */
struct telemetry_hub *telemetry_hub_new(struct loop *loop, const struct config *cfg, struct dispatch *d) MUST_CHECK;
/* After the last process has ended. NULL is fine. */
void telemetry_hub_free(struct telemetry_hub *hub);

/* One who sees everything from the start and is no extension, so that nothing is different because of him. May not call back
 * into dispatch. */
struct telemetry_follower {
	void (*lifecycle)(void *ctx, struct instance *inst, const struct lifecycle *what);
	/* text: an event in the form of the newest schema; borrowed. */
	void (*event)(void *ctx, struct instance *inst, struct blob *text);
	void *ctx;
};
/* Before the first start; NULL: nobody any more. Borrowed. */
void telemetry_hub_follow(struct telemetry_hub *hub, const struct telemetry_follower *follower);

/* By the extension of that name in the environment of h. */
enum telemetry_verdict telemetry_hub_subscribe(struct telemetry_hub *hub, struct host *h, const char *extension,
					       const struct telemetry_want *want) MUST_CHECK;
/* Are they managed instances? */
bool telemetry_hub_managed(const struct telemetry_hub *hub);
/* Is the environment still in its init phase, so that extensions may subscribe? */
bool telemetry_hub_open(const struct telemetry_hub *hub, const struct host *h);

#endif
