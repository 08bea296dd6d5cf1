/* SPDX-License-Identifier: Apache-2.0 */
/* The guard process. */
#include "io/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "io/proc.h"

#define NOTES_MAX 2048 /* MAX_CONCURRENCY groups and as many addresses, at most 1000 of each */

enum note_kind { NOTE_WATCH, NOTE_UNWATCH, NOTE_ADDRESS };

struct note {
	int kind;
	pid_t pgid;
	char entry[88]; /* "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001" */
};

_Static_assert(sizeof(struct note) <= PIPE_BUF, "a note is written in one piece");

struct guard {
	pid_t pid;
	int fd;
};

/* --- in the guard process --- */

struct book {
	struct note notes[NOTES_MAX];
	size_t count;
	unsigned killed; /* in one round */
};

static void take_note(struct book *b, const struct note *n)
{
	if (n->kind != NOTE_UNWATCH) {
		if (b->count < NOTES_MAX) {
			b->notes[b->count++] = *n;
		}
		return;
	}
	for (size_t i = 0; i < b->count; i++) {
		if (b->notes[i].kind == NOTE_WATCH && b->notes[i].pgid == n->pgid) {
			b->notes[i] = b->notes[--b->count];
			return;
		}
	}
}

static bool kill_if_ours(pid_t pid, void *ctx)
{
	struct book *b = ctx;
	struct proc_stat st;

	if (pid == getpid() || !proc_read_stat(pid, &st) || st.state == 'Z' || !proc_same_namespaces(pid)) {
		return true;
	}
	for (size_t i = 0; i < b->count; i++) {
		if (b->notes[i].kind == NOTE_ADDRESS && proc_has_env(pid, b->notes[i].entry)) {
			kill(pid, SIGKILL);
			b->killed++;
			return true;
		}
	}
	return true;
}

static void end_everything(struct book *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->notes[i].kind == NOTE_WATCH) {
			kill(-b->notes[i].pgid, SIGKILL);
		}
	}
	/* Again until a look finds none: a process may fork while we look. */
	for (unsigned round = 0; round < 10; round++) {
		b->killed = 0;
		proc_each(kill_if_ours, b);
		if (b->killed == 0) {
			break;
		}
	}
}

static void close_all_but(int keep)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd <= 2; fd++) {
		if (null < 0) {
			close(fd);
		} else {
			dup2(null, fd);
		}
	}
	if (keep > 3) {
		close_range(3, (unsigned)keep - 1, 0);
	}
	close_range((unsigned)keep + 1, UINT_MAX, 0);
}

static NORETURN void guard_main(int fd)
{
	static struct book book;
	struct note n;
	ssize_t got;

	setsid();
	prctl(PR_SET_NAME, "lambda-guard");
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	close_all_but(fd);
	do {
		got = read(fd, &n, sizeof(n));
		if (got == (ssize_t)sizeof(n)) {
			take_note(&book, &n);
		}
	} while (got > 0 || (got < 0 && errno == EINTR));
	end_everything(&book);
	_exit(0);
}

/* --- in the daemon --- */

struct guard *guard_start(void)
{
	struct guard *g;
	int fds[2];
	pid_t pid;

	if (getpid() == 1) {
		return NULL;
	}
	if (pipe2(fds, O_CLOEXEC) != 0) {
		log_warn("no guard: pipe errno=%d", errno);
		return NULL;
	}
	/* Above the descriptors that the guard gives to /dev/null. */
	if (fds[0] < 3) {
		int high = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);

		close(fds[0]);
		fds[0] = high;
	}
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		guard_main(fds[0]);
	}
	close(fds[0]);
	if (pid < 0) {
		log_warn("no guard: fork errno=%d", errno);
		close(fds[1]);
		return NULL;
	}
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	g = xcalloc(1, sizeof(*g));
	g->pid = pid;
	g->fd = fds[1];
	return g;
}

pid_t guard_pid(const struct guard *g)
{
	return g != NULL ? g->pid : 0;
}

static void send_note(struct guard *g, const struct note *n)
{
	if (g != NULL && write(g->fd, n, sizeof(*n)) != (ssize_t)sizeof(*n)) {
		log_warn("the guard was not told of a runtime errno=%d", errno);
	}
}

void guard_watch(struct guard *g, pid_t pgid)
{
	const struct note n = { .kind = NOTE_WATCH, .pgid = pgid };

	send_note(g, &n);
}

void guard_unwatch(struct guard *g, pid_t pgid)
{
	const struct note n = { .kind = NOTE_UNWATCH, .pgid = pgid };

	send_note(g, &n);
}

void guard_address(struct guard *g, const char *runtime_api)
{
	struct note n = { .kind = NOTE_ADDRESS };

	snprintf(n.entry, sizeof(n.entry), "AWS_LAMBDA_RUNTIME_API=%s", runtime_api);
	send_note(g, &n);
}

void guard_stop(struct guard *g)
{
	if (g == NULL) {
		return;
	}
	close(g->fd);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	free(g);
}
