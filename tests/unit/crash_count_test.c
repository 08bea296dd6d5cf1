/* SPDX-License-Identifier: Apache-2.0 */
/* Counts by key, bounded. */
#include "edge/crash_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_counts(void **state)
{
	struct crash_count *c = crash_count_new();

	(void)state;
	assert_int_equal(crash_count_add(c, "a", 1), 1);
	assert_int_equal(crash_count_add(c, "ab", 2), 1);
	assert_int_equal(crash_count_add(c, "a", 1), 2);
	assert_int_equal(crash_count_add(c, "a\0b", 3), 1);
	crash_count_forget(c, "a", 1);
	crash_count_forget(c, "never there", 11);
	assert_int_equal(crash_count_add(c, "a", 1), 1);
	assert_int_equal(crash_count_add(c, "ab", 2), 2);
	crash_count_free(c);
}

static void test_the_oldest_is_forgotten(void **state)
{
	struct crash_count *c = crash_count_new();

	(void)state;
	for (unsigned n = 0; n < 1001; n++) {
		assert_int_equal(crash_count_add(c, (const char *)&n, sizeof(n)), 1);
		if (n == 500) {
			unsigned first = 0;

			assert_int_equal(crash_count_add(c, (const char *)&first, sizeof(first)), 2);
		}
	}
	for (unsigned n = 0; n < 3; n++) {
		/* 0 was used again; 1 had to go for 1000, 2 for 1. */
		static const unsigned expected[] = { 3, 1, 1 };

		assert_int_equal(crash_count_add(c, (const char *)&n, sizeof(n)), expected[n]);
	}
	crash_count_free(c);
	crash_count_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_the_oldest_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
