/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts, retries, ages and bounds of asynchronous events, with a clock that only moves when it is told to. */
#include "core/async_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define S ((int64_t)1000000)

static const struct async_policy aws = {
	.max_retries = 2,
	.retry_delay_us = 60 * S,
	.max_age_us = 21600 * S,
	.max_events = 100,
	.max_bytes = 1000,
};

static struct async_queue q;
static struct async_item items[8];

static int setup(void **state)
{
	(void)state;
	memset(items, 0, sizeof(items));
	async_queue_init(&q, &aws);
	return 0;
}

static void add(unsigned i, int64_t now)
{
	async_queue_reserve(&q, &items[i], 10);
	async_queue_admit(&q, &items[i], now);
}

static enum async_condition run(unsigned i, enum outcome_kind kind, int64_t now)
{
	assert_ptr_equal(async_queue_take(&q, now), &items[i]);
	return async_queue_settle(&q, &items[i], kind, now);
}

static void test_success_ends_it(void **state)
{
	(void)state;
	add(0, 0);
	assert_int_equal(run(0, OUTCOME_RESPONSE, 5), ASYNC_SUCCESS);
	assert_int_equal(items[0].state, ASYNC_ENDED);
	assert_int_equal(items[0].attempts, 1);
	assert_true(async_queue_next_us(&q, 5) == INT64_MAX);
	async_queue_remove(&q, &items[0]);
	assert_int_equal(async_queue_total(&q), 0);
	assert_int_equal(q.bytes, 0);
}

static void test_two_retries_after_one_and_two_minutes(void **state)
{
	static const enum outcome_kind errors[] = { OUTCOME_ERROR, OUTCOME_TIMEOUT, OUTCOME_EXIT };

	(void)state;
	add(0, 0);
	assert_int_equal(run(0, errors[0], 0), ASYNC_OPEN);
	assert_null(async_queue_take(&q, 60 * S - 1));
	assert_true(async_queue_next_us(&q, 0) == 60 * S);
	assert_int_equal(run(0, errors[1], 60 * S), ASYNC_OPEN);
	assert_true(async_item_wait_us(&items[0], 60 * S) == 120 * S);
	assert_null(async_queue_take(&q, 180 * S - 1));
	assert_int_equal(run(0, errors[2], 180 * S), ASYNC_RETRIES_EXHAUSTED);
	assert_int_equal(items[0].attempts, 3);
}

static void test_every_function_error_counts(void **state)
{
	static const enum outcome_kind kinds[] = { OUTCOME_ERROR, OUTCOME_TOO_LARGE, OUTCOME_INVALID,
						   OUTCOME_EXIT,  OUTCOME_TIMEOUT,   OUTCOME_INIT_ERROR };

	(void)state;
	q.policy.max_retries = 0;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		add(i, 0);
		assert_int_equal(run(i, kinds[i], 1), ASYNC_RETRIES_EXHAUSTED);
		assert_int_equal(items[i].attempts, 1);
	}
}

static void test_throttles_wait_longer_and_longer_and_never_count(void **state)
{
	int64_t now = 0;

	(void)state;
	q.policy.max_age_us = INT64_MAX / 2;
	add(0, 0);
	for (unsigned i = 0; i < 20; i++) {
		int64_t wait = i < 9 ? S << i : 300 * S;

		assert_int_equal(run(0, OUTCOME_THROTTLED, now), ASYNC_OPEN);
		assert_null(async_queue_take(&q, now + wait - 1));
		assert_true(async_queue_next_us(&q, now) == now + wait);
		now += wait;
	}
	assert_int_equal(items[0].attempts, 0);
	/* An attempt that was made starts the row anew. */
	assert_int_equal(run(0, OUTCOME_ERROR, now), ASYNC_OPEN);
	now += 60 * S;
	assert_int_equal(run(0, OUTCOME_THROTTLED, now), ASYNC_OPEN);
	assert_true(async_item_wait_us(&items[0], now) == S);
}

static void test_the_daemons_end_is_no_attempt(void **state)
{
	(void)state;
	add(0, 0);
	add(1, 0);
	assert_int_equal(run(0, OUTCOME_SHUTDOWN, 1), ASYNC_OPEN);
	assert_int_equal(items[0].attempts, 0);
	assert_int_equal(run(0, OUTCOME_RESPONSE, 1), ASYNC_SUCCESS);
}

static void test_age_ends_what_waits_and_not_what_runs(void **state)
{
	(void)state;
	add(0, 0);
	add(1, 1 * S);
	add(2, 2 * S);
	assert_int_equal(run(0, OUTCOME_ERROR, 3 * S), ASYNC_OPEN);
	assert_ptr_equal(async_queue_take(&q, 3 * S), &items[1]);
	assert_true(async_queue_next_us(&q, 100 * S) == 21600 * S);
	assert_null(async_queue_expire(&q, 21600 * S - 1));
	assert_ptr_equal(async_queue_expire(&q, 21600 * S), &items[0]);
	assert_int_equal(items[0].state, ASYNC_ENDED);
	assert_null(async_queue_expire(&q, 21601 * S));
	assert_ptr_equal(async_queue_expire(&q, 21602 * S), &items[2]);
	/* Back in the queue it is too old at once. */
	assert_int_equal(async_queue_settle(&q, &items[1], OUTCOME_ERROR, 21700 * S), ASYNC_OPEN);
	assert_ptr_equal(async_queue_expire(&q, 21700 * S), &items[1]);
	assert_int_equal(items[1].attempts, 1);
}

static void test_first_in_first_out_and_retries_first(void **state)
{
	(void)state;
	add(0, 0);
	assert_int_equal(run(0, OUTCOME_ERROR, 0), ASYNC_OPEN);
	add(1, 1);
	add(2, 2);
	assert_ptr_equal(async_queue_take(&q, 3), &items[1]);
	assert_ptr_equal(async_queue_take(&q, 60 * S), &items[0]);
	assert_ptr_equal(async_queue_take(&q, 60 * S), &items[2]);
	assert_null(async_queue_take(&q, 60 * S));
}

static void test_bounds(void **state)
{
	(void)state;
	q.policy.max_events = 2;
	assert_true(async_queue_has_room(&q, 1000));
	assert_false(async_queue_has_room(&q, 1001));
	async_queue_reserve(&q, &items[0], 10);
	assert_true(async_queue_has_room(&q, 990));
	assert_false(async_queue_has_room(&q, 991));
	async_queue_grow(&q, &items[0], 990);
	assert_false(async_queue_has_room(&q, 1));
	async_queue_remove(&q, &items[0]);
	add(1, 0);
	add(2, 0);
	assert_false(async_queue_has_room(&q, 1));
	/* It has its place until it is removed. */
	assert_int_equal(run(1, OUTCOME_RESPONSE, 0), ASYNC_SUCCESS);
	assert_false(async_queue_has_room(&q, 1));
	async_queue_remove(&q, &items[1]);
	assert_true(async_queue_has_room(&q, 1));
}

static void test_not_accepted_yet_is_not_taken(void **state)
{
	(void)state;
	async_queue_reserve(&q, &items[0], 10);
	assert_null(async_queue_take(&q, 0));
	assert_true(async_queue_next_us(&q, 0) == INT64_MAX);
	async_queue_admit(&q, &items[0], 7);
	assert_ptr_equal(async_queue_take(&q, 7), &items[0]);
}

static void test_restored(void **state)
{
	(void)state;
	add(0, 100 * S);
	/* Older than the one that is there, and tried twice. */
	async_queue_restore(&q, &items[1], 10, 2, -21000 * S, 100 * S);
	async_queue_restore(&q, &items[2], 10, 0, -21500 * S, 100 * S);
	async_queue_restore_ended(&q, &items[3], 10, 3);
	assert_int_equal(q.count[ASYNC_ENDED], 1);
	assert_true(async_queue_next_us(&q, 100 * S) == 100 * S);
	assert_ptr_equal(async_queue_expire(&q, 100 * S), &items[2]);
	assert_null(async_queue_expire(&q, 100 * S));
	assert_ptr_equal(async_queue_take(&q, 100 * S), &items[0]);
	assert_null(async_queue_take(&q, 219 * S));
	assert_int_equal(run(1, OUTCOME_ERROR, 220 * S), ASYNC_RETRIES_EXHAUSTED);
}

/* The daemon was started anew with fewer of them. */
static void test_restored_without_a_retry_left(void **state)
{
	(void)state;
	q.policy.max_retries = 1;
	async_queue_restore(&q, &items[0], 10, 1, 0, 0);
	async_queue_restore(&q, &items[1], 10, 2, 0, 0);
	async_queue_restore(&q, &items[2], 10, 3, 0, 0);
	assert_int_equal(items[0].state, ASYNC_WAITING);
	assert_int_equal(items[1].state, ASYNC_ENDED);
	assert_int_equal(items[2].state, ASYNC_ENDED);
	assert_int_equal(items[1].attempts, 2);
	assert_int_equal(q.count[ASYNC_ENDED], 2);
	async_queue_remove(&q, &items[1]);
	async_queue_remove(&q, &items[2]);
	assert_int_equal(run(0, OUTCOME_ERROR, 60 * S), ASYNC_RETRIES_EXHAUSTED);
	assert_int_equal(async_queue_total(&q), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_success_ends_it, setup),
		cmocka_unit_test_setup(test_two_retries_after_one_and_two_minutes, setup),
		cmocka_unit_test_setup(test_every_function_error_counts, setup),
		cmocka_unit_test_setup(test_throttles_wait_longer_and_longer_and_never_count, setup),
		cmocka_unit_test_setup(test_the_daemons_end_is_no_attempt, setup),
		cmocka_unit_test_setup(test_age_ends_what_waits_and_not_what_runs, setup),
		cmocka_unit_test_setup(test_first_in_first_out_and_retries_first, setup),
		cmocka_unit_test_setup(test_bounds, setup),
		cmocka_unit_test_setup(test_not_accepted_yet_is_not_taken, setup),
		cmocka_unit_test_setup(test_restored, setup),
		cmocka_unit_test_setup(test_restored_without_a_retry_left, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
