/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc tells about processes (proc(5)). Everything here is a snapshot that may be out of date at once; a process
 * that ends meanwhile just reads as nothing.
 */
#ifndef IO_PROC_H
#define IO_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct proc_stat {
	char state; /* 'Z' = a zombie */
	pid_t ppid;
	pid_t pgid;
};

bool proc_read_stat(pid_t pid, struct proc_stat *out) MUST_CHECK;

/* The value that pid was started with. false: there is none, it may not be read, or it does not fit. */
bool proc_env(pid_t pid, const char *name, char *out, size_t size) MUST_CHECK;

typedef bool (*proc_fn)(pid_t pid, void *ctx);

/* Calls fn for every process until it returns false. */
void proc_each(proc_fn fn, void *ctx);
/* Calls fn for every descendant of root, parents before their children; false = not those below this one. */
void proc_descend(pid_t root, proc_fn fn, void *ctx);

/* Resident bytes of pid and all its descendants, and the high-water mark of pid alone. 0 where unknown. */
void proc_tree_memory(pid_t pid, uint64_t *rss, uint64_t *hwm);
/* Sets that mark to what is resident now. */
void proc_forget_peak(pid_t pid);

#endif
