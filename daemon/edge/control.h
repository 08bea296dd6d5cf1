/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control surface: HTTP with JSON on CONTROL_SOCKET, for tests of functions, runtimes and extensions. Off unless the
 * variable is set; then it watches everything and changes nothing until it is asked to. Parameters are in the query.
 *
 *	GET    /					this table
 *	GET    /state					phase, environments with their extensions, counters
 *	GET    /invocations ?state			the last 1000, with payload and result
 *	GET    /invocations/{id}
 *	POST   /invocations				queues the body as an event, headers as for the Invoke API: 202 {"id":..}
 *	GET    /wait ?for=..&timeout=SECONDS		answers when it is so (core/control_wait.h); 408 when it is not in time
 *	GET    /telemetry ?after,type,requestId,contains,environment,limit
 *							the last 10000 events of all environments
 *	DELETE /telemetry				forgets them
 *	POST   /environments/{n}/shutdown ?reason	spindown (default), timeout or failure, of one without an event
 *	POST   /environments/{n}/timeout		its init or its event has no time left
 *	POST   /environments/{n}/reset			it fails, with what it runs
 *	POST   /environments/{n}/freeze, /thaw		SIGSTOP and SIGCONT of an idle one
 *	POST   /restore					SnapStart: all that wait in restore/next: {"restored":n}
 *
 * Errors are {"errorType":..,"errorMessage":..}: 400 what was asked for makes no sense, 403 a web page asks, 404 there is no
 * such thing, 405, 408, 409 the environment is in no state for it, 413, 503 the daemon ends.
 */
#ifndef EDGE_CONTROL_H
#define EDGE_CONTROL_H

#include "base/attr.h"

struct config;
struct control;
struct dispatch;
struct err;
struct loop;
struct telemetry_hub;

struct control_deps {
	struct loop *loop;
	const struct config *cfg;
	struct dispatch *dispatch;
	struct telemetry_hub *telemetry;
};

/* Before the first start. NULL with the reason in err. Borrows all of deps. */
struct control *control_new(const struct control_deps *deps, struct err *err) MUST_CHECK;
/* Before the dispatcher. NULL is fine. */
void control_free(struct control *c);
const char *control_shown_address(const struct control *c); /* for READY_FD and the log */

#endif
