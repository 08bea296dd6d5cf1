/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of hosts files. The mounting is tested end to end (tests/e2e/test_sandbox_names.py). */
#include "io/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four headers that it needs */
#include <cmocka.h>

static void test_have(void **state)
{
	static const char text[] = "127.0.0.1\tlocalhost  Sandbox.localdomain # sandbox\r\n"
				   "#10.0.0.1 commented\n"
				   "\n"
				   "::1 ip6-localhost";

	(void)state;
	assert_true(hosts_have(text, "localhost"));
	assert_true(hosts_have(text, "sandbox.localdomain"));
	assert_true(hosts_have(text, "ip6-localhost"));
	assert_false(hosts_have(text, "sandbox"));
	assert_false(hosts_have(text, "commented"));
	assert_false(hosts_have(text, "127.0.0.1"));
	assert_false(hosts_have(text, "::1"));
	assert_false(hosts_have(text, "ip6"));
	assert_false(hosts_have("", "localhost"));
	assert_true(hosts_have("1.2.3.4 a\r\n", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
