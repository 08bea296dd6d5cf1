/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test can wait for, and whether it is so by now:
 *	phase		phase=NAME of all environments together
 *	environment	state=NAME of one (environment=SLOT) or of any
 *	extension	name=NAME is in state=NAME, in one environment or in any; a registered one is also Ready or Running
 *	extensions	at least count=N are in state=NAME
 *	frozen		value=true|false: one environment, or all that live and at least one
 *	invocation	id=ID is answered or finished (state=NAME)
 *	count		name=COUNTER has reached count=N
 *	telemetry	count=N events after after=SEQ have this type=, requestId=, environment= and contains=TEXT
 * Sans I/O: a wait is asked again whenever something may have changed.
 */
#ifndef CORE_CONTROL_WAIT_H
#define CORE_CONTROL_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/control_journal.h"
#include "core/control_params.h"

struct buf;
struct dispatch;
struct err;

enum control_phase {
	CONTROL_NONE,	     /* no environment */
	CONTROL_INIT,	     /* none can work yet, some are on their way */
	CONTROL_READY,	     /* all that can work have nothing to do */
	CONTROL_INVOKE,	     /* some work */
	CONTROL_SHUTDOWN,    /* the daemon ends, or all there are */
	CONTROL_PHASE_COUNT, // keep last
};

enum control_phase control_phase(struct dispatch *d);
const char *control_phase_name(enum control_phase p);

enum control_wait_kind {
	WAIT_PHASE,
	WAIT_ENVIRONMENT,
	WAIT_EXTENSION,
	WAIT_EXTENSIONS,
	WAIT_FROZEN,
	WAIT_INVOCATION,
	WAIT_COUNT,
	WAIT_TELEMETRY,
	WAIT_KIND_COUNT, // keep last
};

/* Which telemetry events; also for reading them. */
struct control_filter {
	const char *type; /* borrowed from the parameters; NULL = any */
	const char *request_id;
	const char *contains;
	int slot;	/* -1 = any environment */
	uint64_t after; /* sequence number */
};

struct control_wait {
	enum control_wait_kind kind;
	struct control_params params; /* owned */
	int64_t timeout_us;
	/* private */
	int slot; /* -1 = any */
	unsigned state;
	const char *name;
	uint64_t count;
	struct control_filter filter;
	uint64_t looked; /* events up to this one have been looked at */
	uint64_t matched;
};

enum control_verdict {
	CONTROL_WAIT_ON,
	CONTROL_MET,
	CONTROL_LOST, /* it cannot come true any more: an invocation that nobody knows */
};

/* params is moved. 0, or -1 with the reason; control_wait_fini() in either case. */
int control_wait_init(struct control_wait *w, struct control_params *params, struct dispatch *d,
		      struct err *err) MUST_CHECK;
void control_wait_fini(struct control_wait *w);
enum control_verdict control_wait_check(struct control_wait *w, const struct journal *j,
					struct dispatch *d) MUST_CHECK;

int control_filter_init(struct control_filter *f, const struct control_params *p, const struct dispatch *d,
			struct err *err) MUST_CHECK;
bool control_filter_takes(const struct control_filter *f, const struct capture *e);

/* environment=N: a slot, or -1 where the parameter is not there. */
int control_param_slot(const struct control_params *p, const struct dispatch *d, int *slot,
		       struct err *err) MUST_CHECK;

#endif
