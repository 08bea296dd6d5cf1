/* SPDX-License-Identifier: Apache-2.0 */
/* Reading /proc. */
#include "io/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Deeper trees are not followed, and wider ones only so far: memory is a figure in a report. */
#define DEPTH_MAX 16
#define CHILDREN_TEXT 4096

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

static uint64_t field_kb(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at != NULL ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

static void add_tree(pid_t pid, unsigned depth, uint64_t *rss, uint64_t *hwm);

/* Children are listed by the thread that forked them. */
static void add_children_of_thread(pid_t pid, const char *tid, unsigned depth, uint64_t *rss)
{
	char path[64];
	char text[CHILDREN_TEXT];
	char *next = text;
	char *end;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/children", (int)pid, tid);
	if (read_file(path, text, sizeof(text)) <= 0) {
		return;
	}
	for (long child = strtol(next, &end, 10); end != next; child = strtol(next, &end, 10)) {
		add_tree((pid_t)child, depth + 1, rss, NULL);
		next = end;
	}
}

static void add_children(pid_t pid, unsigned depth, uint64_t *rss)
{
	char path[32];
	DIR *dir;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (dir == NULL) {
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			add_children_of_thread(pid, entry->d_name, depth, rss);
		}
	}
	closedir(dir);
}

static void add_tree(pid_t pid, unsigned depth, uint64_t *rss, uint64_t *hwm)
{
	char path[32];
	char status[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (depth > DEPTH_MAX || read_file(path, status, sizeof(status)) <= 0) {
		return;
	}
	*rss += field_kb(status, "\nVmRSS:");
	if (hwm != NULL) {
		*hwm = field_kb(status, "\nVmHWM:");
	}
	add_children(pid, depth, rss);
}

void proc_tree_memory(pid_t pid, uint64_t *rss, uint64_t *hwm)
{
	*rss = 0;
	*hwm = 0;
	add_tree(pid, 0, rss, hwm);
}

bool proc_has_env(pid_t pid, const char *entry)
{
	size_t want = strlen(entry);
	char *line = NULL;
	size_t cap = 0;
	char path[32];
	bool found = false;
	FILE *f;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	f = fopen(path, "re");
	if (f == NULL) {
		return false;
	}
	while (!found && (n = getdelim(&line, &cap, '\0', f)) > 0) {
		size_t len = line[n - 1] == '\0' ? (size_t)n - 1 : (size_t)n;

		found = len == want && memcmp(line, entry, want) == 0;
	}
	free(line);
	fclose(f);
	return found;
}

static bool same_link(pid_t pid, const char *what)
{
	char path[48];
	char theirs[64] = "";
	char ours[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	if (readlink(path, theirs, sizeof(theirs) - 1) < 0) {
		return false;
	}
	snprintf(path, sizeof(path), "/proc/self/%s", what);
	return readlink(path, ours, sizeof(ours) - 1) >= 0 && strcmp(theirs, ours) == 0;
}

bool proc_same_namespaces(pid_t pid)
{
	return same_link(pid, "ns/pid") && same_link(pid, "ns/net");
}

bool proc_read_stat(pid_t pid, struct proc_stat *out)
{
	char path[32];
	char text[1024];
	const char *rest;
	int ppid;
	int pgid;
	unsigned long long start;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_file(path, text, sizeof(text)) <= 0) {
		return false;
	}
	/* The name in parentheses may contain anything. */
	rest = strrchr(text, ')');
	if (rest == NULL || sscanf(rest + 1, " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
				   &out->state, &ppid, &pgid, &start) != 4) {
		return false;
	}
	out->ppid = ppid;
	out->pgid = pgid;
	out->start_ticks = start;
	return true;
}

void proc_each(bool (*fn)(pid_t pid, void *ctx), void *ctx)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool more = true;

	while (dir != NULL && more && (entry = readdir(dir)) != NULL) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && *end == '\0') {
			more = fn((pid_t)pid, ctx);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
}
