/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function's side of remote debugging. An event that core hands to the runtime is held here until a debugger is there
 * and has said what it wants (breakpoints), then the runtime gets it; the session ends with the invocation.
 *
 *	Runtime API --hold--> debugger --ws, wrapped (debug/wire.h)--> broker <-- developer's debugger
 *	                          |
 *	                          '----inspector or tcp----> runtime
 *
 * Core knows the event as running all the while: the timeout runs until a debugger comes, is off while one is attached, and
 * goes on where it was when that leaves. One instance only: the id pairs one function with one debugger.
 */
#ifndef EDGE_DEBUGGER_H
#define EDGE_DEBUGGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct config;
struct debug_settings;
struct debugger;
struct dispatch;
struct err;
struct event;
struct httpd_req;
struct instance;
struct loop;

/* Answers a /next with the event. 0, or -1: the runtime has gone. */
typedef int (*debugger_hand_fn)(struct loop *loop, struct httpd_req *req, const struct event *ev,
				int64_t deadline_us);

/* Starts a broker of its own if the settings ask for one. NULL with the reason in err. Borrows all. */
struct debugger *debugger_new(struct loop *loop, const struct config *cfg, const struct debug_settings *settings,
			      struct err *err) MUST_CHECK;
void debugger_free(struct debugger *d);
void debugger_attach(struct debugger *d, struct dispatch *dispatch); /* before a runtime is started */
/* The end of the daemon: sessions are closed, what is held goes to the runtime at once. */
void debugger_drain(struct debugger *d);

/* Takes req and calls hand for it later. d may be NULL. false: nothing to wait for, req stays the caller's. */
bool debugger_hold(struct debugger *d, struct instance *inst, struct httpd_req *req, const struct event *ev,
		   int64_t deadline_us, debugger_hand_fn hand) MUST_CHECK;
/* The event of inst has its outcome. d may be NULL. */
void debugger_finished(struct debugger *d, struct instance *inst);

#endif
