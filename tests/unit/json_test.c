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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_strings) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
