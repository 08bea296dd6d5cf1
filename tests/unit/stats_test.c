/* SPDX-License-Identifier: Apache-2.0 */
/* Figures of samples, few and many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/stats.h"

static void fill(struct stats *s, const int64_t *values, size_t count)
{
	stats_init(s);
	for (size_t i = 0; i < count; i++) {
		stats_add(s, values[i]);
	}
}

static void test_known(void **state)
{
	static const int64_t values[] = { 40000, 10000, 30000, 20000 };
	struct stats s;

	(void)state;
	fill(&s, values, 4);
	assert_int_equal(s.min, 10000);
	assert_int_equal(s.max, 40000);
	assert_int_equal(stats_median(&s), 30000); /* the upper one */
	assert_int_equal(stats_permille(&s, 900), 40000);
	assert_int_equal(stats_permille(&s, 500), 20000);
	assert_int_equal(stats_permille(&s, 0), 10000);
	assert_int_equal((int64_t)stats_deviation(&s), 12909);
	assert_int_equal(stats_deviation_up(&s, 1000), 13);
	assert_memory_equal(stats_values(&s), values, sizeof(values)); /* as they came */
	stats_fini(&s);
}

static void test_one_and_none(void **state)
{
	static const int64_t value = 7;
	struct stats_histogram h;
	struct stats s;

	(void)state;
	fill(&s, &value, 1);
	assert_int_equal(stats_median(&s), 7);
	assert_int_equal(stats_deviation_up(&s, 1), 0);
	stats_histogram(&s, 16, &h);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.bins[0], 1);
	stats_fini(&s);
	assert_int_equal(stats_median(&s), 0);
	stats_histogram(&s, 16, &h);
	assert_int_equal(h.count, 0);
}

/* A deviation that is whole is not rounded up any more. */
static void test_whole_deviation(void **state)
{
	static const int64_t values[] = { 1000, 3000, 5000 };
	struct stats s;

	(void)state;
	fill(&s, values, 3);
	assert_int_equal(stats_deviation_up(&s, 1000), 2);
	stats_fini(&s);
}

/* Past the bound: ranks to within 1/128, the rest exact, and no more memory. */
static void test_many(void **state)
{
	const uint64_t count = 10 * STATS_EXACT;
	struct stats s;

	(void)state;
	stats_init(&s);
	for (uint64_t i = 0; i < count; i++) {
		stats_add(&s, (int64_t)((i * 7919) % count) * 100);
		assert_true((stats_values(&s) != NULL) == (i < STATS_EXACT));
	}
	assert_int_equal(s.count, count);
	assert_int_equal(s.min, 0);
	assert_int_equal(s.max, (count - 1) * 100);
	for (unsigned permille = 1; permille < 1000; permille += 37) {
		int64_t exact = (int64_t)((count * permille + 999) / 1000 - 1) * 100;
		int64_t found = stats_permille(&s, permille);

		assert_true(found >= exact - exact / 128 - 1);
		assert_true(found <= exact + exact / 128 + 1);
	}
	assert_int_equal((int64_t)s.mean / 100, (count - 1) / 2);
	stats_fini(&s);
}

static void test_histogram(void **state)
{
	struct stats_histogram h;
	struct stats s;
	uint64_t sum = 0;

	(void)state;
	stats_init(&s);
	for (int64_t i = 0; i < 1000; i++) {
		stats_add(&s, 1000 + i);
	}
	stats_histogram(&s, 10, &h);
	assert_int_equal(h.count, 10);
	assert_false(h.open);
	assert_int_equal(h.from, 1000);
	for (unsigned i = 0; i < h.count; i++) {
		assert_in_range(h.bins[i], 90, 110);
		sum += h.bins[i];
	}
	assert_int_equal(sum, 1000);
	/* One far out does not hide the others. */
	stats_add(&s, 1000000);
	stats_histogram(&s, 10, &h);
	assert_true(h.open);
	assert_in_range(h.bins[0], 90, 130);
	assert_in_range(h.bins[9], 1, 30);
	stats_fini(&s);
}

static void test_large_values(void **state)
{
	struct stats s;

	(void)state;
	stats_init(&s);
	for (unsigned i = 0; i < STATS_EXACT + 10; i++) {
		stats_add(&s, INT64_MAX - 1);
		stats_add(&s, -5); /* counts as 0 */
	}
	assert_int_equal(stats_permille(&s, 1000), INT64_MAX - 1);
	assert_int_equal(stats_permille(&s, 1), 0);
	stats_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),		cmocka_unit_test(test_one_and_none),
		cmocka_unit_test(test_whole_deviation), cmocka_unit_test(test_many),
		cmocka_unit_test(test_histogram),	cmocka_unit_test(test_large_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
