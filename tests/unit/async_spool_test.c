/* SPDX-License-Identifier: Apache-2.0 */
/* The spool on a real directory: what was accepted is there again, what was done with is not, and files go. */
#include "edge/async_spool.h"

#include <dirent.h>
#include <fcntl.h>
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

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/invocation.h"
#include "loop/loop.h"

enum { MANY = 64 };

struct owner {
	struct spool_entry entry;
	struct event *event;
	bool stored;
	bool refused;
	bool ended;
	unsigned attempts;
	enum async_condition condition;
};

static char dir[64];
static struct loop *loop;
static struct async_spool *spool;
static struct owner owners[MANY];
static unsigned restored;

static struct spool_entry *on_restored(void *ctx, struct journal_record *r)
{
	struct owner *o = &owners[restored++];

	(void)ctx;
	o->event = r->event;
	o->stored = true;
	o->attempts = r->attempts;
	o->ended = r->kind == JOURNAL_ENDED;
	o->condition = r->condition;
	blob_unref(r->response);
	return &o->entry;
}

static void on_stored(void *ctx, struct spool_entry *entry, bool ok)
{
	struct owner *o = container_of(entry, struct owner, entry);

	(void)ctx;
	o->stored = ok;
	o->refused = !ok;
}

static bool on_describe(void *ctx, const struct spool_entry *entry, struct journal_record *accepted,
			struct journal_record *ended)
{
	const struct owner *o = container_of((struct spool_entry *)(uintptr_t)entry, struct owner, entry);

	(void)ctx;
	*accepted = (struct journal_record){ .kind = JOURNAL_ACCEPTED, .wall_ms = 1, .event = o->event };
	*ended = (struct journal_record){ .kind = JOURNAL_ENDED, .condition = ASYNC_SUCCESS };
	return o->ended;
}

static const struct async_spool_ops ops = { .restored = on_restored, .stored = on_stored, .describe = on_describe };

static void open_spool(size_t segment_max)
{
	const struct async_spool_deps deps = { .loop = loop, .dir = dir, .segment_max = segment_max, .ops = &ops };
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < MANY; i++) {
		event_unref(owners[i].event);
	}
	memset(owners, 0, sizeof(owners));
	restored = 0;
	spool = async_spool_open(&deps, &err);
	if (spool == NULL) {
		fail_msg("%s", err.msg);
	}
}

static void close_spool(void)
{
	async_spool_free(spool);
	spool = NULL;
}

static void settle(void)
{
	do {
		assert_int_equal(loop_turn(loop, 10 * 1000 * 1000), 0);
	} while (!async_spool_idle(spool));
}

static void accept_one(unsigned i, size_t size)
{
	struct owner *o = &owners[i];
	struct journal_record r = { .kind = JOURNAL_ACCEPTED, .wall_ms = 1 };
	char *body = xmalloc(size);

	memset(body, 'x', size);
	o->event = event_new();
	o->event->arn = xstrdup("arn:x");
	o->event->body = blob_copy(body, size);
	free(body);
	r.event = o->event;
	async_spool_accept(spool, &o->entry, &r);
	assert_false(o->stored);
}

static uint64_t metric(const char *name)
{
	struct buf out = BUF_INIT;
	char line[80];
	const char *at;
	uint64_t value;

	snprintf(line, sizeof(line), "\n%s ", name);
	async_spool_render(spool, &out);
	buf_putc(&out, '\0');
	at = strstr(out.data, line);
	assert_non_null(at);
	value = strtoull(at + strlen(line), NULL, 10);
	buf_fini(&out);
	return value;
}

static int is_journal(const struct dirent *d)
{
	return strstr(d->d_name, ".journal") != NULL;
}

/* Names of the files, the oldest first. */
static unsigned files(char out[][400], unsigned max)
{
	struct dirent **names;
	int count = scandir(dir, &names, is_journal, alphasort);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		if ((unsigned)i < max) {
			snprintf(out[i], 400, "%s/%s", dir, names[i]->d_name);
		}
		free(names[i]);
	}
	free(names);
	return (unsigned)count;
}

/* As kill -9 would leave it: nothing is told to the spool any more. The kernel has all that was written. */
static void crash(void)
{
	char command[400];

	snprintf(command, sizeof(command), "cp -r %s %s.crashed", dir, dir);
	assert_int_equal(system(command), 0);
	close_spool();
	snprintf(command, sizeof(command), "rm -rf %s && mv %s.crashed %s", dir, dir, dir);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	(void)state;
	log_setup(LOG_ERROR, false);
	strcpy(dir, "/tmp/async_spool_test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	loop = loop_new();
	return loop != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	close_spool();
	for (unsigned i = 0; i < MANY; i++) {
		event_unref(owners[i].event);
	}
	memset(owners, 0, sizeof(owners));
	loop_free(loop);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void test_survives(void **state)
{
	const struct journal_record attempt = { .kind = JOURNAL_ATTEMPT, .attempts = 2 };
	const struct journal_record ended = { .kind = JOURNAL_ENDED,
					      .attempts = 3,
					      .condition = ASYNC_RETRIES_EXHAUSTED };
	char ids[4][UUID_LEN];

	(void)state;
	open_spool(0);
	for (unsigned i = 0; i < 4; i++) {
		accept_one(i, 10 + i);
		memcpy(ids[i], owners[i].event->id, UUID_LEN);
	}
	settle();
	for (unsigned i = 0; i < 4; i++) {
		assert_true(owners[i].stored);
	}
	async_spool_done(spool, &owners[0].entry);
	async_spool_note(spool, &owners[2].entry, &attempt);
	async_spool_note(spool, &owners[3].entry, &ended);
	settle();
	crash();

	open_spool(0);
	assert_int_equal(restored, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_string_equal(owners[i].event->id, ids[i + 1]);
		assert_int_equal(owners[i].event->body->len, 10 + i + 1);
	}
	assert_int_equal(owners[0].attempts, 0);
	assert_int_equal(owners[1].attempts, 2);
	assert_true(owners[2].ended);
	assert_int_equal(owners[2].condition, ASYNC_RETRIES_EXHAUSTED);
}

static void test_nothing_is_left_of_what_is_done(void **state)
{
	(void)state;
	open_spool(0);
	accept_one(0, 10);
	settle();
	async_spool_done(spool, &owners[0].entry);
	close_spool();
	assert_int_equal(files(NULL, 0), 0);
	open_spool(0);
	assert_int_equal(restored, 0);
}

static void test_torn_tail(void **state)
{
	char names[1][400];
	struct stat st;

	(void)state;
	open_spool(0);
	accept_one(0, 100);
	settle();
	accept_one(1, 100);
	settle();
	crash();
	assert_int_equal(files(names, 1), 1);
	assert_int_equal(stat(names[0], &st), 0);
	assert_int_equal(truncate(names[0], st.st_size - 1), 0);

	open_spool(0);
	assert_int_equal(restored, 1);
	/* What comes after it is safe, too. */
	accept_one(1, 50);
	settle();
	crash();
	open_spool(0);
	assert_int_equal(restored, 2);
	assert_int_equal(owners[1].event->body->len, 50);
}

static void damage(const char *name, off_t at, size_t len)
{
	char zeros[64] = { 0 };
	int fd = open(name, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0 && len <= sizeof(zeros));
	assert_int_equal(pwrite(fd, zeros, len, at), len);
	close(fd);
}

/* What could not be read is nobody's to remove, and is not in the way of anything either. */
static void test_damaged_files_are_kept(void **state)
{
	char names[3][400];
	struct stat before, after;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		open_spool(0);
		assert_int_equal(restored, 0);
		accept_one(0, 100);
		settle();
		accept_one(1, 100);
		settle();
		crash();
		files(names, 1);
		assert_int_equal(stat(names[0], &before), 0);
		/* Of everything the header is gone; of the first event a piece. */
		damage(names[0], round == 0 ? 0 : JOURNAL_HEADER + 50, 16);
		open_spool(0);
		assert_int_equal(restored, round);
		if (round == 1) {
			async_spool_done(spool, &owners[0].entry);
		}
		settle();
		close_spool();
		assert_int_equal(files(names, 3), 1 + round);
		assert_non_null(strstr(names[round], ".journal.damaged"));
		assert_int_equal(stat(names[round], &after), 0);
		assert_int_equal(after.st_size, before.st_size);
	}
	assert_string_equal(names[1] + strlen(names[1]) - 10, ".damaged.2");
}

static void test_one_daemon_at_a_time(void **state)
{
	const struct async_spool_deps deps = { .loop = loop, .dir = dir, .ops = &ops };
	struct err err = ERR_INIT;

	(void)state;
	open_spool(0);
	assert_null(async_spool_open(&deps, &err));
	assert_non_null(strstr(err.msg, "another daemon is using it"));
	close_spool();
	open_spool(0);
}

static void test_finished_files_go(void **state)
{
	(void)state;
	open_spool(1000);
	for (unsigned i = 0; i < 3; i++) {
		accept_one(i, 1000);
		settle();
	}
	assert_int_equal(files(NULL, 0), 3);
	/* In order only: what is said of an event stands in a later file. */
	async_spool_done(spool, &owners[1].entry);
	async_spool_done(spool, &owners[2].entry);
	settle();
	assert_int_equal(files(NULL, 0), 4);
	async_spool_done(spool, &owners[0].entry);
	settle();
	close_spool();
	assert_int_equal(files(NULL, 0), 0);
}

static void test_one_old_event_does_not_hold_all_files(void **state)
{
	char names[1][400], later[1][400];

	(void)state;
	open_spool(1000);
	accept_one(0, 100);
	accept_one(1, 100);
	settle();
	owners[1].ended = true;
	files(names, 1);
	for (unsigned i = 0; i < 200; i++) {
		struct owner *o = &owners[2 + i % 2];

		event_unref(o->event);
		memset(o, 0, sizeof(*o));
		accept_one(2 + i % 2, 600);
		settle();
		async_spool_done(spool, &o->entry);
	}
	settle();
	assert_true(files(later, 1) < 20);
	assert_string_not_equal(names[0], later[0]);
	crash();
	open_spool(1000);
	assert_int_equal(restored, 2);
	assert_false(owners[0].ended);
	assert_true(owners[1].ended);
}

static void test_refuses_when_the_disk_does(void **state)
{
	char away[80];

	(void)state;
	snprintf(away, sizeof(away), "%s.away", dir);
	open_spool(0);
	assert_int_equal(rename(dir, away), 0);
	accept_one(0, 10);
	settle();
	assert_true(owners[0].refused);
	assert_int_equal(rename(away, dir), 0);
	accept_one(1, 11);
	settle();
	assert_true(owners[1].stored);
	crash();
	open_spool(0);
	assert_int_equal(restored, 1);
	assert_int_equal(owners[0].event->body->len, 11);
}

static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void on_late(void *ctx)
{
	*(bool *)ctx = true;
}

/* Old events are to be written anew while nothing can be: not as fast as the disk says no. */
static void test_a_full_disk_is_not_asked_all_the_time(void **state)
{
	struct loop_timer timer;
	bool late = false, found = false;
	uint64_t before;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	open_spool(1000);
	accept_one(0, 100);
	settle();
	for (unsigned i = 0; i < 6; i++) {
		accept_one(1 + i, 900);
		settle();
	}
	limit_files(1);
	for (unsigned i = 0; i < 6; i++) {
		async_spool_done(spool, &owners[1 + i].entry);
	}
	settle();
	before = metric("lambda_async_spool_failures_total");
	assert_true(before > 0);
	loop_timer_init(&timer, on_late, &late);
	loop_timer_set(loop, &timer, loop_now_us(loop) + 300 * 1000);
	while (!late) {
		assert_int_equal(loop_turn(loop, 10 * 1000 * 1000), 0);
	}
	assert_true(metric("lambda_async_spool_failures_total") <= before + 1);
	/* With nothing to wake it but its own patience. */
	limit_files(RLIM_INFINITY);
	while (metric("lambda_async_spool_moved_total") == 0) {
		assert_int_equal(loop_turn(loop, 10 * 1000 * 1000), 0);
	}
	settle();
	crash();
	open_spool(1000);
	/* And some of those that were done with, maybe: that could not be written. */
	for (unsigned i = 0; i < restored; i++) {
		found = found || owners[i].event->body->len == 100;
	}
	assert_true(found);
}

static void test_unusable_directories(void **state)
{
	struct async_spool_deps deps = { .loop = loop, .dir = "/dev/null", .ops = &ops };
	struct err err = ERR_INIT;

	(void)state;
	assert_null(async_spool_open(&deps, &err));
	assert_non_null(strstr(err.msg, "Not a directory"));
	deps.dir = "/nonexistent/deep/below";
	assert_null(async_spool_open(&deps, &err));
	assert_non_null(strstr(err.msg, "cannot be made"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_survives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_left_of_what_is_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_files_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_daemon_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_finished_files_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_old_event_does_not_hold_all_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses_when_the_disk_does, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_full_disk_is_not_asked_all_the_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unusable_directories, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
