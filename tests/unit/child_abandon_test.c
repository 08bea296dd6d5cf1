/* SPDX-License-Identifier: Apache-2.0 */
/* Children that nobody waits for any more. */
#include "io/child.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
/* after the headers that it needs */
#include <cmocka.h>

#include "base/clock.h"
#include "loop/signals.h"

#define PATIENCE_US ((int64_t)20 * 1000 * 1000) /* only failures take this long */

struct world {
	struct loop *loop;
	struct children *children;
};

static void on_signal(void *ctx, int signo)
{
	struct world *w = ctx;

	if (signo == SIGCHLD) {
		children_reap(w->children);
	}
}

static void on_exit_unexpected(struct child *c, const struct child_exit *ex)
{
	(void)c;
	(void)ex;
	fail();
}

static pid_t spawn(struct world *w, struct child *c)
{
	char program[] = "tail", follow[] = "-f", file[] = "/dev/null";
	char *argv[] = { program, follow, file, NULL };
	struct child_spec spec = { .argv = argv, .envp = environ, .fds = { -1, -1, STDERR_FILENO, -1 } };

	child_init(c, on_exit_unexpected);
	assert_int_equal(child_spawn(w->children, c, &spec), 0);
	return c->pid;
}

static void test_killed_reaped_and_not_touched_again(void **state)
{
	int64_t end_us = clock_mono_us() + PATIENCE_US;
	struct world w = { .loop = loop_new() };
	struct signals *signals = signals_new(w.loop, on_signal, &w);
	struct child stopping;
	struct child running;
	pid_t pids[2];

	(void)state;
	w.children = children_new(w.loop, 0);
	pids[0] = spawn(&w, &stopping);
	pids[1] = spawn(&w, &running);
	child_signal(&stopping, SIGSTOP);
	child_stop(&stopping, PATIENCE_US);
	child_abandon(&stopping);
	child_abandon(&running);
	child_abandon(&running);
	assert_int_equal(running.pid, 0);
	/* Whoever looked at them again would read this. */
	memset(&stopping, 0xff, sizeof(stopping));
	memset(&running, 0xff, sizeof(running));
	while (kill(pids[0], 0) == 0 || kill(pids[1], 0) == 0) {
		assert_true(clock_mono_us() < end_us);
		assert_int_equal(loop_turn(w.loop, PATIENCE_US), 0);
	}
	children_finish(w.children);
	children_free(w.children);
	signals_free(signals);
	loop_free(w.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_killed_reaped_and_not_touched_again) };

	signals_block();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
