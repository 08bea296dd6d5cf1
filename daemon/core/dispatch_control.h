/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control surface (core/control*.h) may see of the dispatcher and do to it: nothing of this happens by itself. The
 * watcher is told of every invocation, whoever has sent it; it may not call back into dispatch.
 */
#ifndef CORE_DISPATCH_CONTROL_H
#define CORE_DISPATCH_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/dispatch.h"

struct dispatch_watch {
	/* Or refused, because the queue is full or the daemon ends: then its outcome follows at once. */
	void (*queued)(void *ctx, const struct event *ev);
	/* It has its outcome. */
	void (*ended)(void *ctx, const struct event *ev, const struct outcome *out, const char *error_type);
	/* Its caller has gone; one that runs ends all the same. */
	void (*cancelled)(void *ctx, const struct event *ev);
};

/* watch NULL: nobody any more. */
void dispatch_set_watch(struct dispatch *d, const struct dispatch_watch *watch, void *ctx);

unsigned dispatch_slots(const struct dispatch *d);
bool dispatch_draining(const struct dispatch *d);
/* The first event without an outcome that it works on; NULL = there is none. */
const struct event *dispatch_running(const struct instance *inst);

/* Each: false, and nothing happens, when the environment is not in a state for it. */

/* An environment that nobody waits for ends: why is STOP_SHUTDOWN (spindown), STOP_TIMEOUT or STOP_FAILURE. */
bool dispatch_trigger_end(struct dispatch *d, struct instance *inst, enum stop_reason why, int64_t now_us) MUST_CHECK;
/* Its init or its events have no time left. */
bool dispatch_trigger_timeout(struct dispatch *d, struct instance *inst, int64_t now_us) MUST_CHECK;
/* It fails as if an extension had: what it runs ends with an error. */
bool dispatch_trigger_reset(struct dispatch *d, struct instance *inst, int64_t now_us) MUST_CHECK;
/* Whatever config.freeze says. With it, an environment that is thawed by hand is frozen again at the next occasion. */
bool dispatch_trigger_freeze(struct dispatch *d, struct instance *inst, bool frozen, int64_t now_us) MUST_CHECK;

#endif
