/* SPDX-License-Identifier: Apache-2.0 */
/* Who may talk to the broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "debug/access.h"

static void test_hosts(void **state)
{
	static const char *const local[] = { "127.0.0.1",	"127.0.0.1:9229", "localhost", "LocalHost:1",
					     "debug.localhost", "192.168.1.7:80", "[::1]:80",  "[fe80::1]" };
	static const char *const foreign[] = { "",
					       "evil.example",
					       "localhost.evil.example",
					       "127.0.0.1.example",
					       ":80",
					       "notlocalhost",
					       "1.2.3.4.5",
					       "[evil]:80",
					       "[::1].evil.example",
					       "[::1" };

	(void)state;
	for (size_t i = 0; i < countof(local); i++) {
		assert_true(access_host_is_local(local[i]));
	}
	for (size_t i = 0; i < countof(foreign); i++) {
		assert_false(access_host_is_local(foreign[i]));
	}
	assert_false(access_host_is_local(NULL));
}

static void test_loopback(void **state)
{
	(void)state;
	assert_true(access_is_loopback("127.0.0.1"));
	assert_true(access_is_loopback("127.8.9.1"));
	assert_true(access_is_loopback("::1"));
	assert_true(access_is_loopback("localhost"));
	assert_true(access_is_loopback("[::1]:80"));
	assert_false(access_is_loopback("[::1].evil.example"));
	assert_false(access_is_loopback("127.evil.example"));
	assert_false(access_is_loopback("127.0.0.1.nip.io:80"));
	assert_false(access_is_loopback("localhostx"));
	assert_false(access_is_loopback("0.0.0.0"));
	assert_false(access_is_loopback("::"));
	assert_false(access_is_loopback("10.0.0.1"));
	assert_false(access_is_loopback("broker.example"));
}

static void test_origins(void **state)
{
	(void)state;
	assert_true(access_origin_is_ours(NULL, "broker:9229"));
	assert_true(access_origin_is_ours("devtools://devtools", "broker:9229"));
	assert_true(access_origin_is_ours("http://broker:9229", "broker:9229"));
	assert_true(access_origin_is_ours("https://Broker:9229", "broker:9229"));
	assert_false(access_origin_is_ours("http://broker:9230", "broker:9229"));
	assert_false(access_origin_is_ours("http://broker:9229.evil.example", "broker:9229"));
	assert_false(access_origin_is_ours("null", "broker:9229"));
	assert_false(access_origin_is_ours("http://x", NULL));
	assert_false(access_origin_is_ours("", ""));
}

static void test_tokens(void **state)
{
	static const char token[] = "sixteen-letters!";

	(void)state;
	assert_true(access_token_fits(NULL, NULL, NULL));
	assert_true(access_token_fits(token, "Bearer sixteen-letters!", ""));
	assert_true(access_token_fits(token, "bearer sixteen-letters!", ""));
	assert_true(access_token_fits(token, NULL, "token=sixteen-letters!"));
	assert_true(access_token_fits(token, NULL, "a=b&token=sixteen%2Dletters%21&c=d"));
	assert_false(access_token_fits(token, NULL, NULL));
	assert_false(access_token_fits(token, NULL, ""));
	assert_false(access_token_fits(token, NULL, "token="));
	assert_false(access_token_fits(token, NULL, "token"));
	assert_false(access_token_fits(token, NULL, "xtoken=sixteen-letters!"));
	assert_false(access_token_fits(token, NULL, "token=sixteen-letters"));
	assert_false(access_token_fits(token, NULL, "token=sixteen-letters!!"));
	assert_false(access_token_fits(token, NULL, "token=%"));
	assert_false(access_token_fits(token, "Bearer ", "token=x"));
	assert_false(access_token_fits(token, "Basic sixteen-letters!", ""));
}

static void check_key(const char *path, const char *query, const char *key)
{
	struct buf out = BUF_INIT;

	access_key(&out, path, query);
	assert_string_equal(out.data, key);
	buf_fini(&out);
}

static void test_keys(void **state)
{
	(void)state;
	check_key("/f", "", "/f");
	check_key("/f", "a=1&b=2", "/f?a=1&b=2");
	check_key("/f", "token=secret", "/f");
	check_key("/f", "a=1&token=secret&b=2", "/f?a=1&b=2");
	check_key("/f", "token=s&a=1", "/f?a=1");
	check_key("/f%20g", "tokens=1", "/f%20g?tokens=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),  cmocka_unit_test(test_loopback), cmocka_unit_test(test_origins),
		cmocka_unit_test(test_tokens), cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
