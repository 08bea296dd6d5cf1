/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report lines of an invocation, as text or as the JSON system log events of AWS Lambda
 * (platform.start, platform.runtimeDone, platform.report).
 */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/invocation.h"

struct buf;

/* A caller that wants the log has its end before the extensions are done with the event; the output does not. */
enum report_part {
	REPORT_WHOLE,
	REPORT_TAIL,   /* for the caller's log alone */
	REPORT_OUTPUT, /* for all but that; REPORT_TAIL came before */
};

struct report {
	const struct event *event;
	enum outcome_kind kind;
	const char *error_type; /* NULL when there was none */
	int64_t duration_us;	/* hand-over to answer: without queueing and init */
	int64_t init_us;	/* start of the process to its first /next; -1 = not a cold start */
	int64_t restore_us;	/* of a SnapStart restore; 0 = there was none */
	enum report_part part;
	bool handed; /* false: no runtime ever got the event (failed init), so no START was written yet */
};

struct report_style {
	bool json;
	const char *version; /* function version; borrowed */
	unsigned memory_mb;  /* configured size */
};

/* Each appends complete lines. stamp is the ISO time for JSON (clock_stamp). */
void report_start(struct buf *out, const struct report_style *style, const struct event *ev, const char *stamp);
void report_end(struct buf *out, const struct report_style *style, const struct report *r, uint64_t used_bytes,
		const char *stamp);

#endif
