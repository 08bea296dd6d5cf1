/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guard: a tiny process that ends the runtimes when the daemon dies without being able to (SIGKILL, a crash).
 *
 * Why it is needed: posix_spawn cannot set PR_SET_PDEATHSIG, and that would reach a runtime's first process only, not
 * what it started. How it works: it holds the read end of a pipe that only the daemon writes to, and keeps a note of
 * what the daemon tells it there. The end of the pipe means that the daemon is gone: the guard kills every watched
 * process group, then whatever else belongs to one of the runtimes or was started by one, and ends.
 *
 * Use: guard_start() early in main, while there is one thread; the notes as runtimes come and go; guard_stop() last. As
 * PID 1 there is no guard: the kernel ends a container's processes with their init.
 */
#ifndef IO_GUARD_H
#define IO_GUARD_H

#include <sys/types.h>

#include "base/attr.h"

struct guard;

/* The variables that say whom a process belongs to. Extensions must not have the first. */
#define GUARD_MARK "AWS_LAMBDA_LOG_STREAM_NAME"
#define GUARD_OTHER_MARK "LAMBDA_DAEMON_ENVIRONMENT"

struct guard *guard_start(void) MUST_CHECK; /* NULL as PID 1, or when it could not be started (logged) */
pid_t guard_pid(const struct guard *g);	    /* 0 = no guard */
/* Everything else takes NULL for "no guard" and never blocks. */
/* Before a start, as the daemon may die right after it. Then guard_watch(), or guard_withdraw() if there is no process. */
void guard_announce(struct guard *g, const char *stream);
void guard_withdraw(struct guard *g, const char *stream);
/* stream: the value of one of the marks that the group's processes were started with. It is made up anew for every
 * environment, so whoever has it belongs there, whatever group it moved to. */
void guard_watch(struct guard *g, pid_t pgid, const char *stream);
void guard_unwatch(struct guard *g, pid_t pgid);
/* The orderly end, after children_finish(): ends the guard and waits for it. It kills the groups still watched. */
void guard_stop(struct guard *g);

#endif
