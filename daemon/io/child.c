/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning, stopping and reaping of child processes. */
#include "io/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/proc.h"

/* AWS gives a function 1024 descriptors; the daemon has raised its own limit. */
static const rlim_t child_descriptors = 1024;
static const int64_t finish_us = 5 * 1000 * 1000;
static const unsigned hunt_rounds = 10;

struct children {
	struct loop *loop;
	pid_t spared;
	int null;	     /* what children get that are given no descriptor */
	struct list running; // child::link
};

/* Not opened by the children themselves: where there is no /dev, that would look like a missing executable. */
static int open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int ends[2];

	if (fd >= 0) {
		return fd;
	}
	log_warn("/dev/null cannot be opened, runtimes get a pipe without a writer: %s", strerror(errno));
	if (pipe2(ends, O_CLOEXEC) != 0) {
		return -1;
	}
	close(ends[1]);
	return ends[0];
}

struct children *children_new(struct loop *loop, pid_t spared)
{
	int null = open_null();
	struct children *cs;

	if (null < 0) {
		return NULL;
	}
	cs = xcalloc(1, sizeof(*cs));
	cs->loop = loop;
	cs->spared = spared;
	cs->null = null;
	list_init(&cs->running);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
		log_warn("orphans of runtimes cannot be reaped errno=%d", errno);
	}
	return cs;
}

void children_free(struct children *cs)
{
	if (cs == NULL) {
		return;
	}
	close(cs->null);
	free(cs);
}

static void on_kill_timer(void *ctx)
{
	child_signal(ctx, SIGKILL);
}

void child_init(struct child *c, child_exit_fn on_exit)
{
	c->on_exit = on_exit;
	c->pid = 0;
	c->home = NULL;
	list_init(&c->link);
	loop_timer_init(&c->kill_timer, on_kill_timer, c);
}

/* --- spawning --- */

/* 0 if path is a file that may be executed, else -errno. dir: what a relative path is relative to, or NULL. */
static int check_executable(const char *dir, const char *path)
{
	auto_free char *full = dir != NULL && path[0] != '/' ? xasprintf("%s/%s", dir, path) : xstrdup(path);
	struct stat st;

	if (stat(full, &st) != 0) {
		return -errno;
	}
	if (S_ISDIR(st.st_mode) || access(full, X_OK) != 0) {
		return -EACCES;
	}
	return 0;
}

static const char *env_value(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=') {
			return *envp + len + 1;
		}
	}
	return NULL;
}

/* The executable that a bare name means, in the child's PATH. -errno when there is none. */
static int search_path(const struct child_spec *spec, char **out)
{
	const char *path = env_value(spec->envp, "PATH");
	int result = -ENOENT;

	while (path != NULL) {
		size_t len = strcspn(path, ":");
		char *candidate = len > 0 ? xasprintf("%.*s/%s", (int)len, path, spec->argv[0])
					  : xasprintf("./%s", spec->argv[0]);
		int r = check_executable(spec->cwd, candidate);

		if (r == 0) {
			*out = candidate;
			return 0;
		}
		free(candidate);
		result = r == -EACCES ? r : result;
		path = path[len] == ':' ? path + len + 1 : NULL;
	}
	return result;
}

static int find_executable(const struct child_spec *spec, char **out)
{
	struct stat st;

	/* Looked at here, so that a bad directory is not taken for a bad command. */
	if (spec->cwd != NULL &&
	    (stat(spec->cwd, &st) != 0 || !S_ISDIR(st.st_mode) || access(spec->cwd, X_OK) != 0)) {
		return -ENOTDIR;
	}
	if (strchr(spec->argv[0], '/') == NULL) {
		return search_path(spec, out);
	}
	*out = xstrdup(spec->argv[0]);
	return check_executable(spec->cwd, *out);
}

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none;
	sigset_t all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setpgroup(attr, 0);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	return posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* high: our descriptors, all above those they become, so that no dup2 overwrites the source of a later one. */
static int set_actions(posix_spawn_file_actions_t *fa, const struct child_spec *spec, const int high[4])
{
	int r = 0;

	for (int fd = 0; fd < 4 && r == 0; fd++) {
		if (high[fd] >= 0) {
			r = posix_spawn_file_actions_adddup2(fa, high[fd], fd);
		}
	}
	if (r == 0) {
		r = posix_spawn_file_actions_addclosefrom_np(fa, high[3] >= 0 ? 4 : 3);
	}
	if (r == 0 && spec->cwd != NULL) {
		r = posix_spawn_file_actions_addchdir_np(fa, spec->cwd);
	}
	return r;
}

static int spawn(const char *path, const struct child_spec *spec, const int high[4], pid_t *pid)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	int r;

	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&attr);
	r = set_attributes(&attr);
	if (r == 0) {
		r = set_actions(&fa, spec, high);
	}
	if (r == 0) {
		r = posix_spawn(pid, path, &fa, &attr, spec->argv, spec->envp);
	}
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	return -r;
}

static void limit_descriptors(pid_t pid)
{
	struct rlimit limit;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0 && limit.rlim_cur > child_descriptors) {
		limit.rlim_cur = child_descriptors;
		(void)prlimit(pid, RLIMIT_NOFILE, &limit, NULL);
	}
}

int child_spawn(struct children *cs, struct child *c, const struct child_spec *spec)
{
	auto_free char *path = NULL;
	int high[4];
	int r = find_executable(spec, &path);
	pid_t pid = 0;

	assert(c->pid == 0);
	if (r != 0) {
		return r;
	}
	for (unsigned i = 0; i < countof(high); i++) {
		int fd = i < 3 && spec->fds[i] < 0 ? cs->null : spec->fds[i];

		high[i] = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 10) : -1;
		if (fd >= 0 && high[i] < 0) {
			r = -errno;
		}
	}
	if (r == 0) {
		r = spawn(path, spec, high, &pid);
	}
	for (unsigned i = 0; i < countof(high); i++) {
		if (high[i] >= 0) {
			close(high[i]);
		}
	}
	if (r != 0) {
		return r;
	}
	limit_descriptors(pid);
	c->pid = pid;
	c->home = cs;
	list_push_back(&cs->running, &c->link);
	return 0;
}

/* --- stopping --- */

void child_signal(struct child *c, int signo)
{
	if (c->pid > 0) {
		kill(-c->pid, signo);
	}
}

void child_stop(struct child *c, int64_t grace_us)
{
	int64_t at;

	if (c->pid == 0) {
		return;
	}
	if (grace_us <= 0) {
		loop_timer_clear(c->home->loop, &c->kill_timer);
		child_signal(c, SIGKILL);
		return;
	}
	at = loop_now_us(c->home->loop) + grace_us;
	if (c->kill_timer.slot == 0) {
		child_signal(c, SIGTERM);
		/* A stopped process would not see it. */
		child_signal(c, SIGCONT);
		loop_timer_set(c->home->loop, &c->kill_timer, at);
	} else if (at < c->kill_timer.at_us) {
		loop_timer_set(c->home->loop, &c->kill_timer, at);
	}
}

void child_abandon(struct child *c)
{
	if (c->pid == 0) {
		return;
	}
	loop_timer_clear(c->home->loop, &c->kill_timer);
	child_signal(c, SIGKILL);
	list_unlink(&c->link);
	c->pid = 0;
}

/* --- reaping --- */

static struct child *find_child(struct children *cs, pid_t pid)
{
	struct list *pos;

	list_foreach(&cs->running, pos) {
		struct child *c = container_of(pos, struct child, link);

		if (c->pid == pid) {
			return c;
		}
	}
	return NULL;
}

static void child_ended(struct child *c, const siginfo_t *info, const struct rusage *used)
{
	const struct child_exit ex = {
		.pid = c->pid,
		.signaled = info->si_code != CLD_EXITED,
		.code = info->si_status,
		.peak_bytes = (uint64_t)used->ru_maxrss * 1024,
	};

	loop_timer_clear(c->home->loop, &c->kill_timer);
	list_unlink(&c->link);
	c->pid = 0;
	c->on_exit(c, &ex);
}

void children_reap(struct children *cs)
{
	siginfo_t info;

	for (;;) {
		struct rusage used = { .ru_maxrss = 0 };
		struct child *c;

		memset(&info, 0, sizeof(info));
		/* Not reaped yet: while the leader is a zombie its group's id cannot be given to anybody else. */
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) {
			return;
		}
		c = find_child(cs, info.si_pid);
		if (c != NULL) {
			kill(-c->pid, SIGKILL);
		}
		wait4(info.si_pid, NULL, 0, &used);
		if (c != NULL) {
			child_ended(c, &info, &used);
		} else if (info.si_pid == cs->spared) {
			cs->spared = 0;
			log_warn("the guard has ended, runtimes would outlive a crash pid=%d", (int)info.si_pid);
		} else {
			log_debug("reaped an orphan pid=%d", (int)info.si_pid);
		}
	}
}

void child_memory(const struct child *c, uint64_t *rss, uint64_t *hwm)
{
	*rss = 0;
	*hwm = 0;
	if (c->pid > 0) {
		proc_tree_memory(c->pid, rss, hwm);
	}
}

void child_forget_peak(const struct child *c)
{
	if (c->pid > 0) {
		proc_forget_peak(c->pid);
	}
}

/* --- the terminal --- */

/* Whoever is in the background is stopped when it does this, unless it has the signal blocked. */
static void set_foreground(pid_t group)
{
	sigset_t ttou;
	sigset_t before;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &before);
	if (tcsetpgrp(STDIN_FILENO, group) != 0 && errno != ENOTTY) {
		log_debug("the terminal could not be given away group=%d errno=%d", (int)group, errno);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void child_to_foreground(const struct child *c)
{
	if (c->pid > 0) {
		set_foreground(c->pid);
		/* It may have asked for input before it was its turn, which has stopped it. */
		kill(-c->pid, SIGCONT);
	}
}

void child_take_foreground(void)
{
	set_foreground(getpgrp());
}

/* --- strays --- */

struct hunt {
	struct children *cs;
	const char *name; /* of the environment; NULL = every descendant */
	const char *value;
	bool any; /* prey was seen, dead or alive */
	unsigned kills;
	pid_t killed[256]; /* the first of them: a process takes a while to die, and must not count twice */
};

static bool was_killed(const struct hunt *h, pid_t pid)
{
	for (unsigned i = 0; i < h->kills && i < countof(h->killed); i++) {
		if (h->killed[i] == pid) {
			return true;
		}
	}
	return false;
}

static bool is_prey(const struct hunt *h, pid_t pid)
{
	char value[256];

	return h->name == NULL || (proc_env(pid, h->name, value, sizeof(value)) && strcmp(value, h->value) == 0);
}

static bool hunt_one(pid_t pid, void *ctx)
{
	struct hunt *h = ctx;
	struct proc_stat st;

	if (pid == h->cs->spared || (h->name != NULL && find_child(h->cs, pid) != NULL)) {
		return false;
	}
	if (!is_prey(h, pid)) {
		return true;
	}
	h->any = true;
	if (was_killed(h, pid) || !proc_read_stat(pid, &st) || st.state == 'Z' || kill(pid, SIGKILL) != 0) {
		return true;
	}
	if (h->kills < countof(h->killed)) {
		h->killed[h->kills] = pid;
	}
	h->kills++;
	return true;
}

unsigned child_kill_strays(struct children *cs, const char *name, const char *value)
{
	struct hunt h = { .cs = cs, .name = name, .value = value };
	unsigned before;
	unsigned round = 0;

	/* Again until a round finds nothing new: a process may fork while we look. */
	do {
		before = h.kills;
		proc_descend(getpid(), hunt_one, &h);
	} while (h.kills > before && ++round < hunt_rounds);
	return h.kills;
}

static void kill_groups(struct children *cs)
{
	struct list *pos;

	list_foreach(&cs->running, pos) {
		struct child *c = container_of(pos, struct child, link);

		loop_timer_clear(cs->loop, &c->kill_timer);
		child_signal(c, SIGKILL);
	}
}

static void reap_silently(struct children *cs)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		struct child *c = find_child(cs, pid);

		if (c != NULL) {
			list_unlink(&c->link);
			c->pid = 0;
		}
	}
}

static void forget_running(struct children *cs)
{
	struct list *pos, *tmp;

	list_foreach_safe(&cs->running, pos, tmp) {
		struct child *c = container_of(pos, struct child, link);

		list_unlink(&c->link);
		c->pid = 0;
	}
}

void children_finish(struct children *cs)
{
	const struct timespec step = { .tv_nsec = 100 * 1000 * 1000 };
	int64_t end = clock_mono_us() + finish_us;
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	kill_groups(cs);
	for (;;) {
		struct hunt h = { .cs = cs };

		reap_silently(cs);
		/* Descendants become our children one generation after the other. */
		proc_descend(getpid(), hunt_one, &h);
		if ((!h.any && list_empty(&cs->running)) || clock_mono_us() > end) {
			break;
		}
		sigtimedwait(&chld, NULL, &step);
	}
	forget_running(cs);
}
