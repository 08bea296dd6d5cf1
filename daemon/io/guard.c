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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/proc.h"

#define STREAM_LEN 224
#define NOTES_MAX 11264 /* MAX_CONCURRENCY is 1000 at most, with a runtime and up to ten extensions each */

static const int pipe_bytes = 512 * 1024; /* a burst of notes must fit: the daemon does not wait for the guard */

enum note_kind { NOTE_ANNOUNCE, NOTE_WITHDRAW, NOTE_WATCH, NOTE_UNWATCH, NOTE_ORDERLY_END };

struct note {
	enum note_kind kind;
	pid_t pgid; /* 0 = announced */
	char stream[STREAM_LEN];
};

_Static_assert(sizeof(struct note) <= PIPE_BUF, "a note is written in one piece");

struct guard {
	pid_t pid;
	int fd;
};

/* --- in the guard process --- */

struct book {
	struct note watched[NOTES_MAX];
	size_t count;
	rlim_t mark;
	pid_t daemon; /* dies by itself */
	bool orderly;
	unsigned killed; /* in one round */
};

static void watch(struct book *b, const struct note *n)
{
	if (b->count < NOTES_MAX) {
		b->watched[b->count++] = *n;
	}
}

static void unwatch(struct book *b, pid_t pgid)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->watched[i].pgid == pgid) {
			b->watched[i] = b->watched[--b->count];
			return;
		}
	}
}

static void withdraw(struct book *b, const char *stream)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->watched[i].pgid == 0 && strcmp(b->watched[i].stream, stream) == 0) {
			b->watched[i] = b->watched[--b->count];
			return;
		}
	}
}

static void take_note(struct book *b, const struct note *n)
{
	switch (n->kind) {
	case NOTE_ANNOUNCE:
		watch(b, n);
		break;
	case NOTE_WITHDRAW:
		withdraw(b, n->stream);
		break;
	case NOTE_WATCH:
		withdraw(b, n->stream);
		watch(b, n);
		break;
	case NOTE_UNWATCH:
		unwatch(b, n->pgid);
		break;
	case NOTE_ORDERLY_END:
		b->orderly = true;
		break;
	}
}

static bool is_watched(const struct book *b, const char *stream)
{
	for (size_t i = 0; i < b->count; i++) {
		if (strcmp(b->watched[i].stream, stream) == 0) {
			return true;
		}
	}
	return false;
}

static bool has_our_limit(const struct book *b, pid_t pid)
{
	struct rlimit limit;

	return b->mark != RLIM_INFINITY && prlimit(pid, RLIMIT_LOCKS, NULL, &limit) == 0 && limit.rlim_cur == b->mark;
}

static bool has_our_stream(const struct book *b, pid_t pid)
{
	char stream[STREAM_LEN];

	return (proc_env(pid, GUARD_MARK, stream, sizeof(stream)) ||
		proc_env(pid, GUARD_OTHER_MARK, stream, sizeof(stream))) &&
	       is_watched(b, stream);
}

static bool kill_if_ours(pid_t pid, void *ctx)
{
	struct book *b = ctx;
	struct proc_stat st;

	if (pid == getpid() || pid == b->daemon || !(has_our_limit(b, pid) || has_our_stream(b, pid)) ||
	    !proc_read_stat(pid, &st) || st.state == 'Z') {
		return true;
	}
	kill(pid, SIGKILL);
	b->killed++;
	return true;
}

static void end_everything(struct book *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->watched[i].pgid > 0) {
			kill(-b->watched[i].pgid, SIGKILL);
		}
	}
	if (b->orderly) {
		return;
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

/* Whoever waits for the end of the daemon's output or of its sockets must not wait for us. Returns the new fd. */
static int close_all_but(int fd)
{
	const int kept = 3;
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < kept && null >= 0; i++) {
		dup2(null, i);
	}
	dup2(fd, kept);
	closefrom(kept + 1);
	return kept;
}

/* Nothing but the end of the pipe may end the guard. */
static void leave_the_crowd(void)
{
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "lambda-guard");
	/* Or the daemon's directory could not be unmounted. */
	if (chdir("/") != 0) {
		return;
	}
}

static NORETURN void guard_main(int fd, rlim_t mark, pid_t daemon)
{
	static struct book book; /* its pages are touched as they fill */
	struct note n;
	ssize_t got;

	book.mark = mark;
	book.daemon = daemon;
	leave_the_crowd();
	fd = close_all_but(fd);
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

/* A pipe whose ends are no standard descriptors, not even when the daemon was started without those. */
static int make_pipe(int fds[2])
{
	int low[2];
	int r = 0;

	if (pipe2(low, O_CLOEXEC) != 0) {
		return -errno;
	}
	for (unsigned i = 0; i < 2; i++) {
		fds[i] = low[i] > STDERR_FILENO ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (fds[i] < 0) {
			r = -errno;
		}
		if (fds[i] != low[i]) {
			close(low[i]);
		}
	}
	if (r != 0) {
		close(fds[0]);
		close(fds[1]);
	}
	return r;
}

/* A number that whatever we start inherits, and keeps when it leaves its group, its session, its parents and its environment:
 * a limit that the kernel has not looked at since Linux 2.4. RLIM_INFINITY: not possible. */
static rlim_t mark_descendants(void)
{
	struct rlimit limit;
	char hex[15];

	text_random_hex(hex, 7);
	if (getrlimit(RLIMIT_LOCKS, &limit) != 0 || limit.rlim_max != RLIM_INFINITY) {
		return RLIM_INFINITY;
	}
	limit.rlim_cur = (rlim_t)strtoull(hex, NULL, 16);
	return setrlimit(RLIMIT_LOCKS, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

struct guard *guard_start(void)
{
	struct guard *g;
	int fds[2];
	int r;
	pid_t pid;
	pid_t self = getpid();
	rlim_t mark;

	if (self == 1) {
		return NULL;
	}
	r = make_pipe(fds);
	if (r != 0) {
		log_warn("no guard: pipe errno=%d", -r);
		return NULL;
	}
	mark = mark_descendants();
	pid = fork();
	if (pid == 0) {
		close(fds[1]);
		guard_main(fds[0], mark, self);
	}
	close(fds[0]);
	if (pid < 0) {
		log_warn("no guard: fork errno=%d", errno);
		close(fds[1]);
		return NULL;
	}
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	(void)fcntl(fds[1], F_SETPIPE_SZ, pipe_bytes);
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
		log_warn("the guard could not be told errno=%d", errno);
	}
}

static void send_stream(struct guard *g, enum note_kind kind, pid_t pgid, const char *stream)
{
	struct note n = { .kind = kind, .pgid = pgid };

	snprintf(n.stream, sizeof(n.stream), "%s", stream);
	send_note(g, &n);
}

void guard_announce(struct guard *g, const char *stream)
{
	send_stream(g, NOTE_ANNOUNCE, 0, stream);
}

void guard_withdraw(struct guard *g, const char *stream)
{
	send_stream(g, NOTE_WITHDRAW, 0, stream);
}

void guard_watch(struct guard *g, pid_t pgid, const char *stream)
{
	send_stream(g, NOTE_WATCH, pgid, stream);
}

void guard_unwatch(struct guard *g, pid_t pgid)
{
	const struct note n = { .kind = NOTE_UNWATCH, .pgid = pgid };

	send_note(g, &n);
}

void guard_stop(struct guard *g)
{
	const struct note n = { .kind = NOTE_ORDERLY_END };

	if (g == NULL) {
		return;
	}
	send_note(g, &n);
	close(g->fd);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR) {
	}
	free(g);
}
