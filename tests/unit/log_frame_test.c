/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry log frames: a known answer, every cut, and what is no frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "core/log_frame.h"

/* INFO, text, 1700000000000000 us, "hello". */
static const char info_hello[] = "\xa5\x5a\x00\x0f\x00\x00\x00\x05\x00\x06\x0a\x24\x18\x1e\x40\x00hello";
#define INFO_HELLO_LEN (sizeof(info_hello) - 1)

static void test_known_answer(void **state)
{
	struct log_frame f;

	(void)state;
	assert_int_equal(log_frame_decode(info_hello, INFO_HELLO_LEN, &f), LOG_FRAME_OK);
	assert_true(f.text);
	assert_int_equal(f.level, 3);
	assert_int_equal(f.time_us, 1700000000000000);
	assert_int_equal(f.len, 5);
	assert_memory_equal(f.message, "hello", 5);
	assert_int_equal(f.consumed, INFO_HELLO_LEN);
}

static void test_every_cut(void **state)
{
	struct log_frame f;

	(void)state;
	for (size_t n = 0; n < INFO_HELLO_LEN; n++) {
		assert_int_equal(log_frame_decode(info_hello, n, &f), LOG_FRAME_MORE);
	}
}

static void test_without_time(void **state)
{
	static const char frame[] = "\xa5\x5a\x00\x01\x00\x00\x00\x02hiREST";
	struct log_frame f;

	(void)state;
	assert_int_equal(log_frame_decode(frame, sizeof(frame) - 1, &f), LOG_FRAME_OK);
	assert_int_equal(f.time_us, 0);
	assert_int_equal(f.consumed, 10);
	assert_memory_equal(f.message, "hi", 2);
}

static void test_json_and_empty(void **state)
{
	static const char frame[] = "\xa5\x5a\x00\x1a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01";
	struct log_frame f;

	(void)state;
	assert_int_equal(log_frame_decode(frame, sizeof(frame) - 1, &f), LOG_FRAME_OK);
	assert_false(f.text);
	assert_int_equal(f.level, 6);
	assert_int_equal(f.len, 0);
}

static void test_bad(void **state)
{
	struct log_frame f;

	(void)state;
	assert_int_equal(log_frame_decode("plain", 5, &f), LOG_FRAME_BAD);
	assert_int_equal(log_frame_decode("\xa5plain", 6, &f), LOG_FRAME_BAD);
	assert_int_equal(log_frame_decode("\xa5\x5a\x01\x01\x00\x00\x00\x01x", 9, &f), LOG_FRAME_BAD);
	assert_int_equal(log_frame_decode("\xa5\x5a\x00\x01\x7f\x00\x00\x01x", 9, &f), LOG_FRAME_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answer), cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_without_time), cmocka_unit_test(test_json_and_empty),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
