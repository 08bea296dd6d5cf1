/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where events come from besides the Invoke API, as far as the configuration asks for it: the SQS bridge (edge/sqs_bridge.h),
 * an SQS trigger (edge/sqs_event_source.h) and local payload mode (edge/local_payload.h). One handle for the composition root.
 */
#ifndef EDGE_SOURCES_H
#define EDGE_SOURCES_H

#include <stdbool.h>

#include "base/attr.h"

struct buf;
struct children;
struct config;
struct dispatch;
struct err;
struct guard;
struct loop;
struct sources;
struct sqs_event_settings;

struct sources_deps {
	struct loop *loop;
	struct children *children;
	struct guard *guard; /* NULL = none */
	const struct config *cfg;
	const struct sqs_event_settings *events;
	struct dispatch *dispatch;
	const char *runtime_api; /* HOST:PORT of the first runtime */
};

bool sources_wanted(const struct config *cfg, const struct sqs_event_settings *events);
/* Borrows all of deps. NULL with the reason in err. */
struct sources *sources_new(const struct sources_deps *deps, struct err *err) MUST_CHECK;
void sources_free(struct sources *s);  /* before the dispatcher; this and all below take NULL */
void sources_start(struct sources *s); /* when everything listens */
void sources_runtime_lost(struct sources *s);
void sources_drain(struct sources *s);		/* before dispatch_drain() */
unsigned sources_busy(const struct sources *s); /* > 0: not everything that was taken is settled */
void sources_render(const struct sources *s, struct buf *out);

#endif
