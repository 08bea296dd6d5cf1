/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, base64, percent-encoding, UUIDs, JSON strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

static void test_u64(void **state)
{
	static const struct {
		const char *s;
		bool ok;
		uint64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "99999999999999999999999", false, 0 },
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "0x1", false, 0 },
		{ "1.0", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t n = 0;

		assert_int_equal(text_to_u64(rows[i].s, 0, UINT64_MAX, &n), rows[i].ok);
		assert_true(n == rows[i].value);
	}
	assert_false(text_to_u64("4", 5, 10, &(uint64_t){ 0 }));
	assert_false(text_to_u64("11", 5, 10, &(uint64_t){ 0 }));
	assert_true(text_to_u64("10", 5, 10, &(uint64_t){ 0 }));
}

static void test_put_u64(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 7, "7" },
		{ 10, "10" },
		{ 1767225600123, "1767225600123" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	char out[TEXT_U64_LEN];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_ptr_equal(text_put_u64(out, rows[i].n), out + strlen(rows[i].text));
		assert_string_equal(out, rows[i].text);
	}
}

static void test_hex32(void **state)
{
	char out[9];

	(void)state;
	text_hex32(out, 0);
	assert_string_equal(out, "00000000");
	text_hex32(out, 0x69012abf);
	assert_string_equal(out, "69012abf");
}

static void test_token(void **state)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	(void)state;
	for (int c = 1; c < 256; c++) {
		char s[] = { 'a', (char)c, '\0' };
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		assert_int_equal(text_is_token(s), letter || strchr(others, c) != NULL);
		assert_int_equal(text_is_token(s + 1), letter || strchr(others, c) != NULL);
	}
	assert_false(text_is_token(""));
}

static void test_concat(void **state)
{
	const char *const parts[] = { "a", "", "bc" };
	char *s = xconcat(parts, countof(parts));

	(void)state;
	assert_string_equal(s, "abc");
	free(s);
	s = xconcat(NULL, 0);
	assert_string_equal(s, "");
	free(s);
}

static void test_seconds(void **state)
{
	static const struct {
		const char *s;
		int64_t us; /* -1 = refused */
	} rows[] = {
		{ "3", 3000000 },
		{ "0.5", 500000 },
		{ ".25", 250000 },
		{ "1.", 1000000 },
		{ "0", 0 },
		{ "5400", 5400000000 },
		{ "0.0000019", 2 },
		{ "900.123456", 900123456 },
		{ "", -1 },
		{ ".", -1 },
		{ "1e3", -1 },
		{ "-1", -1 },
		{ " 1", -1 },
		{ "1s", -1 },
		{ "1.0000000", 1000000 },
		{ "5400.0000001", 5400000001 },
		{ "1,5", -1 },
		{ "99999999999999999999", -1 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		int64_t us = -1;

		assert_int_equal(text_to_us(rows[i].s, &us), rows[i].us >= 0);
		assert_true(us == rows[i].us);
	}
}

static void test_base64(void **state)
{
	static const char *const known[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfd", "//79" },
	};
	static const char *const bad[] = { "Z",	   "Zg",   "Zg=",  "Z===",   "Zg==Zg==",
					   "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zm9-" };

	(void)state;
	for (size_t i = 0; i < countof(known); i++) {
		struct buf out = BUF_INIT;

		text_base64(&out, known[i][0], strlen(known[i][0]));
		assert_string_equal(out.data != NULL ? out.data : "", known[i][1]);
		buf_clear(&out);
		assert_true(text_unbase64(&out, known[i][1], strlen(known[i][1])));
		assert_string_equal(out.data != NULL ? out.data : "", known[i][0]);
		buf_fini(&out);
	}
	for (size_t i = 0; i < countof(bad); i++) {
		struct buf out = BUF_INIT;

		assert_false(text_unbase64(&out, bad[i], strlen(bad[i])));
		assert_int_equal(out.len, 0);
		buf_fini(&out);
	}
}

static void test_unpercent(void **state)
{
	struct buf out = BUF_INIT;
	static const char *const bad[] = { "%", "%4", "%zz", "a%4", "%00", "a%4g" };

	(void)state;
	assert_true(text_unpercent(&out, "a%3Ab%3a+%25", 12));
	assert_string_equal(out.data, "a:b:+%");
	for (size_t i = 0; i < countof(bad); i++) {
		assert_false(text_unpercent(&out, bad[i], strlen(bad[i])));
		assert_string_equal(out.data, "a:b:+%");
	}
	buf_fini(&out);
}

static void test_percent(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	text_percent(&out, "aZ09-_.~");
	text_percent(&out, " /+%\n\xc3\xa9");
	assert_string_equal(out.data, "aZ09-_.~%20%2F%2B%25%0A%C3%A9");
	buf_fini(&out);
}

static void test_json_string(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		const char *json;
	} rows[] = {
		{ "plain", 5, "\"plain\"" },
		{ "", 0, "\"\"" },
		{ "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
		{ "<&>", 3, "\"\\u003c\\u0026\\u003e\"" },
		{ "\n\r\t\b\f", 5, "\"\\n\\r\\t\\b\\f\"" },
		{ "\0\x1f", 2, "\"\\u0000\\u001f\"" },
		{ "\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 9, "\"\\u2028\\u2029\xe2\x80\xaa\"" },
		{ "\xff\xc3", 2, "\"\\ufffd\\ufffd\"" },
		{ "\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"" },
		{ "\xc0\x80\xf4\x90\x80\x80", 6, "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf out = BUF_INIT;

		text_json_string(&out, rows[i].s, rows[i].len);
		assert_string_equal(out.data, rows[i].json);
		buf_fini(&out);
	}
}

static void test_json_escape(void **state)
{
	static const char text[] = "\0\x1f \"\\/\b\f\n\r\t\x7f<&>\xff\xe2\x80\xa8";
	struct buf out = BUF_INIT;

	(void)state;
	text_json_escape(&out, text, 0);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		text_json_escape(&out, text + i, 1);
	}
	assert_string_equal(out.data, "\\u0000\\u001f \\\"\\\\/\\b\\f\\n\\r\\t\x7f<&>\xff\xe2\x80\xa8");
	buf_fini(&out);
}

static void test_visible(void **state)
{
	(void)state;
	assert_true(text_is_visible("!0aZ~"));
	assert_false(text_is_visible(""));
	assert_false(text_is_visible("a b"));
	assert_false(text_is_visible("a\n"));
	assert_false(text_is_visible("\x7f"));
	assert_false(text_is_visible("\xc3\xa4"));
}

static void test_controls(void **state)
{
	char line[] = "a\r\nb\x1b\x7f\xc3\xa9";

	(void)state;
	assert_true(text_is_control('\0') && text_is_control('\n') && text_is_control('\x7f'));
	assert_false(text_is_control(' ') || text_is_control('\xff'));
	text_one_line(line);
	assert_string_equal(line, "a  b  \xc3\xa9");
}

/* Known answers of the function's authors. */
static void test_hash(void **state)
{
	(void)state;
	assert_int_equal(text_hash("", 0), 0x811c9dc5);
	assert_int_equal(text_hash("a", 1), 0xe40c292c);
	assert_int_equal(text_hash("foobar", 6), 0xbf9cf968);
}

static void test_utf8(void **state)
{
	(void)state;
	assert_true(text_is_utf8("", 0));
	assert_true(text_is_utf8("a\0\xc3\xa9\xf0\x9f\x98\x80", 8));
	assert_false(text_is_utf8("a\xc3", 2));
	assert_false(text_is_utf8("\xed\xa0\x80", 3));
	assert_false(text_is_utf8("\x89PNG", 4));
}

static void test_json_ascii(void **state)
{
	static const char text[] = "{\"a\":\n\"\xc3\xa9\xf0\x9f\x98\x80\xff\"}";
	struct buf out = BUF_INIT;

	(void)state;
	text_json_ascii(&out, text, sizeof(text) - 1);
	assert_string_equal(out.data, "{\"a\": \"\\u00e9\\ud83d\\ude00\\ufffd\"}");
	buf_fini(&out);
}

static void test_uuid(void **state)
{
	char one[UUID_LEN], other[UUID_LEN], hex[33];

	(void)state;
	text_uuid(one);
	text_uuid(other);
	assert_true(text_is_uuid(one) && text_is_uuid(other));
	assert_string_not_equal(one, other);
	assert_int_equal(one[14], '4');
	assert_non_null(strchr("89ab", one[19]));
	assert_false(text_is_uuid("8f507cfc-0000-4000-8000-0123456789a"));
	assert_false(text_is_uuid("8f507cfc-0000-4000-8000-0123456789abc"));
	assert_false(text_is_uuid("8f507cfc_0000-4000-8000-0123456789ab"));
	text_random_hex(hex, 16);
	assert_int_equal(strspn(hex, "0123456789abcdef"), 32);
}

static void test_ends(void **state)
{
	(void)state;
	assert_true(text_starts("abc", "ab") && text_starts("abc", "") && !text_starts("a", "ab"));
	assert_true(text_ends("abc", "bc") && text_ends("abc", "") && !text_ends("c", "bc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),	    cmocka_unit_test(test_put_u64),
		cmocka_unit_test(test_hex32),	    cmocka_unit_test(test_token),
		cmocka_unit_test(test_concat),	    cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_base64),	    cmocka_unit_test(test_percent),
		cmocka_unit_test(test_unpercent),   cmocka_unit_test(test_json_string),
		cmocka_unit_test(test_json_ascii),  cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_ends),	    cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_json_escape), cmocka_unit_test(test_controls),
		cmocka_unit_test(test_visible),	    cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
