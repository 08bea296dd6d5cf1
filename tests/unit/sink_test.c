/* SPDX-License-Identifier: Apache-2.0 */
/* Output to a disk that is full for a while. The rest is tested end to end. */
#include "io/sink.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/log.h"
#include "loop/loop.h"

struct world {
	struct loop *loop;
	struct sink *sink;
	int out;  /* the sink's; becomes one thing after the other */
	int full; /* a disk without space */
	int file;
};

static void on_space(void *ctx)
{
	(void)ctx;
}

static void world_start(struct world *w, int out)
{
	w->loop = loop_new();
	assert_non_null(w->loop);
	w->full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	w->file = memfd_create("out", MFD_CLOEXEC);
	w->out = out >= 0 ? out : fcntl(w->full, F_DUPFD_CLOEXEC, 0);
	w->sink = sink_new(w->loop, w->out, on_space, NULL);
	sink_start(w->sink);
}

static void world_end(struct world *w)
{
	sink_free(w->sink, 0);
	loop_free(w->loop);
	close(w->full);
	close(w->file);
	close(w->out);
}

static void say(struct world *w, const char *line)
{
	sink_write(w->sink, line, strlen(line));
	assert_int_equal(loop_turn(w->loop, 0), 0);
}

static void becomes(const struct world *w, int fd)
{
	assert_int_equal(dup2(fd, w->out), w->out);
}

static void assert_written(const struct world *w, const char *expected)
{
	char text[64] = "";

	assert_true(pread(w->file, text, sizeof(text) - 1, 0) >= 0);
	assert_string_equal(text, expected);
}

static void test_output_goes_on_once_there_is_space(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, -1);
	sink_allow_gaps(w.sink);
	for (unsigned episode = 0; episode < 2; episode++) {
		say(&w, "lost\n");
		say(&w, "lost, too\n");
		assert_true(sink_empty(w.sink));
		assert_false(sink_broken(w.sink));
		becomes(&w, w.file);
		say(&w, "kept\n");
		becomes(&w, w.full);
	}
	assert_written(&w, "kept\nkept\n");
	world_end(&w);
}

static void test_a_torn_line_is_ended(void **state)
{
	static char line[200 * 1000];
	static char drain[sizeof(line)];
	struct world w;
	int fds[2];

	(void)state;
	memset(line, 'x', sizeof(line) - 2);
	line[sizeof(line) - 2] = '\n';
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	world_start(&w, fcntl(fds[1], F_DUPFD_CLOEXEC, 0));
	sink_allow_gaps(w.sink);
	say(&w, line); /* a pipe does not take all of it */
	assert_false(sink_empty(w.sink));
	becomes(&w, w.full);
	assert_true(read(fds[0], drain, sizeof(drain)) > 0);
	assert_int_equal(loop_turn(w.loop, 0), 0);
	assert_true(sink_empty(w.sink));
	say(&w, "lost\n");
	becomes(&w, w.file);
	say(&w, "kept\n");
	say(&w, "kept, too\n");
	assert_written(&w, "\nkept\nkept, too\n");
	world_end(&w);
	close(fds[0]);
	close(fds[1]);
}

static void test_results_have_no_gaps(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, -1);
	say(&w, "lost\n");
	assert_true(sink_broken(w.sink));
	becomes(&w, w.file);
	say(&w, "not written\n");
	assert_written(&w, "");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_goes_on_once_there_is_space),
		cmocka_unit_test(test_a_torn_line_is_ended),
		cmocka_unit_test(test_results_have_no_gaps),
	};

	log_setup(LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
