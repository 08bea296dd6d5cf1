/* SPDX-License-Identifier: Apache-2.0 */
/* Methods and path templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "io/route.h"

static const struct route routes[] = {
	{ "POST", "/functions/{name}/invocations", 1 },
	{ "GET", "/functions/{name}", 2 },
	{ "DELETE", "/functions/{name}", 3 },
	{ "POST", "/{a}/to/{b}", 4 },
	{ "GET", "/", 5 },
};

static void test_rows(void **state)
{
	static const struct {
		const char *method;
		const char *path;
		enum route_result result;
		int id;
		const char *extra; /* first capture, or what Allow says */
	} rows[] = {
		{ "POST", "/functions/a%3Ab/invocations", ROUTE_FOUND, 1, "a%3Ab" },
		{ "GET", "/functions/x", ROUTE_FOUND, 2, "x" },
		{ "DELETE", "/functions/x", ROUTE_FOUND, 3, "x" },
		{ "GET", "/", ROUTE_FOUND, 5, NULL },
		{ "POST", "/from/to/there", ROUTE_FOUND, 4, "from" },
		{ "HEAD", "/functions/x", ROUTE_WRONG_METHOD, -1, "GET, DELETE" },
		{ "get", "/functions/x", ROUTE_WRONG_METHOD, -1, "GET, DELETE" },
		{ "GET", "/functions/x/invocations", ROUTE_WRONG_METHOD, -1, "POST" },
		{ "POST", "/functions/x/invocations/", ROUTE_NO_PATH, -1, NULL },
		{ "POST", "/functions//invocations", ROUTE_NO_PATH, -1, NULL },
		{ "POST", "/functions/a/b/invocations", ROUTE_NO_PATH, -1, NULL },
		{ "GET", "/functions/", ROUTE_NO_PATH, -1, NULL },
		{ "GET", "/Functions/x", ROUTE_NO_PATH, -1, NULL },
		{ "GET", "", ROUTE_NO_PATH, -1, NULL },
		{ "GET", "*", ROUTE_NO_PATH, -1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct route_match m;

		route_find(routes, countof(routes), rows[i].method, rows[i].path, &m);
		assert_int_equal(m.result, rows[i].result);
		assert_int_equal(m.id, rows[i].id);
		if (m.result == ROUTE_FOUND && rows[i].extra != NULL) {
			assert_int_equal(m.capture[0].len, strlen(rows[i].extra));
			assert_memory_equal(m.capture[0].ptr, rows[i].extra, m.capture[0].len);
		} else if (m.result == ROUTE_WRONG_METHOD) {
			assert_string_equal(m.allow, rows[i].extra);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
