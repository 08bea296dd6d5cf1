/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc. */
#include "io/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

/* Each level costs two descriptors while the walk is below it. */
#define DEPTH_MAX 16

/* The beginning of a file, NUL terminated. Bytes read, or -1. */
static ssize_t read_file(const char *path, char *out, size_t size)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;

	if (n >= 0) {
		out[n] = '\0';
	}
	return n;
}

bool proc_read_stat(pid_t pid, struct proc_stat *out)
{
	char path[32];
	char text[1024];
	const char *rest;
	int ppid;
	int pgid;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_file(path, text, sizeof(text)) <= 0) {
		return false;
	}
	/* The name in parentheses may contain anything. */
	rest = strrchr(text, ')');
	if (rest == NULL || sscanf(rest + 1, " %c %d %d", &out->state, &ppid, &pgid) != 3) {
		return false;
	}
	out->ppid = ppid;
	out->pgid = pgid;
	return true;
}

/* A scan for `NAME=value` among NUL terminated entries. */
struct env_scan {
	const char *name;
	size_t name_len;
	size_t at;  /* in the entry */
	bool other; /* this entry is another variable */
	char *out;
	size_t size;
};

enum scan_result { SCAN_MORE, SCAN_FOUND, SCAN_TOO_LONG };

static enum scan_result scan_byte(struct env_scan *s, char c)
{
	size_t at = s->at++;

	if (c == '\0') {
		if (!s->other && at > s->name_len) {
			s->out[at - s->name_len - 1] = '\0';
			return SCAN_FOUND;
		}
		s->at = 0;
		s->other = false;
	} else if (s->other) {
		return SCAN_MORE;
	} else if (at <= s->name_len) {
		s->other = c != (at < s->name_len ? s->name[at] : '=');
	} else if (at - s->name_len >= s->size) {
		return SCAN_TOO_LONG;
	} else {
		s->out[at - s->name_len - 1] = c;
	}
	return SCAN_MORE;
}

bool proc_env(pid_t pid, const char *name, char *out, size_t size)
{
	struct env_scan s = { .name = name, .name_len = strlen(name), .out = out, .size = size };
	enum scan_result r = SCAN_MORE;
	char path[32];
	char text[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && r == SCAN_MORE && (n = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n && r == SCAN_MORE; i++) {
			r = scan_byte(&s, text[i]);
		}
	}
	return r == SCAN_FOUND;
}

/* The next entry of a directory that is a number; 0 at the end. */
static pid_t next_number(DIR *dir)
{
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		char *end;
		long number = strtol(entry->d_name, &end, 10);

		if (number > 0 && *end == '\0') {
			return (pid_t)number;
		}
	}
	return 0;
}

void proc_each(proc_fn fn, void *ctx)
{
	DIR *dir = opendir("/proc");
	pid_t pid;

	if (dir == NULL) {
		return;
	}
	while ((pid = next_number(dir)) > 0 && fn(pid, ctx)) {
	}
	closedir(dir);
}

/* --- descendants, where the kernel lists the children of a thread (CONFIG_PROC_CHILDREN) --- */

struct walk {
	proc_fn fn;
	void *ctx;
};

static void descend(const struct walk *w, pid_t pid, unsigned depth);

static void visit_children_of_thread(const struct walk *w, pid_t pid, pid_t tid, unsigned depth)
{
	char path[64];
	char text[512];
	pid_t child = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)tid);
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (isdigit((unsigned char)text[i])) {
				child = child * 10 + (text[i] - '0');
				continue;
			}
			if (child > 0 && w->fn(child, w->ctx) && depth < DEPTH_MAX) {
				descend(w, child, depth + 1);
			}
			child = 0;
		}
	}
}

static void descend(const struct walk *w, pid_t pid, unsigned depth)
{
	char path[32];
	DIR *dir;
	pid_t tid;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (dir == NULL) {
		return;
	}
	while ((tid = next_number(dir)) > 0) {
		visit_children_of_thread(w, pid, tid, depth);
	}
	closedir(dir);
}

/* --- descendants, from everybody's parent --- */

struct kinship {
	pid_t pid;
	pid_t ppid;
};

struct kinships {
	struct kinship *all;
	size_t count;
	size_t cap;
};

static bool note_kinship(pid_t pid, void *ctx)
{
	struct kinships *k = ctx;
	struct proc_stat st;

	if (proc_read_stat(pid, &st)) {
		if (k->count == k->cap) {
			k->cap = k->cap > 0 ? k->cap * 2 : 256;
			k->all = xrealloc(k->all, k->cap * sizeof(*k->all));
		}
		k->all[k->count++] = (struct kinship){ pid, st.ppid };
	}
	return true;
}

/* Moves the children of parent among the rest to the front of it. Returns how many are in front now. */
static size_t visit_children_in_table(const struct walk *w, struct kinships *k, size_t front, pid_t parent)
{
	for (size_t i = front; i < k->count; i++) {
		struct kinship found = k->all[i];

		if (found.ppid == parent && w->fn(found.pid, w->ctx)) {
			k->all[i] = k->all[front];
			k->all[front++] = found;
		}
	}
	return front;
}

static void descend_by_table(const struct walk *w, pid_t root)
{
	struct kinships k = { NULL, 0, 0 };
	size_t front;

	proc_each(note_kinship, &k);
	front = visit_children_in_table(w, &k, 0, root);
	for (size_t i = 0; i < front; i++) {
		front = visit_children_in_table(w, &k, front, k.all[i].pid);
	}
	free(k.all);
}

void proc_descend(pid_t root, proc_fn fn, void *ctx)
{
	const struct walk w = { fn, ctx };

	if (access("/proc/thread-self/children", F_OK) == 0) {
		descend(&w, root, 0);
	} else {
		descend_by_table(&w, root);
	}
}

/* --- memory --- */

static uint64_t field_kb(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at != NULL ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static bool add_resident(pid_t pid, void *ctx)
{
	uint64_t *sum = ctx;
	char path[32];
	char text[128];
	unsigned long long pages;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (read_file(path, text, sizeof(text)) > 0 && sscanf(text, "%*u %llu", &pages) == 1) {
		*sum += pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
	return true;
}

void proc_tree_memory(pid_t pid, uint64_t *rss, uint64_t *hwm)
{
	char path[32];
	char status[4096];

	*rss = 0;
	*hwm = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (read_file(path, status, sizeof(status)) <= 0) {
		return;
	}
	*rss = field_kb(status, "\nVmRSS:");
	*hwm = field_kb(status, "\nVmHWM:");
	proc_descend(pid, add_resident, rss);
}

void proc_forget_peak(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", (int)pid);
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	/* A kernel without it, or a process of another user: the mark stays what it was. */
	if (fd >= 0 && write(fd, "5", 1) != 1) {
		return;
	}
}
