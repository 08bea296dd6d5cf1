/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning, stopping and reaping, with real processes on a real loop. */
#include "io/child.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/signals.h"
#include "victims.h"

#define LONG_US ((int64_t)PATIENCE_MS * 1000)

struct world {
	struct loop *loop;
	struct signals *signals;
	struct children *children;
	pid_t spared;
	char dir[64]; /* for files to be executed */
	char self[256];
};

struct runner {
	struct child child;
	struct world *world;
	int out; /* reads the stdout */
	unsigned exits;
	unsigned again; /* times to be started anew at its end */
	struct child_exit last;
};

static int run(struct runner *r, const char *role, char *const *envp);

static void on_exit_of(struct child *c, const struct child_exit *ex)
{
	struct runner *r = container_of(c, struct runner, child);

	assert_int_equal(c->pid, 0);
	assert_int_equal(kill(ex->pid, 0), -1);
	r->exits++;
	r->last = *ex;
	if (r->again > 0) {
		r->again--;
		close(r->out);
		assert_int_equal(run(r, "3", environ), 0);
	}
}

static void runner_init(struct runner *r, struct world *w)
{
	memset(r, 0, sizeof(*r));
	r->world = w;
	r->out = -1;
	child_init(&r->child, on_exit_of);
}

static int run(struct runner *r, const char *role, char *const *envp)
{
	char *argv[] = { WORD("/proc/self/exe"), strdup(role), NULL };
	struct child_spec spec = { .argv = argv, .envp = envp, .fds = { -1, -1, STDERR_FILENO, -1 } };
	int fds[2];
	int result;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.fds[1] = fds[1];
	result = child_spawn(r->world->children, &r->child, &spec);
	close(fds[1]);
	free(argv[1]);
	r->out = fds[0];
	return result;
}

static void hear_lines(struct runner *r, unsigned lines, char *out, size_t size)
{
	hear(r->out, lines, out, size);
}

static void await(struct runner *r, unsigned exits)
{
	int64_t end = clock_mono_us() + LONG_US;

	while (r->exits < exits && clock_mono_us() < end) {
		assert_int_equal(loop_turn(r->world->loop, LONG_US), 0);
	}
	assert_int_equal(r->exits, exits);
}

/* Until the loop has reaped it. */
static void await_gone(struct world *w, pid_t pid)
{
	int64_t end = clock_mono_us() + LONG_US;

	while (kill(pid, 0) == 0 && clock_mono_us() < end) {
		assert_int_equal(loop_turn(w->loop, LONG_US), 0);
	}
	assert_int_equal(kill(pid, 0), -1);
}

static void runner_fini(struct runner *r)
{
	if (r->child.pid != 0) {
		child_stop(&r->child, 0);
		await(r, r->exits + 1);
	}
	close(r->out);
}

static void on_signal(void *ctx, int signo)
{
	struct world *w = ctx;

	if (signo == SIGCHLD) {
		children_reap(w->children);
	}
}

static int set_up(void **state)
{
	static const char template[] = "/tmp/child_test.XXXXXX";
	struct world *w = calloc(1, sizeof(*w));
	ssize_t len = readlink("/proc/self/exe", w->self, sizeof(w->self) - 1);

	memcpy(w->dir, template, sizeof(template));
	w->loop = loop_new();
	w->signals = signals_new(w->loop, on_signal, w);
	w->spared = fork();
	if (w->spared == 0) {
		setpgid(0, 0);
		wait_to_be_killed();
	}
	w->children = children_new(w->loop, w->spared);
	*state = w;
	return len > 0 && mkdtemp(w->dir) != NULL && w->loop != NULL && w->signals != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[96];
	/* No test may have touched the spared one, nor have left a process. */
	bool good = is_alive(w->spared);

	kill(w->spared, SIGKILL);
	has_ended(w->spared);
	children_reap(w->children);
	good = good && waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD;
	end_everybody();
	children_free(w->children);
	signals_free(w->signals);
	loop_free(w->loop);
	snprintf(command, sizeof(command), "rm -r %s", w->dir);
	good = system(command) == 0 && good;
	free(w);
	return good ? 0 : -1;
}

/* --- spawning --- */

static void make_file(struct world *w, const char *name, const void *content, size_t len, mode_t mode)
{
	char *path = xasprintf("%s/%s", w->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	assert_true(fd >= 0 && write(fd, content, len) == (ssize_t)len);
	fchmod(fd, mode);
	close(fd);
	free(path);
}

static void make_link(struct world *w, const char *name)
{
	char *path = xasprintf("%s/%s", w->dir, name);

	assert_int_equal(symlink(w->self, path), 0);
	free(path);
}

static void make_dir(struct world *w, const char *name)
{
	char *path = xasprintf("%s/%s", w->dir, name);

	assert_int_equal(mkdir(path, 0755), 0);
	free(path);
}

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count;
}

static void test_child_starts_from_a_clean_slate(void **state)
{
	struct world *w = *state;
	char *argv[] = { w->self, WORD("state"), NULL };
	char *envp[] = { WORD("ONLY=this"), NULL };
	struct child_spec spec = { .argv = argv, .envp = envp, .cwd = w->dir };
	struct runner r;
	int in[2], out[2], err[2], three[2];
	int saved = dup(STDERR_FILENO);
	int leak = dup(STDERR_FILENO); /* without CLOEXEC, as a careless library does */
	struct rlimit limit;
	char text[2048];
	char want[160];

	assert_true(pipe(in) == 0 && pipe(out) == 0 && pipe(err) == 0 && pipe(three) == 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	runner_init(&r, w);
	/* What becomes 3 is our 2, and something else becomes 2: in the wrong order both would be the same. */
	dup2(three[1], STDERR_FILENO);
	spec.fds[0] = in[0];
	spec.fds[1] = out[1];
	spec.fds[2] = err[1];
	spec.fds[3] = STDERR_FILENO;
	assert_int_equal(child_spawn(w->children, &r.child, &spec), 0);
	dup2(saved, STDERR_FILENO);
	close(out[1]);
	close(err[1]);
	close(three[1]);
	assert_int_equal(write(in[1], "x", 1), 1);
	hear(out[0], 0, text, sizeof(text));
	snprintf(want, sizeof(want), "files %d %llu\n", limit.rlim_max > 1024 ? 1024 : (int)limit.rlim_max,
		 (unsigned long long)limit.rlim_max);
	assert_non_null(strstr(text, want));
	snprintf(want, sizeof(want), "blocked 0 ignored-pipe 0\ncwd %s\ngroup 1\n", w->dir);
	assert_non_null(strstr(text, want));
	assert_ptr_equal(strstr(text, "env ONLY=this\nfd "), text);
	assert_non_null(strstr(text, "fd 0\n"));
	assert_non_null(strstr(text, "fd 1\n"));
	assert_non_null(strstr(text, "fd 2\n"));
	assert_non_null(strstr(text, "fd 3\nfiles"));
	hear(err[0], 0, text, sizeof(text));
	assert_string_equal(text, "this is stderr\n");
	hear(three[0], 0, text, sizeof(text));
	assert_string_equal(text, "this is three\n");
	await(&r, 1);
	assert_false(r.last.signaled);
	assert_int_equal(r.last.code, 0);
	close(in[0]);
	close(in[1]);
	close(out[0]);
	close(err[0]);
	close(three[0]);
	close(saved);
	close(leak);
	runner_fini(&r);
}

static void test_descriptors_that_are_not_given(void **state)
{
	struct world *w = *state;
	struct runner r;
	char text[64];

	runner_init(&r, w);
	assert_int_equal(run(&r, "state", environ), 0); /* stdin is /dev/null, where its byte does not come from */
	hear_lines(&r, 0, text, sizeof(text));
	await(&r, 1);
	assert_int_equal(r.last.code, 96);
	runner_fini(&r);
}

static int try_spawn(struct world *w, const char *command, const char *path, const char *cwd)
{
	char *argv[] = { strdup(command), WORD("7"), NULL };
	char *path_entry = path != NULL ? xasprintf("PATH=%s", path) : NULL;
	char *envp[] = { path_entry, NULL };
	struct child_spec spec = { .argv = argv, .envp = envp, .cwd = cwd, .fds = { -1, -1, STDERR_FILENO, -1 } };
	unsigned before = open_descriptors();
	struct runner r;
	int result;

	runner_init(&r, w);
	result = child_spawn(w->children, &r.child, &spec);
	assert_int_equal(open_descriptors(), before);
	if (result == 0) {
		await(&r, 1);
		assert_int_equal(r.last.code, 7);
	}
	assert_int_equal(r.child.pid, 0);
	free(argv[0]);
	free(path_entry);
	return result;
}

static void test_command_is_looked_up_in_the_childs_path(void **state)
{
	struct world *w = *state;
	char *path;

	make_dir(w, "empty");
	make_dir(w, "bin");
	make_dir(w, "blocked");
	make_dir(w, "blocked/tool");
	make_link(w, "bin/tool");
	make_file(w, "bin/locked", "#!/bin/sh\n", 10, 0644);
	path = xasprintf("%s/empty:%s/blocked:%s/bin", w->dir, w->dir, w->dir);
	assert_int_equal(try_spawn(w, "tool", path, NULL), 0);
	assert_int_equal(try_spawn(w, "missing", path, NULL), -ENOENT);
	assert_int_equal(try_spawn(w, "locked", path, NULL), -EACCES);
	assert_int_equal(try_spawn(w, "tool", NULL, NULL), -ENOENT);
	assert_int_equal(try_spawn(w, "tool", "", "/"), -ENOENT);
	assert_int_equal(try_spawn(w, "tool", "empty:bin", w->dir), 0); /* relative to the child's directory */
	assert_int_equal(try_spawn(w, "bin/tool", path, w->dir), 0);	/* with a slash: not looked up */
	assert_int_equal(try_spawn(w, "bin/tool", path, "/"), -ENOENT);
	free(path);
	path = xasprintf("%s/bin", w->dir);
	assert_int_equal(try_spawn(w, "tool", ":/nowhere", path), 0); /* an empty entry is the directory itself */
	free(path);
}

static void test_errors_of_execution(void **state)
{
	/* The head of an executable for another machine: ELF, 64 bits, little endian, EM_AARCH64. */
	static const unsigned char arm[64] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 2, [18] = 0xb7, [20] = 1 };
	struct world *w = *state;
	char *gone = xasprintf("%s/gone", w->dir);
	char *file = xasprintf("%s/text", w->dir);

	make_file(w, "text", "echo no interpreter\n", 20, 0755);
	make_file(w, "arm", arm, sizeof(arm), 0755);
	make_file(w, "script", "#!/nowhere/sh\n", 14, 0755);
	make_file(w, "plain", "#!/bin/sh\n", 10, 0644);
	make_file(w, "nothing", "", 0, 0755);
	make_dir(w, "dir");
	assert_int_equal(try_spawn(w, "./text", NULL, w->dir), -ENOEXEC);
	assert_int_equal(try_spawn(w, "./arm", NULL, w->dir), -ENOEXEC);
	assert_int_equal(try_spawn(w, "./nothing", NULL, w->dir), -ENOEXEC);
	assert_int_equal(try_spawn(w, "./script", NULL, w->dir), -ENOENT);
	assert_int_equal(try_spawn(w, "./plain", NULL, w->dir), -EACCES);
	assert_int_equal(try_spawn(w, "./dir", NULL, w->dir), -EACCES);
	assert_int_equal(try_spawn(w, "./gone", NULL, w->dir), -ENOENT);
	assert_int_equal(try_spawn(w, w->self, NULL, gone), -ENOTDIR);
	assert_int_equal(try_spawn(w, w->self, NULL, file), -ENOTDIR);
	assert_int_equal(try_spawn(w, w->self, NULL, w->dir), 0);
	free(gone);
	free(file);
}

/* --- ends --- */

static void test_how_it_ended(void **state)
{
	struct runner r;

	runner_init(&r, *state);
	assert_int_equal(run(&r, "42", environ), 0);
	await(&r, 1);
	assert_false(r.last.signaled);
	assert_int_equal(r.last.code, 42);
	close(r.out);
	assert_int_equal(run(&r, "abort", environ), 0);
	await(&r, 2);
	assert_true(r.last.signaled);
	assert_int_equal(r.last.code, SIGABRT);
	close(r.out);
	assert_int_equal(run(&r, "pause", environ), 0);
	child_signal(&r.child, SIGKILL);
	await(&r, 3);
	assert_true(r.last.signaled);
	assert_int_equal(r.last.code, SIGKILL);
	child_signal(&r.child, SIGKILL); /* nobody */
	child_stop(&r.child, 0);
	runner_fini(&r);
}

static void test_it_may_be_started_again_from_its_end(void **state)
{
	struct runner r;

	runner_init(&r, *state);
	r.again = 2;
	assert_int_equal(run(&r, "0", environ), 0);
	await(&r, 3);
	assert_int_equal(r.last.code, 3);
	runner_fini(&r);
}

static void start_and_hear(struct runner *r, struct world *w, const char *role)
{
	char line[64];

	runner_init(r, w);
	assert_int_equal(run(r, role, environ), 0);
	hear_lines(r, 1, line, sizeof(line));
	assert_int_equal(pid_of(line, "ready "), r->child.pid);
}

static void test_stop_is_a_request_first(void **state)
{
	struct runner r;

	start_and_hear(&r, *state, "pause");
	child_stop(&r.child, LONG_US);
	child_stop(&r.child, LONG_US);
	await(&r, 1);
	assert_int_equal(r.last.code, SIGTERM);
	runner_fini(&r);
}

static void test_stop_kills_after_the_grace(void **state)
{
	struct runner r;

	start_and_hear(&r, *state, "stubborn");
	child_stop(&r.child, 20000);
	await(&r, 1);
	assert_int_equal(r.last.code, SIGKILL);
	runner_fini(&r);
	start_and_hear(&r, *state, "stubborn");
	child_stop(&r.child, 0);
	await(&r, 1);
	assert_int_equal(r.last.code, SIGKILL);
	runner_fini(&r);
}

static void test_grace_may_be_shortened_only(void **state)
{
	int64_t start = clock_mono_us();
	struct runner r;

	start_and_hear(&r, *state, "stubborn");
	child_stop(&r.child, LONG_US);
	child_stop(&r.child, 1000);
	child_stop(&r.child, LONG_US);
	await(&r, 1);
	assert_int_equal(r.last.code, SIGKILL);
	assert_true(clock_mono_us() - start < LONG_US);
	runner_fini(&r);
}

static void test_stopped_process_ends_too(void **state)
{
	siginfo_t info;
	struct runner r;

	start_and_hear(&r, *state, "stop");
	assert_int_equal(waitid(P_PID, (id_t)r.child.pid, &info, WSTOPPED | WNOWAIT), 0);
	child_stop(&r.child, LONG_US);
	await(&r, 1);
	assert_int_equal(r.last.code, SIGTERM);
	runner_fini(&r);
	start_and_hear(&r, *state, "stop");
	assert_int_equal(waitid(P_PID, (id_t)r.child.pid, &info, WSTOPPED | WNOWAIT), 0);
	child_stop(&r.child, 0);
	await(&r, 1);
	assert_int_equal(r.last.code, SIGKILL);
	runner_fini(&r);
}

/* --- families --- */

struct family {
	struct runner head;
	pid_t leader;
	pid_t member;
	pid_t session;
	pid_t stray;
};

static void start_family(struct family *f, struct world *w, const char *role, char *const *envp)
{
	char text[256];

	runner_init(&f->head, w);
	assert_int_equal(run(&f->head, role, envp), 0);
	hear_lines(&f->head, 4, text, sizeof(text));
	f->leader = pid_of(text, "leader ");
	f->member = pid_of(text, "member ");
	f->session = pid_of(text, "session ");
	f->stray = pid_of(text, "stray ");
	assert_true(f->leader > 0 && f->member > 0 && f->session > 0 && f->stray > 0);
}

static void test_end_of_the_leader_ends_its_group(void **state)
{
	char *marked[] = { WORD("MARK=mine"), NULL };
	char *other[] = { WORD("MARK=other"), NULL };
	struct world *w = *state;
	struct runner bystander;
	struct family f;
	struct family live;

	start_family(&live, w, "family", marked);
	runner_init(&bystander, w);
	assert_int_equal(run(&bystander, "pause", other), 0);
	start_family(&f, w, "leaving-family", marked);
	await(&f.head, 1);
	await_gone(w, f.member); /* killed, then reaped as our orphan */
	assert_true(is_alive(f.session) && is_alive(f.stray));
	assert_int_equal(child_kill_strays(w->children, "MARK", "min"), 0);
	assert_int_equal(child_kill_strays(w->children, "MAR", "mine"), 0);
	/* The stray of the other family has left its tree as well, and has the same mark; its tree has not. */
	assert_int_equal(child_kill_strays(w->children, "MARK", "mine"), 3);
	await_gone(w, f.session);
	await_gone(w, f.stray);
	await_gone(w, live.stray);
	assert_true(is_alive(live.leader) && is_alive(live.member) && is_alive(live.session));
	assert_true(is_alive(bystander.child.pid));
	assert_int_equal(child_kill_strays(w->children, "MARK", "mine"), 0);
	runner_fini(&f.head);
	runner_fini(&bystander);
	child_stop(&live.head.child, 0);
	await(&live.head, 1);
	assert_true(child_kill_strays(w->children, NULL, NULL) >= 1); /* its member may be dying still */
	await_gone(w, live.session);
	await_gone(w, live.member);
	runner_fini(&live.head);
}

static void test_finish_leaves_nobody(void **state)
{
	struct world *w = *state;
	struct runner stubborn;
	struct family f;

	start_family(&f, w, "family", environ);
	start_and_hear(&stubborn, w, "stubborn");
	child_stop(&stubborn.child, LONG_US);
	children_finish(w->children);
	assert_int_equal(kill(f.leader, 0), -1);
	assert_int_equal(kill(f.member, 0), -1);
	assert_int_equal(kill(f.session, 0), -1);
	assert_int_equal(kill(f.stray, 0), -1);
	assert_int_equal(f.head.child.pid, 0);
	assert_int_equal(stubborn.child.pid, 0);
	assert_int_equal(f.head.exits + stubborn.exits, 0);
	assert_true(is_alive(w->spared));
	runner_fini(&f.head);
	runner_fini(&stubborn);
}

static void test_memory(void **state)
{
	uint64_t rss, hwm, family_rss, family_hwm;
	struct world *w = *state;
	struct runner one;
	struct family f;

	start_and_hear(&one, w, "pause");
	start_family(&f, w, "family", environ);
	child_memory(&one.child, &rss, &hwm);
	child_memory(&f.head.child, &family_rss, &family_hwm);
	assert_true(rss > 0 && hwm >= rss);
	assert_true(family_rss > family_hwm && family_hwm > 0);
	runner_fini(&one);
	child_memory(&one.child, &rss, &hwm);
	assert_int_equal(rss, 0);
	assert_int_equal(hwm, 0);
	children_finish(w->children);
	runner_fini(&f.head);
}

#define IN_A_WORLD(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		IN_A_WORLD(test_child_starts_from_a_clean_slate),
		IN_A_WORLD(test_descriptors_that_are_not_given),
		IN_A_WORLD(test_command_is_looked_up_in_the_childs_path),
		IN_A_WORLD(test_errors_of_execution),
		IN_A_WORLD(test_how_it_ended),
		IN_A_WORLD(test_it_may_be_started_again_from_its_end),
		IN_A_WORLD(test_stop_is_a_request_first),
		IN_A_WORLD(test_stop_kills_after_the_grace),
		IN_A_WORLD(test_grace_may_be_shortened_only),
		IN_A_WORLD(test_stopped_process_ends_too),
		IN_A_WORLD(test_end_of_the_leader_ends_its_group),
		IN_A_WORLD(test_finish_leaves_nobody),
		IN_A_WORLD(test_memory),
	};

	if (argc > 1) {
		return play(argv[1]);
	}
	signals_block();
	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
