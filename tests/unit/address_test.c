/* SPDX-License-Identifier: Apache-2.0 */
/* HOST:PORT, read and written. */
#include "base/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"

static void test_split(void **state)
{
	static const struct {
		const char *text;
		const char *host;
		int port;
	} rows[] = {
		{ "host:80", "host", 80 },
		{ "host", "host", -1 },
		{ "127.0.0.1:0", "127.0.0.1", 0 },
		{ ":65535", "", 65535 },
		{ "", "", -1 },
		{ "[::1]:80", "::1", 80 },
		{ "[::1]", "::1", -1 },
		{ "::1", "::1", -1 },
		{ "::", "::", -1 },
		/* Who can tell where the port begins? */
		{ "::1:80", "::1:80", -1 },
		{ "[fe80::1%eth0]:80", "fe80::1%eth0", 80 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char *host;
		int port;

		assert_true(address_split(rows[i].text, &host, &port));
		assert_string_equal(host, rows[i].host);
		assert_int_equal(port, rows[i].port);
		free(host);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"host:", "host:x",  "host:65536", "host:-1", "host: 1", ":",	     "[::1]:",	"[::1",
		"::1]",	 "[::1:80", "[]:80",	  "[]",	     "[h]:1:2", "[::1]x:80", "a[b]:80", "[[h]]:80",
	};

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		char *host;
		int port;

		assert_false(address_split(texts[i], &host, &port));
		assert_null(host);
	}
}

static void test_put(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	address_put(&out, "::1", 80);
	buf_putc(&out, ' ');
	address_put(&out, "host", 0);
	assert_string_equal(out.data, "[::1]:80 host:0");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
