/* SPDX-License-Identifier: Apache-2.0 */
/* What is read from /proc, about processes that were started for it. */
#include "io/proc.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/mem.h"
#include "victims.h"

#define MIB (1024 * 1024)

static void put_down(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_stat_of_a_process(void **state)
{
	struct proc_stat self;
	struct proc_stat child;
	pid_t pid;

	(void)state;
	assert_true(proc_read_stat(getpid(), &self));
	assert_int_equal(self.ppid, getppid());
	assert_int_equal(self.pgid, getpgrp());
	pid = fork();
	if (pid == 0) {
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	assert_true(proc_read_stat(pid, &child));
	assert_int_equal(child.state, 'Z');
	assert_int_equal(child.ppid, getpid());
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(proc_read_stat(pid, &child));
}

static void test_name_that_looks_like_fields(void **state)
{
	struct proc_stat st;
	char old[16];

	(void)state;
	prctl(PR_GET_NAME, old);
	prctl(PR_SET_NAME, "x) Z 7 (7 7");
	assert_true(proc_read_stat(getpid(), &st));
	prctl(PR_SET_NAME, old);
	assert_int_equal(st.state, 'R');
	assert_int_equal(st.ppid, getppid());
}

static void test_environment(void **state)
{
	char *far = malloc(3 * 4096);
	char *envp[] = {
		WORD("ABC=1"),		 WORD("AB=2"), WORD("EMPTY="),	  WORD("AB=3"), WORD("NO_EQUALS"),
		WORD("LONG=0123456789"), far,	       WORD("LAST=here"), NULL,
	};
	char out[11];
	char line[64];
	int fd;
	pid_t pid;

	(void)state;
	memset(far, 'x', 3 * 4096);
	far[3 * 4096 - 1] = '\0';
	memcpy(far, "FAR=", 4);
	pid = start_role("pause", envp, &fd);
	hear(fd, 1, line, sizeof(line));
	assert_true(proc_env(pid, "AB", out, sizeof(out)));
	assert_string_equal(out, "2");
	assert_true(proc_env(pid, "ABC", out, sizeof(out)));
	assert_string_equal(out, "1");
	assert_true(proc_env(pid, "EMPTY", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_true(proc_env(pid, "LONG", out, sizeof(out)));
	assert_string_equal(out, "0123456789");
	assert_true(proc_env(pid, "LAST", out, sizeof(out)));
	assert_string_equal(out, "here");
	assert_false(proc_env(pid, "LONG", out, sizeof(out) - 1));
	assert_false(proc_env(pid, "FAR", out, sizeof(out)));
	assert_false(proc_env(pid, "A", out, sizeof(out)));
	assert_false(proc_env(pid, "BC", out, sizeof(out)));
	assert_false(proc_env(pid, "NO_EQUALS", out, sizeof(out)));
	put_down(pid);
	assert_false(proc_env(pid, "AB", out, sizeof(out)));
	close(fd);
	free(far);
}

struct census {
	pid_t seen[512];
	unsigned count;
	pid_t prune;
	unsigned limit;
};

static bool count_one(pid_t pid, void *ctx)
{
	struct census *c = ctx;
	struct proc_stat st;

	/* Whoever forks twice leaves a parent that may not have been reaped yet. */
	if (!proc_read_stat(pid, &st) || st.state == 'Z') {
		return true;
	}
	assert_true(c->count < countof(c->seen));
	c->seen[c->count++] = pid;
	return pid != c->prune && (c->limit == 0 || c->count < c->limit);
}

/* 1-based; 0 = it was not seen. */
static unsigned place_of(const struct census *c, pid_t pid)
{
	for (unsigned i = 0; i < c->count; i++) {
		if (c->seen[i] == pid) {
			return i + 1;
		}
	}
	return 0;
}

static bool find_self(pid_t pid, void *ctx)
{
	*(bool *)ctx = pid == getpid();
	return pid != getpid();
}

static void test_each_process_until_told_to_stop(void **state)
{
	struct census c = { .limit = 1 };
	bool found = false;

	(void)state;
	proc_each(find_self, &found);
	assert_true(found);
	proc_each(count_one, &c);
	assert_int_equal(c.count, 1);
}

static void test_descendants(void **state)
{
	struct census c = { .count = 0 };
	char text[256];
	int fd;
	pid_t leader = start_role("family", environ, &fd);
	pid_t member, session, stray;

	(void)state;
	hear(fd, 4, text, sizeof(text));
	member = pid_of(text, "member ");
	session = pid_of(text, "session ");
	stray = pid_of(text, "stray ");
	assert_true(member > 0 && session > 0 && stray > 0);
	proc_descend(getpid(), count_one, &c);
	assert_int_equal(c.count, 4);
	assert_true(place_of(&c, leader) > 0 && place_of(&c, stray) > 0);
	assert_true(place_of(&c, member) > place_of(&c, leader));
	assert_true(place_of(&c, session) > place_of(&c, leader));
	c = (struct census){ .prune = leader };
	proc_descend(getpid(), count_one, &c);
	assert_int_equal(c.count, 2);
	assert_true(place_of(&c, leader) > 0 && place_of(&c, stray) > 0);
	c = (struct census){ .count = 0 };
	proc_descend(member, count_one, &c);
	assert_int_equal(c.count, 0);
	put_down(stray);
	put_down(leader);
	put_down(member); /* ours now */
	put_down(session);
	close(fd);
}

static void test_memory_of_a_tree(void **state)
{
	uint64_t rss, hwm, alone, alone_hwm;
	int ready[2];
	pid_t big = 0;
	pid_t root;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	root = fork();
	if (root == 0) {
		pid_t child = fork();

		if (child == 0) {
			char *p = mmap(NULL, 24 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			memset(p, 1, 24 * MIB);
			child = getpid();
			if (write(ready[1], &child, sizeof(child)) != sizeof(child)) {
				_exit(1);
			}
		}
		wait_to_be_killed();
	}
	assert_int_equal(read(ready[0], &big, sizeof(big)), sizeof(big));
	proc_tree_memory(root, &rss, &hwm);
	proc_tree_memory(big, &alone, &alone_hwm);
	assert_true(alone >= 24 * MIB && alone_hwm >= alone);
	assert_true(rss > alone);
	assert_true(hwm > 0 && hwm < rss);
	put_down(root);
	put_down(big);
	proc_tree_memory(root, &rss, &hwm);
	assert_int_equal(rss, 0);
	assert_int_equal(hwm, 0);
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat_of_a_process), cmocka_unit_test(test_name_that_looks_like_fields),
		cmocka_unit_test(test_environment),	  cmocka_unit_test(test_each_process_until_told_to_stop),
		cmocka_unit_test(test_descendants),	  cmocka_unit_test(test_memory_of_a_tree),
	};

	if (argc > 1) {
		return play(argv[1]);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
