/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes: posix_spawn into a process group of their own, reaping, TERM-then-KILL. One `struct children` per
 * program. The process group is the unit of killing; a pid that was reaped is never signalled again.
 *
 * Orphans: the program is a subreaper (or PID 1), so descendants that lost their parent become our children; they are
 * reaped here, and child_kill_strays() ends those that escaped their group. When the program itself is killed, the guard
 * (io/guard.h) ends the groups.
 */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/list.h"
#include "loop/loop.h"

struct children;
struct child;

struct child_exit {
	pid_t pid; /* was; already reaped */
	bool signaled;
	int code; /* exit status, or the signal's number */
	/* The most that it, or one of its children that it waited for, had resident. Up to as much as we had ourselves
	 * when we started it, which the kernel counts in, it says nothing. */
	uint64_t peak_bytes;
};

/* The leader has been reaped. Its group may still hold members: they are sent SIGKILL right before this call. The
 * child is in nobody's list any more and may be spawned again. */
typedef void (*child_exit_fn)(struct child *c, const struct child_exit *ex);

struct child {
	child_exit_fn on_exit;
	pid_t pid; /* 0 = not running; also the process group's id */
	/* private */
	struct children *home;
	struct list link;
	struct loop_timer kill_timer;
};

struct child_spec {
	char *const *argv; /* argv[0] is looked up in the child's PATH when it has no slash */
	char *const *envp;
	const char *cwd; /* NULL = ours */
	/* Become 0..3; -1: /dev/null for 0..2 (where there is none: a pipe without a writer), closed for 3. Everything
	 * above is closed. */
	int fds[4];
};

/* spared: a child that is none of ours to end (the guard), 0 = none. NULL with errno set. */
struct children *children_new(struct loop *loop, pid_t spared) MUST_CHECK;
void children_free(struct children *cs);
/* The end: SIGKILLs every group and every other descendant of ours, and waits until all are reaped. on_exit is not
 * called. Blocks for as long as the kernel takes to end them (bounded to a few seconds). */
void children_finish(struct children *cs);
/* On SIGCHLD: reaps whatever is there, strangers too. */
void children_reap(struct children *cs);

void child_init(struct child *c, child_exit_fn on_exit);
/* 0 or -errno of what failed (ENOENT, EACCES, ENOEXEC, ...): then nothing was started. */
int child_spawn(struct children *cs, struct child *c, const struct child_spec *spec) MUST_CHECK;
/* SIGTERM now (skipped when grace_us is 0), SIGKILL to the group after grace_us, with SIGCONT so that a stopped
 * process dies too. Idempotent; a later call may shorten the grace. */
void child_stop(struct child *c, int64_t grace_us);
void child_signal(struct child *c, int signo); /* to the group */
/* SIGKILLs the group and forgets it: on_exit is not called, and c may be freed. It is reaped like an orphan. */
void child_abandon(struct child *c);

/* SIGKILLs every descendant of ours that has escaped from the tree of its runtime (running children and what is below
 * them are left alone) and whose environment has `name=value`; if name is NULL, every descendant, running children
 * too. Reads /proc; a few milliseconds. Returns how many were killed. */
unsigned child_kill_strays(struct children *cs, const char *name, const char *value);

/* Bytes resident now, summed over the child's process tree, and the leader's own high-water mark; 0 when unknown. */
void child_memory(const struct child *c, uint64_t *rss, uint64_t *hwm);
/* From now on the high-water mark is that of the time from now on. */
void child_forget_peak(const struct child *c);

/* Gives the terminal that is our stdin, if it is one, to the child's group, and takes it back. */
void child_to_foreground(const struct child *c);
void child_take_foreground(void);

#endif
