/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events of the Telemetry API and the Logs API as JSON text: {"time":...,"type":...,"record":...}, time with
 * milliseconds in UTC. Shapes: AWS Lambda developer guide, "Telemetry API Event schema reference" and "Log messages" of the
 * Logs API. `forms` says which are wanted (telemetry_wants); a form that does not know the event stays empty.
 */
#ifndef CORE_TELEMETRY_EVENT_H
#define CORE_TELEMETRY_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/lifecycle.h"
#include "core/telemetry.h"

/* What does not change while an environment lives. Borrowed. */
struct telemetry_facts {
	const char *function_name;
	const char *version;
	const char *instance_id;
	unsigned memory_mb; /* configured */
};

/* What happened in the environment, but for LC_REGISTERED, LC_FROZEN, LC_THAWED, LC_SHUTDOWN and LC_GONE, of which nobody is
 * told. used_bytes: for LC_REPORT. wall_ms: the time of what->now_us. */
void telemetry_event_lifecycle(struct telemetry_event *ev, unsigned forms, const struct telemetry_facts *facts,
			       const struct lifecycle *what, uint64_t used_bytes, int64_t wall_ms);
/* The Logs API's platform.end, which comes right before its platform.report. */
void telemetry_event_end(struct telemetry_event *ev, unsigned forms, const char *request_id, int64_t wall_ms);
void telemetry_event_subscription(struct telemetry_event *ev, unsigned forms, const char *extension, unsigned types,
				  int64_t wall_ms);
void telemetry_event_dropped(struct telemetry_event *ev, unsigned forms, int64_t wall_ms, uint64_t events,
			     uint64_t bytes);
/* A line or frame of output. is_object: line is the text of a JSON object. */
void telemetry_event_log(struct telemetry_event *ev, unsigned forms, enum telemetry_type type, int64_t wall_ms,
			 const char *line, size_t len, bool is_object);

#endif
