/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runtime and extension processes: what core asks for (struct dispatch_ops) on io/child. One struct host per instance slot: its
 * Runtime API listener, its process, its output. A slot's listener is opened when it is first needed and stays, so a
 * restarted runtime finds the same address.
 */
#ifndef EDGE_SUPERVISOR_H
#define EDGE_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/dispatch.h"
#include "edge/child_env.h"
#include "edge/log_socket.h"
#include "edge/output.h"
#include "io/child.h"
#include "loop/loop.h"

struct config;
struct debugger;
struct err;
struct extension;
struct extension_host;
struct guard;
struct httpd;
struct httpd_listener;
struct sink;
struct supervisor;

struct host {
	struct supervisor *home;
	struct instance *inst;
	struct httpd_listener *listener; /* NULL until first needed */
	char *api;			 /* HOST:PORT of it, as runtimes see it */
	char log_stream[LOG_STREAM_LEN]; /* of the environment that runs now */
	char token[33];			 /* SnapStart: what the runtime shows for credentials; "" = no runtime yet */
	struct child child;
	struct output output;
	struct log_socket logs; /* managed instances */
	struct output_tap tap;	/* of all its processes' output */
	struct extension_host
		*extensions[EXTENSIONS_MAX]; /* by place in instance::extensions; NULL = not needed yet */
	void (*extension_exit)(struct host *h, struct extension *x, const struct child_exit *ex);
	struct loop_timer kill_timer; /* a runtime that reported an init error is expected to end by itself */
	uint64_t peak_bytes;	      /* of this process so far */
	int64_t measured_us;
	bool peak_outdated; /* is that of an earlier event */
	bool retired;	    /* its end is nobody's restart */
};

struct supervisor_deps {
	struct loop *loop;
	struct children *children;
	struct guard *guard; /* NULL when there is none (PID 1) */
	struct httpd *runtime_api;
	struct sink *sink;
	struct debugger *debugger; /* NULL when there is none */
	const struct config *cfg;
	void (*drained)(void *ctx);
	/* One ended, unless it was retired, or hung up while it waited; from inside the dispatcher. */
	void (*runtime_lost)(void *ctx);
	/* An event that wants its log tail is about to be done: what it took, and its peak memory (0 = no runtime had it). NULL:
	 * nobody wants to know, and peaks are those of the environment so far. */
	void (*measured)(void *ctx, const struct report *r, uint64_t peak_bytes);
	void *ctx;
	bool terminal; /* the runtime has our stdin and stderr, and the terminal: for debuggers */
};

/* Opens the first listener. NULL with the reason in err. Borrows all of deps. */
struct supervisor *supervisor_new(const struct supervisor_deps *deps, struct err *err) MUST_CHECK;
/* Ends whatever still runs, at once, and waits for it. */
void supervisor_free(struct supervisor *s);
struct dispatch *supervisor_dispatch(struct supervisor *s);
const char *supervisor_runtime_address(const struct supervisor *s); /* of the first runtime */
void supervisor_resume_output(struct supervisor *s);		    /* the sink has space */

#endif
