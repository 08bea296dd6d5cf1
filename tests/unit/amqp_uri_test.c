/* SPDX-License-Identifier: Apache-2.0 */
/* AMQP URIs: what is taken, what is refused, and that no refusal shows a password. */
#include "io/amqp_uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void same(const char *a, const char *b)
{
	if (b == NULL) {
		assert_null(a);
	} else {
		assert_non_null(a);
		assert_string_equal(a, b);
	}
}

static void test_good(void **state)
{
	static const struct {
		const char *text;
		bool tls;
		const char *user, *password, *host;
		unsigned port;
		const char *vhost;
	} rows[] = {
		{ "amqp://localhost", false, NULL, NULL, "localhost", 5672, "/" },
		{ "amqps://localhost", true, NULL, NULL, "localhost", 5671, "/" },
		{ "amqp://u:p@h:1/v", false, "u", "p", "h", 1, "v" },
		{ "amqp://u@h:/", false, "u", NULL, "h", 5672, "/" },
		{ "amqp://u:@h/%2F", false, "u", "", "h", 5672, "/" },
		{ "amqp://us%20er:p%40ss%3a@h/a%2fb?heartbeat=1", false, "us er", "p@ss:", "h", 5672, "a/b" },
		{ "amqp://u:p@ss@h", false, "u", "p@ss", "h", 5672, "/" },
		{ "amqp://[::1]:5673/x", false, NULL, NULL, "::1", 5673, "x" },
		{ "amqp://[::1]", false, NULL, NULL, "::1", 5672, "/" },
		{ "amqp://h?", false, NULL, NULL, "h", 5672, "/" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct amqp_uri uri;
		struct err err = ERR_INIT;

		assert_int_equal(amqp_uri_parse(rows[i].text, &uri, &err), 0);
		assert_int_equal(uri.tls, rows[i].tls);
		same(uri.user, rows[i].user);
		same(uri.password, rows[i].password);
		same(uri.host, rows[i].host);
		assert_int_equal(uri.port, rows[i].port);
		same(uri.vhost, rows[i].vhost);
		assert_int_equal(uri.connection_attempts, 1);
		assert_int_equal(uri.retry_delay_us, 2000000);
		assert_true(uri.verify);
		amqp_uri_fini(&uri);
	}
}

static void test_query(void **state)
{
	struct amqp_uri uri;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(amqp_uri_parse("amqp://h/?connection_attempts=20&retry_delay=0.5&heartbeat=0", &uri, &err),
			 0);
	assert_int_equal(uri.connection_attempts, 20);
	assert_int_equal(uri.retry_delay_us, 500000);
	assert_int_equal(uri.heartbeat_s, 0);
	amqp_uri_fini(&uri);
	assert_int_equal(amqp_uri_parse("amqp://h?connection_attempts=3.0&&heartbeat=1.5&heartbeat=2", &uri, &err),
			 0);
	assert_int_equal(uri.connection_attempts, 3);
	assert_int_equal(uri.heartbeat_s, 2);
	amqp_uri_fini(&uri);
	assert_int_equal(
		amqp_uri_parse("amqps://h?cacertfile=/a%20b&certfile=c&keyfile=k&verify=verify_none&x=y", &uri, &err),
		0);
	same(uri.cacertfile, "/a b");
	same(uri.certfile, "c");
	same(uri.keyfile, "k");
	assert_false(uri.verify);
	amqp_uri_fini(&uri);
}

static void test_bad(void **state)
{
	static const char *const rows[] = {
		"",
		"localhost",
		"http://u:secret@h",
		"AMQP:/h",
		"amqp://",
		"amqp://:5672",
		"amqp://u:secret@",
		"amqp://u:secret@h:0",
		"amqp://u:secret@h:65536",
		"amqp://u:secret@h:x",
		"amqp://u:secret@h:-1",
		"amqp://u:secret%4@h",
		"amqp://u%zz:secret@h",
		"amqp://u:secret@h%",
		"amqp://u:secret@h/a/b",
		"amqp://u:secret@h/%",
		"amqp://u:secret@h#f",
		"amqp://u:secret@[::1",
		"amqp://u:secret@[]",
		"amqp://u:secret@[::1]x",
		"amqp://u:secret@h?heartbeat",
		"amqp://u:secret@h?heartbeat=-1",
		"amqp://u:secret@h?heartbeat=70000",
		"amqp://u:secret@h?connection_attempts=0",
		"amqp://u:secret@h?connection_attempts=1.5",
		"amqp://u:secret@h?retry_delay=soon",
		"amqp://u:secret@h?x=%0",
		"amqps://u:secret@h?verify=maybe",
		"amqps://u:secret@h?certfile=a",
		"amqps://u:secret@h?cacertfile=",
		"amqp://u:secret@h?cacertfile=a",
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct amqp_uri uri;
		struct err err = ERR_INIT;

		if (amqp_uri_parse(rows[i], &uri, &err) == 0) {
			fail_msg("taken: %s", rows[i]);
		}
		assert_int_equal(err.code, 2);
		assert_true(strlen(err.msg) > 10);
		assert_null(strstr(err.msg, "secret"));
		amqp_uri_fini(&uri);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
