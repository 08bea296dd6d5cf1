/* SPDX-License-Identifier: Apache-2.0 */
/* Error documents, letter by letter. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "core/fault.h"

static void expect(const struct fault *f, const char *document)
{
	struct blob *b = fault_body(f, "id");

	assert_string_equal(b->data, document);
	blob_unref(b);
}

static void test_exit(void **state)
{
	struct fault f;

	(void)state;
	fault_exit(&f, false, 0);
	expect(&f,
	       "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: id Error: Runtime exited without "
	       "providing a reason\"}");
	fault_exit(&f, false, 42);
	expect(&f, "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: id Error: Runtime exited with "
		   "error: "
		   "exit status 42\"}");
	fault_exit(&f, true, SIGKILL);
	assert_string_equal(f.text, "Runtime exited with error: signal: killed");
	fault_exit(&f, true, SIGSEGV);
	assert_string_equal(f.text, "Runtime exited with error: signal: segmentation fault");
	fault_exit(&f, true, 34);
	assert_string_equal(f.text, "Runtime exited with error: signal: signal 34");
}

static void test_timeout(void **state)
{
	struct fault f;

	(void)state;
	fault_timeout(&f, 3000000);
	expect(&f, "{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: id Error: Task timed out after "
		   "3.00 "
		   "seconds\"}");
	fault_timeout(&f, 500000);
	assert_string_equal(f.text, "Task timed out after 0.50 seconds");
}

static void test_escaping(void **state)
{
	struct fault f;

	(void)state;
	fault_set(&f, FAULT_INVALID_ENTRYPOINT, "fork/exec %s: no such file or directory", "./<a&\"b\\\n>");
	expect(&f, "{\"errorType\":\"Runtime.InvalidEntrypoint\",\"errorMessage\":\"RequestId: id Error: fork/exec "
		   "./\\u003ca\\u0026\\\"b\\\\\\n\\u003e: no such file or directory\"}");
}

static void test_types(void **state)
{
	static const char *const rows[][2] = {
		{ "Runtime.ExitError", "Runtime.ExitError" },
		{ "Function.Foo", "Function.Foo" },
		{ "xx Runtime.Abc9", "Runtime.Abc" },
		{ "Runtime.abc", "Runtime.Unknown" },
		{ "Runtime.A", "Runtime.Unknown" },
		{ "Function.1", "Function.Unknown" },
		{ "FunctionError", "Runtime.Unknown" },
		{ "Unhandled", "Runtime.Unknown" },
		{ "", "Runtime.Unknown" },
		{ NULL, "Runtime.Unknown" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char out[64];

		fault_normalise_type(rows[i][0], out, sizeof(out));
		assert_string_equal(out, rows[i][1]);
	}
}

static void test_too_large(void **state)
{
	struct blob *b = fault_too_large_body(6291557, 6291556);

	(void)state;
	assert_string_equal(b->data,
			    "{\"errorType\":\"Function.ResponseSizeTooLarge\",\"errorMessage\":\"Response payload "
			    "size (6291557 bytes) exceeded maximum allowed payload size (6291556 bytes).\"}");
	blob_unref(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit),  cmocka_unit_test(test_timeout),	cmocka_unit_test(test_escaping),
		cmocka_unit_test(test_types), cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
