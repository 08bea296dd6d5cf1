/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc tells about processes (proc(5)). Everything here is a snapshot that may be out of date at once; a process that
 * ends meanwhile just reads as nothing.
 */
#ifndef IO_PROC_H
#define IO_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/* Resident bytes of pid and all its descendants, and the high-water mark of pid alone. 0 where unknown. */
void proc_tree_memory(pid_t pid, uint64_t *rss, uint64_t *hwm);

/* Does the environment that pid was started with have exactly this NAME=VALUE entry? */
bool proc_has_env(pid_t pid, const char *entry);
/* Is pid in the same process and network namespaces as we are? */
bool proc_same_namespaces(pid_t pid);

struct proc_stat {
	pid_t ppid;
	pid_t pgid;
	char state;         /* 'Z' = a zombie */
	uint64_t start_ticks; /* since boot, in clock ticks */
};

bool proc_read_stat(pid_t pid, struct proc_stat *out);
/* Calls fn for every process; stops when it returns false. */
void proc_each(bool (*fn)(pid_t pid, void *ctx), void *ctx);

#endif
