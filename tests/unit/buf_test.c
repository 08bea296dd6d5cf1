/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, blobs, errors and the clock stamp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

static void test_growth(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		assert_true(buf_putc(&b, (char)('a' + i % 26)));
	}
	assert_int_equal(b.len, 10000);
	assert_int_equal(strlen(b.data), 10000);
	buf_consume(&b, 26);
	assert_int_equal(b.data[0], 'a');
	buf_consume(&b, b.len);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	buf_fini(&b);
	assert_null(b.data);
}

static void test_limit(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_true(buf_append(&b, "0123456789", 10));
	assert_false(buf_putc(&b, 'x'));
	assert_null(buf_room(&b, 1));
	assert_null(buf_room(&b, SIZE_MAX));
	assert_string_equal(b.data, "0123456789");
	buf_clear(&b);
	assert_false(buf_printf(&b, "%011d", 1));
	assert_int_equal(b.len, 0);
	assert_true(buf_printf(&b, "%010d", 1));
	assert_string_equal(b.data, "0000000001");
	buf_fini(&b);
	assert_int_equal(b.limit, 10);
}

static void test_printf(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	assert_true(buf_printf(&b, "%s", ""));
	for (int i = 0; i < 100; i++) {
		assert_true(buf_printf(&b, "%d,", i));
	}
	assert_int_equal(b.len, 290);
	assert_true(buf_puts(&b, "end"));
	assert_string_equal(b.data + 287, "99,end");
	buf_fini(&b);
}

static void test_blob(void **state)
{
	struct buf b = BUF_INIT;
	struct blob *blob = buf_to_blob(&b);

	(void)state;
	assert_string_equal(blob->data, "");
	blob_unref(blob);
	buf_puts(&b, "moved");
	blob = buf_to_blob(&b);
	assert_null(b.data);
	assert_string_equal(blob->data, "moved");
	assert_ptr_equal(blob_ref(blob), blob);
	blob_unref(blob);
	assert_string_equal(blob->data, "moved");
	blob_unref(blob);
	blob = blob_copy("a\0b", 3);
	assert_int_equal(blob->len, 3);
	assert_int_equal(blob->data[3], '\0');
	blob_unref(blob);
	assert_null(blob_ref(NULL));
	blob_unref(NULL);
}

static void test_err(void **state)
{
	struct err err = ERR_INIT;
	char text[2000];

	(void)state;
	assert_int_equal(err_set(&err, 2, "value %d\nof X", 7), -1);
	assert_string_equal(err.msg, "value 7 of X");
	assert_int_equal(err_wrap(&err, "reading %s", "Y"), -1);
	assert_string_equal(err.msg, "reading Y: value 7 of X");
	assert_int_equal(err.code, 2);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, 1, "%s", text);
	err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void test_stamp(void **state)
{
	char out[CLOCK_STAMP_LEN];

	(void)state;
	assert_string_equal(clock_stamp(0, out), "1970-01-01T00:00:00.000Z");
	assert_string_equal(clock_stamp(951782399999, out), "2000-02-28T23:59:59.999Z");
	assert_string_equal(clock_stamp(951782400000, out), "2000-02-29T00:00:00.000Z");
	assert_string_equal(clock_stamp(1795225883676, out), "2026-11-21T01:51:23.676Z");
	assert_string_equal(clock_stamp(4107542400000, out), "2100-03-01T00:00:00.000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth), cmocka_unit_test(test_limit), cmocka_unit_test(test_printf),
		cmocka_unit_test(test_blob),   cmocka_unit_test(test_err),   cmocka_unit_test(test_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
