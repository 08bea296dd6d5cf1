/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real processes for the process tests. A test program starts itself again with the name of a role: what a role does is
 * written here, and it tells what the test needs to know in lines on its stdout. Nobody sleeps: who waits, waits for a
 * line, for the end of a pipe or for the end of a process.
 */
#ifndef TESTS_UNIT_VICTIMS_H
#define TESTS_UNIT_VICTIMS_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/proc.h"

#define PATIENCE_MS 20000 /* only failures take this long */

/* For argv and envp, which are not const. */
#define WORD(s) ((char[]){ s })

extern char **environ;

static inline _Noreturn void wait_to_be_killed(void)
{
	for (;;) {
		pause();
	}
}

static inline void say(const char *word)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s %d\n", word, (int)getpid());

	/* One write: the lines of a family must not mix. */
	if (write(STDOUT_FILENO, line, (size_t)len) != len) {
		_exit(99);
	}
}

/* A child that says its name when it is what it is to be. */
static inline void bear(const char *name, bool own_session, bool orphan)
{
	int ready[2];
	char byte;

	if (pipe(ready) != 0) {
		_exit(98);
	}
	if (fork() == 0) {
		if (own_session) {
			setsid();
		}
		if (orphan && fork() != 0) {
			_exit(0);
		}
		say(name);
		close(ready[0]);
		close(ready[1]);
		wait_to_be_killed();
	}
	close(ready[1]);
	if (orphan) {
		wait(NULL);
	}
	if (read(ready[0], &byte, 1) != 0) {
		_exit(97);
	}
	close(ready[0]);
}

/* A leader, a member of its group, one in a group of its own, one that left group, session and parent. */
static inline void be_family(bool leave)
{
	bear("member", false, false);
	bear("session", true, false);
	bear("stray", true, true);
	say("leader");
	if (!leave) {
		wait_to_be_killed();
	}
}

/* What of the daemon has come through: environment, descriptors, signals, limits. */
static inline void tell_state(void)
{
	struct rlimit limit;
	struct dirent *entry;
	char line[128];
	sigset_t mask;
	char byte;
	DIR *dir = opendir("/proc/self/fd");

	/* The limit is set from outside, right after the start. */
	if (read(STDIN_FILENO, &byte, 1) != 1) {
		_exit(96);
	}
	for (char **var = environ; *var != NULL; var++) {
		printf("env %s\n", *var);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(dir)) {
			printf("fd %s\n", entry->d_name);
		}
	}
	closedir(dir);
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("files %llu %llu\n", (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	printf("blocked %d ignored-pipe %d\n", sigismember(&mask, SIGTERM) || sigismember(&mask, SIGCHLD),
	       signal(SIGPIPE, SIG_DFL) == SIG_IGN);
	printf("cwd %s\n", getcwd(line, sizeof(line)));
	printf("group %d\n", getpgrp() == getpid());
	fprintf(stderr, "this is stderr\n");
	if (fcntl(3, F_GETFD) >= 0) {
		dprintf(3, "this is three\n");
	}
}

static inline int play(const char *role)
{
	if (strcmp(role, "pause") == 0) {
		say("ready");
		wait_to_be_killed();
	} else if (strcmp(role, "stubborn") == 0) {
		signal(SIGTERM, SIG_IGN);
		say("ready");
		wait_to_be_killed();
	} else if (strcmp(role, "stop") == 0) {
		say("ready");
		raise(SIGSTOP);
		wait_to_be_killed();
	} else if (strcmp(role, "family") == 0) {
		be_family(false);
	} else if (strcmp(role, "leaving-family") == 0) {
		be_family(true);
	} else if (strcmp(role, "state") == 0) {
		tell_state();
	} else if (strcmp(role, "abort") == 0) {
		signal(SIGABRT, SIG_DFL);
		prctl(PR_SET_DUMPABLE, 0);
		abort();
	} else {
		return atoi(role);
	}
	return 0;
}

/* --- for the test --- */

/* Reads until `lines` lines are there, or to the end if 0. Gives up with what it has. */
static inline void hear(int fd, unsigned lines, char *out, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	unsigned seen = 0;

	while ((lines == 0 || seen < lines) && len < size - 1 && poll(&p, 1, PATIENCE_MS) == 1) {
		if (read(fd, out + len, 1) != 1) {
			break;
		}
		seen += out[len++] == '\n';
	}
	out[len] = '\0';
}

/* Starts this program again in a role and a process group of its own. *out: reads what it says. */
static inline pid_t start_role(const char *role, char *const *envp, int *out)
{
	char *argv[] = { WORD("victim"), strdup(role), NULL };
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) != 0) {
		abort();
	}
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		dup2(fds[1], STDOUT_FILENO);
		execve("/proc/self/exe", argv, envp);
		_exit(95);
	}
	free(argv[1]);
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* The pid in the line `name PID`; 0 = it is not there. */
static inline pid_t pid_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? (pid_t)atoi(at + strlen(name)) : 0;
}

/* A reaper other than us may be slow, or absent, as init of a container: a zombie has ended. */
static inline bool has_ended(pid_t pid)
{
	int fd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool ended = fd < 0 || poll(&p, 1, PATIENCE_MS) == 1;

	if (fd >= 0) {
		close(fd);
	}
	return ended;
}

static inline bool is_alive(pid_t pid)
{
	int fd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	bool alive = fd >= 0 && poll(&p, 1, 0) == 0;

	if (fd >= 0) {
		close(fd);
	}
	return alive;
}

static inline bool kill_one(pid_t pid, void *ctx)
{
	(void)ctx;
	kill(pid, SIGKILL);
	return true;
}

/* What a test has left, or could not end because it failed. For a subreaper: all become its children in the end. */
static inline void end_everybody(void)
{
	do {
		proc_descend(getpid(), kill_one, NULL);
	} while (waitpid(-1, NULL, 0) > 0);
}

#endif
