/* SPDX-License-Identifier: Apache-2.0 */
/* JSON behind its few functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/err.h"
#include "io/json.h"

static const struct {
	const char *text;
	const char *expected; /* the strings, each with a ';' behind; NULL = an error with... */
	const char *error;
} rows[] = {
	{ "{\"events\":[\"A\",\"B\"]}", "A;B;", NULL },
	{ "{\"events\":[]}", "", NULL },
	{ "{\"events\":null}", "", NULL },
	{ "{}", "", NULL },
	{ " {\"other\":1} ", "", NULL },
	{ "{\"events\":[\"\"]}", ";", NULL },
	{ "", NULL, "not JSON" },
	{ "{", NULL, "not JSON" },
	{ "{} x", NULL, "not JSON" },
	{ "[\"A\"]", NULL, "expected a JSON object" },
	{ "{\"events\":\"A\"}", NULL, "\"events\": expected an array of strings" },
	{ "{\"events\":{}}", NULL, "\"events\": expected an array of strings" },
	{ "{\"events\":[\"A\",1]}", NULL, "\"events\": expected an array of strings" },
	{ "{\"events\":[null]}", NULL, "\"events\": expected an array of strings" },
};

static void test_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct json_strings got;
		struct err err = ERR_INIT;
		char joined[64] = "";
		int r = json_strings_of(rows[i].text, strlen(rows[i].text), "events", &got, &err);

		assert_int_equal(r, rows[i].expected != NULL ? 0 : -1);
		if (rows[i].expected == NULL) {
			assert_non_null(strstr(err.msg, rows[i].error));
		} else {
			for (size_t s = 0; s < got.count; s++) {
				strcat(joined, got.items[s]);
				strcat(joined, ";");
			}
			assert_string_equal(joined, rows[i].expected);
		}
		json_strings_free(&got);
		json_strings_free(&got);
	}
}

/* What no usual parser can hold, a number beyond a double or half a character, is not passed on as JSON. */
static void test_what_is_an_object(void **state)
{
	static const char *const objects[] = { "{}", " {\"a\":{}} ", "{\"a\":9223372036854775808}",
					       "{\"a\":[18446744073709551615,-12345678901234567890123]}",
					       "{\"a\":1e300,\"b\":\"\\u0000\"}" };
	static const char *const others[] = { "",
					      "{",
					      "{}x",
					      "[{}]",
					      "18446744073709551615",
					      "{\"a\":1e400}",
					      "{\"a\":\"\\ud800\"}",
					      "{\"a\":\"\xff\"}",
					      "{\"a\":01}" };

	(void)state;
	for (size_t i = 0; i < countof(objects); i++) {
		assert_true(json_text_is_object(objects[i], strlen(objects[i])));
		assert_true(json_text_is_valid(objects[i], strlen(objects[i])));
	}
	for (size_t i = 0; i < countof(others); i++) {
		assert_false(json_text_is_object(others[i], strlen(others[i])));
	}
	assert_true(json_text_is_valid("18446744073709551615", 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_strings),
					    cmocka_unit_test(test_what_is_an_object) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
