/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge's rules: every outcome has its fate, waits grow and end, queue URLs of every partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "core/bridge_rules.h"

static void test_fates(void **state)
{
	static const struct bridge_policy plain = { false, 0 }, rerun = { false, 10 }, answer = { true, 0 };
	static const enum bridge_fate rows[OUTCOME_COUNT][3] = {
		/*		       plain, rerun, answer */
		[OUTCOME_RESPONSE] = { BRIDGE_ANSWER, BRIDGE_ANSWER, BRIDGE_ANSWER },
		[OUTCOME_ERROR] = { BRIDGE_HOLD, BRIDGE_RETURN, BRIDGE_ANSWER_ERROR },
		[OUTCOME_INVALID] = { BRIDGE_HOLD, BRIDGE_RETURN, BRIDGE_ANSWER_ERROR },
		[OUTCOME_TOO_LARGE] = { BRIDGE_ANSWER_ERROR, BRIDGE_ANSWER_ERROR, BRIDGE_ANSWER_ERROR },
		[OUTCOME_EXIT] = { BRIDGE_RETURN, BRIDGE_RETURN, BRIDGE_ANSWER_ERROR },
		[OUTCOME_TIMEOUT] = { BRIDGE_RETURN, BRIDGE_RETURN, BRIDGE_ANSWER_ERROR },
		[OUTCOME_INIT_ERROR] = { BRIDGE_RETURN, BRIDGE_RETURN, BRIDGE_ANSWER_ERROR },
		[OUTCOME_THROTTLED] = { BRIDGE_RETURN, BRIDGE_RETURN, BRIDGE_RETURN },
		[OUTCOME_SHUTDOWN] = { BRIDGE_RETURN, BRIDGE_RETURN, BRIDGE_RETURN },
		[OUTCOME_ACCEPTED] = { BRIDGE_RETURN, BRIDGE_RETURN, BRIDGE_RETURN },
		[OUTCOME_NO_FUNCTION] = { BRIDGE_RETURN, BRIDGE_RETURN, BRIDGE_RETURN },
		[OUTCOME_UNAVAILABLE] = { BRIDGE_RETURN, BRIDGE_RETURN, BRIDGE_RETURN },
	};

	(void)state;
	for (unsigned k = 0; k < OUTCOME_COUNT; k++) {
		assert_int_equal(bridge_fate(&plain, (enum outcome_kind)k), rows[k][0]);
		assert_int_equal(bridge_fate(&rerun, (enum outcome_kind)k), rows[k][1]);
		assert_int_equal(bridge_fate(&answer, (enum outcome_kind)k), rows[k][2]);
	}
}

static void test_waits(void **state)
{
	static const struct bridge_policy rerun = { false, 10 };
	unsigned last = 0;

	(void)state;
	assert_int_equal(bridge_return_wait_s(&rerun, OUTCOME_ERROR, 50), 10);
	assert_int_equal(bridge_return_wait_s(&rerun, OUTCOME_EXIT, 0), 0);
	assert_int_equal(bridge_return_wait_s(&rerun, OUTCOME_EXIT, 1), 0);
	assert_int_equal(bridge_return_wait_s(&rerun, OUTCOME_EXIT, 2), 10);
	assert_int_equal(bridge_return_wait_s(&rerun, OUTCOME_EXIT, UINT32_MAX), 60);
	assert_int_equal(bridge_return_wait_s(&rerun, OUTCOME_SHUTDOWN, 9), 0);
	assert_int_equal(bridge_receive_wait_s(1), 5);
	for (unsigned failures = 1; failures < 100; failures++) {
		unsigned wait = bridge_receive_wait_s(failures);

		assert_true(wait >= last && wait <= 60);
		last = wait;
	}
	assert_int_equal(last, 60);
}

static void test_queue_urls(void **state)
{
	static const struct {
		const char *arn;
		const char *url; /* NULL = refused */
	} rows[] = {
		{ "arn:aws:lambda:us-east-1:512295225992:function:my-lambda",
		  "https://sqs.us-east-1.amazonaws.com/512295225992/proxy_lambda_req" },
		{ "arn:aws:lambda:eu-west-3:512295225992:function:my-lambda:PROD",
		  "https://sqs.eu-west-3.amazonaws.com/512295225992/proxy_lambda_req" },
		{ "arn:aws-cn:lambda:cn-north-1:512295225992:function:f:$LATEST",
		  "https://sqs.cn-north-1.amazonaws.com.cn/512295225992/proxy_lambda_req" },
		{ "arn:aws-us-gov:lambda:us-gov-west-1:512295225992:function:f",
		  "https://sqs.us-gov-west-1.amazonaws.com/512295225992/proxy_lambda_req" },
		{ "arn:aws-eusc:lambda:eusc-de-east-1:512295225992:function:f",
		  "https://sqs.eusc-de-east-1.amazonaws.eu/512295225992/proxy_lambda_req" },
		{ "arn:aws:lambda:us-east-1:512295225992:function", NULL },
		{ "arn:aws:sqs:us-east-1:512295225992:function:f", NULL },
		{ "arn:aws:lambda:us-east-1:512295225992:function:f:a:b", NULL },
		{ "arn:aws:lambda:us-east-1:1:function:f", NULL },
		{ "my-lambda", NULL },
		{ "", NULL },
	};
	char url[160];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(bridge_queue_url(rows[i].arn, "proxy_lambda_req", url, sizeof(url)),
				 rows[i].url != NULL);
		if (rows[i].url != NULL) {
			assert_string_equal(url, rows[i].url);
		}
	}
	assert_false(bridge_queue_url(rows[0].arn, "proxy_lambda_req", url, 20));
}

static void test_valid_urls(void **state)
{
	static const char *const good[] = { "https://sqs.us-east-1.amazonaws.com/123456789012/q",
					    "http://127.0.0.1:4566/000000000000/q.fifo",
					    "http://[::1]:9324/queue/q" };
	static const char *const bad[] = {
		"",
		"q",
		"https://",
		"https://host",
		"https://host/",
		"https:///q",
		"ftp://host/q",
		"https://user:secret@host/q",
		"https://host/a b",
		"https://host/q\n",
		"HTTPS://host/q",
	};

	(void)state;
	for (size_t i = 0; i < countof(good); i++) {
		assert_true(bridge_queue_url_is_valid(good[i]));
	}
	for (size_t i = 0; i < countof(bad); i++) {
		assert_false(bridge_queue_url_is_valid(bad[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_urls),
		cmocka_unit_test(test_fates),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_queue_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
