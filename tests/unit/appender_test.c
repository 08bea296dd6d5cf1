/* SPDX-License-Identifier: Apache-2.0 */
/* What the appender leaves in files that others may read, write and cut short. */
#include "io/appender.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static char dir[64];
static char path[100];
static struct mailbox *inbox;
static struct appender *appender;
static unsigned done;
static int error;

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/appender_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/results", dir);
	inbox = mailbox_new();
	appender = inbox != NULL ? appender_new(inbox) : NULL;
	return appender != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	appender_free(appender);
	mailbox_free(inbox);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void on_job(void *ctx, struct append_job *job)
{
	(void)ctx;
	done++;
	error = job->error != 0 ? job->error : error;
}

static void append(const char *to, const char *text)
{
	struct append_job *job = append_job_new(APPEND_DATA, to);

	buf_puts(&job->data, text);
	job->sync = true;
	appender_send(appender, job);
}

/* 0, or the errno of one of so many. */
static int wait_for(unsigned count)
{
	struct pollfd wake = { .fd = mailbox_fd(inbox), .events = POLLIN };

	done = 0;
	error = 0;
	while (done < count) {
		assert_int_equal(poll(&wake, 1, 10000), 1);
		append_job_each(inbox, on_job, NULL);
	}
	return error;
}

static void put_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	fclose(f);
}

static void assert_file(const char *name, const char *expected)
{
	char text[200] = "";
	FILE *f = fopen(name, "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, expected);
}

static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_files_in_turn(void **state)
{
	char other[120];

	(void)state;
	snprintf(other, sizeof(other), "%s.other", path);
	append(path, "1\n");
	append(path, "2\n");
	append(other, "3\n");
	append(path, "4\n");
	assert_int_equal(wait_for(4), 0);
	assert_file(path, "1\n2\n4\n");
	assert_file(other, "3\n");
}

/* As a writer leaves it that was killed in the middle of a line. */
static void test_a_torn_line_costs_no_other(void **state)
{
	(void)state;
	put_file("{\"whole\":1}\n{\"tor");
	append(path, "{}\n");
	append(path, "[]\n");
	assert_int_equal(wait_for(2), 0);
	assert_file(path, "{\"whole\":1}\n{\"tor\n{}\n[]\n");
}

static void test_a_full_disk_leaves_no_half_line(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	put_file("1\n");
	limit_files(6);
	append(path, "{\"too\":\"long\"}\n");
	assert_int_equal(wait_for(1), EFBIG);
	limit_files(RLIM_INFINITY);
	assert_file(path, "1\n");
	append(path, "2\n");
	assert_int_equal(wait_for(1), 0);
	assert_file(path, "1\n2\n");
}

static void test_a_pipe(void **state)
{
	char text[10] = "";
	int fd;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	append(path, "1\n");
	assert_int_equal(wait_for(1), ENXIO);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	append(path, "2\n");
	append(path, "3\n");
	assert_int_equal(wait_for(2), 0);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	assert_string_equal(text, "2\n3\n");
	close(fd);
}

static void test_a_file_that_cannot_be_written(void **state)
{
	char nowhere[120];

	(void)state;
	snprintf(nowhere, sizeof(nowhere), "%s/not/there", dir);
	append(nowhere, "1\n");
	append(nowhere, "2\n");
	assert_int_equal(wait_for(2), ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files_in_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_torn_line_costs_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_full_disk_leaves_no_half_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_pipe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_written, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
