/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting of lines, however the bytes arrive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/lines.h"

static void feed(struct lines *l, const char *text, size_t len)
{
	memcpy(lines_room(l, len), text, len);
	lines_added(l, len);
}

static void expect_line(struct lines *l, const char *text, uint64_t number)
{
	struct line line;

	assert_int_equal(lines_next(l, &line), LINES_LINE);
	assert_int_equal(line.len, strlen(text));
	assert_memory_equal(line.text, text, line.len);
	assert_int_equal(line.number, number);
}

static void expect_more(struct lines *l)
{
	struct line line;

	assert_int_equal(lines_next(l, &line), LINES_MORE);
}

/* In pieces of every size the same lines come out. */
static void test_pieces(void **state)
{
	static const char text[] = "one\ntwo\r\n\nfour\n";

	(void)state;
	for (size_t size = 1; size < sizeof(text); size++) {
		static const char *const expected[] = { "one", "two", "", "four" };
		struct lines l;
		struct line line;
		unsigned found = 0;

		lines_init(&l, 100);
		for (size_t at = 0; at < sizeof(text) - 1; at += size) {
			size_t left = sizeof(text) - 1 - at;

			feed(&l, text + at, left < size ? left : size);
			while (lines_next(&l, &line) == LINES_LINE) {
				assert_true(found < 4);
				assert_int_equal(line.len, strlen(expected[found]));
				assert_memory_equal(line.text, expected[found], line.len);
				assert_int_equal(line.number, ++found);
			}
		}
		assert_int_equal(found, 4);
		lines_fini(&l);
	}
}

static void test_last_line_without_end(void **state)
{
	struct lines l;

	(void)state;
	lines_init(&l, 100);
	feed(&l, "a\nb", 3);
	expect_line(&l, "a", 1);
	expect_more(&l);
	lines_end(&l);
	expect_line(&l, "b", 2);
	expect_more(&l);
	expect_more(&l);
	lines_fini(&l);
}

static void test_too_long(void **state)
{
	struct lines l;
	struct line line;

	(void)state;
	lines_init(&l, 4);
	feed(&l, "1234\n12345\n123", 14);
	expect_line(&l, "1234", 1);
	assert_int_equal(lines_next(&l, &line), LINES_TOO_LONG);
	assert_int_equal(line.number, 2);
	expect_more(&l);
	feed(&l, "456", 3);
	assert_int_equal(lines_next(&l, &line), LINES_TOO_LONG);
	assert_int_equal(line.number, 3);
	expect_more(&l);
	for (unsigned i = 0; i < 1000; i++) {
		feed(&l, "7890", 4);
		expect_more(&l);
	}
	/* What is skipped is not kept. */
	assert_true(l.held.cap < 1000);
	feed(&l, "x\nok\n", 5);
	expect_line(&l, "ok", 4);
	lines_fini(&l);
}

static void test_longest_with_cr(void **state)
{
	struct lines l;

	(void)state;
	lines_init(&l, 4);
	feed(&l, "1234\r", 5);
	expect_more(&l);
	feed(&l, "\n", 1);
	expect_line(&l, "1234", 1);
	lines_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_last_line_without_end),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_longest_with_cr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
