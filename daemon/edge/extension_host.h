/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the external extensions of one environment: started from LAMBDA_EXTENSIONS_DIR, each in a process group of
 * its own, their output passed on as that of the runtime.
 */
#ifndef EDGE_EXTENSION_HOST_H
#define EDGE_EXTENSION_HOST_H

#include <stdbool.h>

#include "base/attr.h"
#include "edge/output.h"
#include "io/child.h"

struct config;
struct err;
struct extension;
struct fault;
struct host;
struct supervisor_deps;

struct extension_host {
	struct host *home;
	struct extension *extension;
	struct child child;
	struct output output;
};

/* Called when a process has been reaped and its output collected. */
typedef void (*extension_exit_fn)(struct host *h, struct extension *x, const struct child_exit *ex);

/* Is LAMBDA_EXTENSIONS_DIR, when it is set, a directory that can be read? */
int extension_host_check(const struct config *cfg, struct err *err) MUST_CHECK;
/* Starts all that are in the directory, in the order of their names. -1: one could not be started, why is in *why. */
int extension_host_launch(const struct supervisor_deps *deps, struct host *h, extension_exit_fn on_exit,
			  struct fault *why) MUST_CHECK;
void extension_host_signal(struct host *h, int signo);
void extension_host_kill(struct extension *x);
void extension_host_pause(struct host *h, bool pause); /* their output; see output_pause */
/* Resident bytes of them all. */
uint64_t extension_host_memory(const struct host *h);
/* All processes have been reaped by children_finish(). */
void extension_host_fini(struct host *h);

/* AWS's own switch: with this file there are no extensions. */
bool extensions_disabled(void);

#endif
