/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens in an execution environment, told to one observer (dispatch_observe): everything that a platform.* event of
 * the Telemetry API is made of, in the order in which it happens. Core writes no text and knows no wall clock: times
 * are monotonic microseconds, -1 = did not happen.
 *
 * Order in one environment: INIT_START, EXTENSION..., INIT_RUNTIME_DONE, INIT_REPORT; with SnapStart RESTORE_START,
 * RESTORE_RUNTIME_DONE, RESTORE_REPORT; then per event START, RUNTIME_DONE, REPORT; at last SHUTDOWN and GONE. REGISTERED is
 * once before the first START (or never). The observer may not call back into dispatch.
 */
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/invocation.h"

struct extension;
struct instance;

enum lifecycle_kind {
	LC_INIT_START,	      /* started_us, phase */
	LC_EXTENSION,	      /* extension: one for each at the end of init, with the state it came to */
	LC_INIT_RUNTIME_DONE, /* the runtime's first /next or restore/next, or the failure; phase, status, error_type */
	LC_REGISTERED,	      /* the registration of extensions (and of subscriptions) has closed */
	LC_INIT_REPORT,	      /* runtime and extensions are ready, or the failure; as INIT_RUNTIME_DONE */
	LC_RESTORE_START,     /* started_us */
	LC_RESTORE_RUNTIME_DONE, /* /next after a restore, or the failure; status, error_type */
	LC_RESTORE_REPORT,	 /* the same */
	LC_START,		 /* event: handed to the runtime */
	LC_RUNTIME_DONE,	 /* event: the runtime's /next after its answer, or whatever else ended it */
	LC_REPORT,		 /* event: runtime and extensions are done with it, or whatever else ended it */
	LC_FAULT,		 /* text: what platform.fault of the Logs API says; follows REPORT */
	LC_FROZEN,		 /* its processes are stopped from now on: they cannot take a delivery */
	LC_THAWED,		 /* they run again */
	LC_SHUTDOWN,		 /* extensions are about to get SHUTDOWN: the last chance to deliver to them */
	LC_GONE,		 /* all its processes have ended; instance and extensions are reused */
	LC_COUNT,		 // keep last
};

enum lifecycle_status { LC_SUCCESS, LC_FAILURE, LC_ERROR, LC_TIMEOUT, LC_STATUS_COUNT /* keep last */ };

enum init_type {
	INIT_ON_DEMAND,
	INIT_PROVISIONED,
	INIT_SNAP_START,
	INIT_MANAGED,	 /* Lambda Managed Instances: no RUNTIME_DONE there */
	INIT_TYPE_COUNT, // keep last
};
enum init_phase { PHASE_INIT, PHASE_INVOKE /* after a reset or failed init, within an invocation */ };

/* Borrowed for the call. Memory used is the edge's to know (struct host of inst->host, edge/memory_watch.h). */
struct lifecycle {
	enum lifecycle_kind kind;
	enum lifecycle_status status;
	const char *error_type; /* NULL unless status is other than success */
	enum init_type init_type;
	enum init_phase phase;
	int64_t now_us;	    /* of this occurrence */
	int64_t started_us; /* of what it is about: the init, the restore, the hand-over of the event */

	const struct event *event; /* START, RUNTIME_DONE, REPORT, FAULT; else NULL */
	int64_t response_us; /* RUNTIME_DONE: first byte of the answer: responseLatency is from started_us to it */
	int64_t answered_us; /* RUNTIME_DONE: its last byte: responseDuration; runtimeOverhead is from it to now_us */
	size_t produced;     /* RUNTIME_DONE: bytes of the answer */
	int64_t runtime_done_us; /* REPORT: extensionOverhead is from it to now_us; -1: no extension takes INVOKE */
	int64_t init_us;	 /* REPORT: duration of the init of a cold start; -1 = it was none */
	int64_t restore_us;	 /* REPORT: the same of a restore */

	const struct extension *extension; /* EXTENSION */
	const char *text;		   /* FAULT */
};

typedef void (*lifecycle_fn)(void *ctx, struct instance *inst, const struct lifecycle *what);

const char *lifecycle_name(enum lifecycle_kind kind);	    /* "initStart", ...: "platform." is not part of it */
const char *lifecycle_status_name(enum lifecycle_status s); /* "success", "failure", "error", "timeout" */
const char *init_type_name(enum init_type type);	    /* "on-demand", "provisioned-concurrency", ... */
const char *init_phase_name(enum init_phase phase);	    /* "init", "invoke" */
enum lifecycle_status lifecycle_status_of(enum outcome_kind kind, const char *error_type);

#endif
