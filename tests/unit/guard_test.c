/* SPDX-License-Identifier: Apache-2.0 */
/* The guard beside daemons that end well and badly. The daemons are forks of the test, their runtimes real processes. */
#include "io/guard.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/log.h"
#include "base/text.h"
#include "victims.h"

#define MARK "AWS_LAMBDA_LOG_STREAM_NAME="
#define STREAM_LEN 96

/* A name that other runs of this program do not have: a guard kills by it, wherever it finds it. */
static const char *stream_name(const char *name, char out[STREAM_LEN])
{
	snprintf(out, STREAM_LEN, "2026/11/21/[$LATEST]%s%s", getenv("TEST_RUN"), name);
	return out;
}

struct family {
	pid_t leader;
	pid_t member;
	pid_t session;
	pid_t stray;
};

static struct family start_family(const char *role, const char *name)
{
	char mark[STREAM_LEN + sizeof(MARK)];
	char stream[STREAM_LEN];
	char *envp[] = { WORD("MARK=none"), mark, NULL };
	char text[256];
	struct family f;
	int out;

	snprintf(mark, sizeof(mark), MARK "%s", stream_name(name, stream));
	start_role(role, envp, &out);
	hear(out, 4, text, sizeof(text));
	close(out);
	f.leader = pid_of(text, "leader ");
	f.member = pid_of(text, "member ");
	f.session = pid_of(text, "session ");
	f.stray = pid_of(text, "stray ");
	return f;
}

static void watch(struct guard *g, const struct family *f, const char *name)
{
	char stream[STREAM_LEN];

	guard_watch(g, f->leader, stream_name(name, stream));
}

static void announce(struct guard *g, const char *name)
{
	char stream[STREAM_LEN];

	guard_announce(g, stream_name(name, stream));
}

static void withdraw(struct guard *g, const char *name)
{
	char stream[STREAM_LEN];

	guard_withdraw(g, stream_name(name, stream));
}

static void assert_all_ended(const struct family *f)
{
	assert_true(f->leader > 0 && f->member > 0 && f->session > 0 && f->stray > 0);
	assert_true(has_ended(f->leader));
	assert_true(has_ended(f->member));
	assert_true(has_ended(f->session));
	assert_true(has_ended(f->stray));
}

static void assert_all_alive(const struct family *f)
{
	assert_true(f->leader > 0 && f->member > 0 && f->session > 0 && f->stray > 0);
	assert_true(is_alive(f->leader));
	assert_true(is_alive(f->member));
	assert_true(is_alive(f->session));
	assert_true(is_alive(f->stray));
}

static int tear_down(void **state)
{
	(void)state;
	end_everybody();
	return 0;
}

/* What a daemon has started, told to the test. */
struct household {
	pid_t daemon;
	pid_t guard;
	struct family watched;
	struct family left; /* its leader has ended */
	struct family announced;
	struct family withdrawn;
	struct family unwatched;
};

static _Noreturn void be_daemon(int tell)
{
	struct household h = { .daemon = getpid() };
	struct guard *g = guard_start();

	/* The test library catches it to report it. */
	signal(SIGSEGV, SIG_DFL);
	prctl(PR_SET_DUMPABLE, 0);
	h.guard = guard_pid(g);
	announce(g, "four");
	announce(g, "five");
	h.announced = start_family("family", "four");
	h.withdrawn = start_family("family", "five");
	withdraw(g, "five");
	h.watched = start_family("family", "one");
	h.left = start_family("leaving-family", "two");
	h.unwatched = start_family("family", "three");
	watch(g, &h.unwatched, "three");
	watch(g, &h.watched, "one");
	watch(g, &h.left, "two");
	guard_unwatch(g, h.unwatched.leader);
	if (write(tell, &h, sizeof(h)) != sizeof(h)) {
		_exit(1);
	}
	wait_to_be_killed();
}

static struct household start_daemon(void)
{
	struct household h = { 0 };
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		be_daemon(fds[1]);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &h, sizeof(h)), sizeof(h));
	close(fds[0]);
	return h;
}

static void test_killed_daemon_takes_its_runtimes_along(void **state)
{
	struct family bystander = start_family("family", "on");
	struct household h = start_daemon();

	(void)state;
	assert_true(h.guard > 0);
	assert_all_alive(&h.watched);
	kill(h.guard, SIGTERM);
	kill(h.guard, SIGINT);
	kill(h.guard, SIGHUP);
	kill(h.guard, SIGQUIT);
	kill(h.guard, SIGUSR1);
	kill(h.daemon, SIGKILL);
	assert_true(has_ended(h.guard));
	assert_all_ended(&h.watched);
	assert_all_ended(&h.left);
	assert_all_ended(&h.announced);
	/* Whoever was started by the daemon, whatever it has been told since. */
	assert_all_ended(&h.withdrawn);
	assert_all_ended(&h.unwatched);
	assert_all_alive(&bystander);
}

static void test_crash_is_like_a_kill(void **state)
{
	struct household h = start_daemon();

	(void)state;
	kill(h.daemon, SIGSEGV);
	assert_true(has_ended(h.guard));
	assert_all_ended(&h.watched);
	assert_all_ended(&h.left);
}

static void test_orderly_end_kills_what_is_still_watched(void **state)
{
	struct guard *g = guard_start();
	struct family watched = start_family("family", "one");
	struct family unwatched = start_family("family", "two");
	pid_t pid = guard_pid(g);

	(void)state;
	assert_non_null(g);
	watch(g, &watched, "one");
	watch(g, &unwatched, "two");
	guard_unwatch(g, unwatched.leader);
	guard_unwatch(g, unwatched.leader);
	guard_stop(g);
	assert_int_equal(kill(pid, 0), -1); /* reaped */
	assert_true(has_ended(watched.leader));
	assert_true(has_ended(watched.member));
	assert_all_alive(&unwatched);
}

static unsigned count_descriptors(pid_t pid)
{
	char path[32];
	unsigned count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		count += entry->d_name[0] != '.';
	}
	closedir(dir);
	return count;
}

static void test_guard_keeps_nothing_of_the_daemon(void **state)
{
	char name[32] = "";
	char path[32];
	char cwd[64] = "";
	char text[4];
	int fds[2];
	struct guard *g;
	pid_t pid;
	int last;
	int comm;

	(void)state;
	/* Inherited, and the last descriptor to be closed. */
	assert_int_equal(pipe(fds), 0);
	last = fcntl(fds[1], F_DUPFD, 200);
	close(fds[1]);
	g = guard_start();
	pid = guard_pid(g);
	close(last);
	hear(fds[0], 0, text, sizeof(text));
	assert_int_equal(read(fds[0], text, 1), 0); /* the end: nobody else has it */
	assert_true(is_alive(pid));
	assert_int_equal(count_descriptors(pid), 4); /* /dev/null three times, its pipe */
	assert_int_equal(getsid(pid), pid);
	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	assert_true(readlink(path, cwd, sizeof(cwd) - 1) > 0);
	assert_string_equal(cwd, "/");
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	comm = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(comm, name, sizeof(name) - 1) > 0);
	assert_string_equal(name, "lambda-guard\n");
	close(comm);
	close(fds[0]);
	guard_stop(g);
}

static void test_notes_never_block(void **state)
{
	struct family f = start_family("family", "one");
	struct guard *g = guard_start();
	siginfo_t info;

	(void)state;
	/* A guard that does not read. */
	kill(guard_pid(g), SIGSTOP);
	assert_int_equal(waitid(P_PID, (id_t)guard_pid(g), &info, WSTOPPED), 0);
	for (unsigned i = 0; i < 5000; i++) {
		watch(g, &f, "one");
	}
	kill(guard_pid(g), SIGCONT);
	guard_stop(g);
	assert_true(has_ended(f.leader));
	assert_true(has_ended(f.member));
}

static void test_comings_and_goings_are_kept_up_with(void **state)
{
	struct family f = start_family("family", "last");
	struct guard *g = guard_start();

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		announce(g, "earlier");
		watch(g, &f, "earlier");
		guard_unwatch(g, f.leader);
	}
	announce(g, "last");
	withdraw(g, "last");
	guard_stop(g);
	assert_all_alive(&f);
	g = guard_start();
	for (unsigned i = 0; i < 500; i++) {
		watch(g, &f, "earlier");
		guard_unwatch(g, f.leader);
	}
	watch(g, &f, "last");
	guard_stop(g);
	assert_true(has_ended(f.leader));
}

static void test_no_guard_is_fine(void **state)
{
	(void)state;
	assert_int_equal(guard_pid(NULL), 0);
	guard_announce(NULL, "one");
	guard_withdraw(NULL, "one");
	guard_watch(NULL, 1, "one");
	guard_unwatch(NULL, 1);
	guard_stop(NULL);
}

static void assert_succeeds(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_first_process_has_no_guard(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int status;

		/* Where this is not permitted there is nothing to see. */
		if (unshare(CLONE_NEWPID) != 0) {
			_exit(0);
		}
		pid = fork();
		if (pid == 0) {
			_exit(getpid() != 1 || guard_start() != NULL);
		}
		_exit(waitpid(pid, &status, 0) != pid || status != 0);
	}
	assert_succeeds(pid);
}

static void test_standard_descriptors_are_left_free(void **state)
{
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct guard *g;

		closefrom(0);
		g = guard_start();
		_exit(g == NULL || fcntl(0, F_GETFD) != -1 || fcntl(1, F_GETFD) != -1 || fcntl(2, F_GETFD) != -1);
	}
	assert_succeeds(pid);
}

#define AND_END(f) cmocka_unit_test_teardown(f, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		AND_END(test_killed_daemon_takes_its_runtimes_along),
		AND_END(test_crash_is_like_a_kill),
		AND_END(test_orderly_end_kills_what_is_still_watched),
		AND_END(test_guard_keeps_nothing_of_the_daemon),
		AND_END(test_notes_never_block),
		AND_END(test_comings_and_goings_are_kept_up_with),
		AND_END(test_no_guard_is_fine),
		AND_END(test_first_process_has_no_guard),
		AND_END(test_standard_descriptors_are_left_free),
	};
	char run[UUID_LEN];

	if (argc > 1) {
		return play(argv[1]);
	}
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	log_setup(LOG_ERROR, false);
	text_uuid(run);
	setenv("TEST_RUN", run, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
