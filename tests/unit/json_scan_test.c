/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON scanner: what is JSON and what is not, members, strings, numbers. */
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
#include "base/json_scan.h"
#include "base/mem.h"

static bool is_json(const char *text)
{
	struct json_slice s;

	return json_scan_text(text, strlen(text), &s);
}

static void test_valid(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"0",
		"-0",
		"1.5e+3",
		"-12.25E-2",
		"null",
		" true ",
		"\t\r\n\"x\"\n",
		"[1,2,3]",
		"[[[]],{}]",
		"{\"a\":{\"b\":[null,true,false]},\"c\":\"\"}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
		"{ \"a\" : 1 , \"b\" : [ ] }",
		"1e400",
		"\"\\ud800\"",
	};

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		assert_true(is_json(texts[i]));
	}
}

static void test_invalid(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"}",
		"[",
		"[1,]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{a:1}",
		"[1 2]",
		"01",
		"1.",
		".5",
		"+1",
		"1e",
		"-",
		"nul",
		"nulll",
		"True",
		"\"",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12g4\"",
		"\"\\u12",
		"\"a\nb\"",
		"\"\xc3\"",
		"\"\xed\xa0\x80\"",
		"\"\xc0\xaf\"",
		"\"\xf4\x90\x80\x80\"",
		"\xef\xbb\xbf{}",
		"{} {}",
		"{\"a\":1]",
		"[1}",
		"\"\\",
		"2S47zUUg",
		"{\"a\":1 \"b\":2}",
		"{1:2}",
		"[,1]",
	};

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		if (is_json(texts[i])) {
			fail_msg("taken for JSON: %s", texts[i]);
		}
	}
}

static void test_depth(void **state)
{
	size_t n = JSON_SCAN_DEPTH + 1;
	char *text = xmalloc(2 * n);
	struct json_slice s;

	(void)state;
	memset(text, '[', n);
	memset(text + n, ']', n);
	/* The innermost, empty one needs no place on the stack. */
	assert_true(json_scan_text(text, 2 * n, &s));
	assert_int_equal(s.len, 2 * n);
	assert_false(json_scan_text(text, 2 * n - 1, &s));
	memset(text, '[', n + 1);
	memset(text + n + 1, ']', n - 1);
	assert_false(json_scan_text(text, 2 * n, &s));
	assert_null(s.ptr);
	memset(text, '[', 2 * n);
	assert_false(json_scan_text(text, 2 * n, &s));
	free(text);
}

static void test_members(void **state)
{
	static const char text[] =
		" { \"ab\" : [1, {\"x\":2}] ,\"\\u0063d\":\"e\\u0000\", \"ab\":{\"x\" : -3 }, \"n\":null } ";
	struct json_slice root;
	struct json_slice found;

	(void)state;
	assert_true(json_scan_text(text, sizeof(text) - 1, &root));
	assert_int_equal(root.len, strlen(text) - 2);
	found = json_scan_member(root, "ab");
	assert_true(json_slice_is(found, '{') && found.len == strlen("{\"x\" : -3 }"));
	assert_true(json_slice_is(json_scan_member(found, "x"), '0'));
	assert_true(json_slice_is(json_scan_member(root, "cd"), '"'));
	assert_true(json_slice_is(json_scan_member(root, "n"), 'n'));
	assert_null(json_scan_member(root, "a").ptr);
	assert_null(json_scan_member(root, "abc").ptr);
	assert_null(json_scan_member(json_scan_member(root, "n"), "x").ptr);
	assert_null(json_scan_member(json_scan_member(root, "none"), "x").ptr);
}

static void test_strings(void **state)
{
	static const struct {
		const char *text;
		const char *decoded; /* NULL = refused */
	} rows[] = {
		{ "\"\"", "" },
		{ "\"abc\"", "abc" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\"\\ud83dx\\ude00\"", "\xef\xbf\xbdx\xef\xbf\xbd" },
		{ "\"a\\u0000b\"", NULL },
		{ "12", NULL },
		{ "null", NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json_slice s;
		struct buf out = BUF_INIT;

		assert_true(json_scan_text(rows[i].text, strlen(rows[i].text), &s));
		assert_int_equal(json_slice_string(s, &out), rows[i].decoded != NULL);
		if (rows[i].decoded != NULL) {
			assert_string_equal(out.data != NULL ? out.data : "", rows[i].decoded);
		}
		buf_fini(&out);
	}
}

static void test_bytes(void **state)
{
	static const char text[] = "\"a\\u0000b\"";
	struct json_slice s;
	struct buf out = BUF_INIT;

	(void)state;
	assert_true(json_scan_text(text, strlen(text), &s));
	assert_true(json_slice_bytes(s, &out));
	assert_int_equal(out.len, 3);
	assert_memory_equal(out.data, "a\0b", 3);
	assert_true(json_scan_text("[]", 2, &s));
	assert_false(json_slice_bytes(s, &out));
	buf_fini(&out);
}

static void add_item(void *ctx, struct json_slice item)
{
	buf_append(ctx, item.ptr, item.len);
	buf_putc(ctx, ';');
}

static void test_items(void **state)
{
	static const struct {
		const char *text;
		const char *items;
	} rows[] = {
		{ "[]", "" },
		{ "[ ]", "" },
		{ "[1]", "1;" },
		{ " [ \"a,]\" , [2, 3],{\"x\":[4]} , null ] ", "\"a,]\";[2, 3];{\"x\":[4]};null;" },
		{ "{\"a\":1}", "" },
		{ "12", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json_slice s;
		struct buf out = BUF_INIT;

		assert_true(json_scan_text(rows[i].text, strlen(rows[i].text), &s));
		json_scan_items(s, add_item, &out);
		assert_string_equal(out.data != NULL ? out.data : "", rows[i].items);
		buf_fini(&out);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t value;
	} rows[] = {
		{ "0", true, 0 },
		{ "1718071341165", true, 1718071341165 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", false, 0 },
		{ "-1", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
		{ "\"1\"", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json_slice s;
		uint64_t n = 0;

		assert_true(json_scan_text(rows[i].text, strlen(rows[i].text), &s));
		assert_int_equal(json_slice_u64(s, &n), rows[i].ok);
		assert_int_equal(n, rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),	cmocka_unit_test(test_invalid), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_members), cmocka_unit_test(test_strings), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bytes),	cmocka_unit_test(test_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
