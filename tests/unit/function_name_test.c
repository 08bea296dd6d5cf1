/* SPDX-License-Identifier: Apache-2.0 */
/* Function names and ARNs in every form that the Invoke API takes, and many that it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "core/function_name.h"

#define ARN "arn:aws:lambda:us-east-1:012345678912:function:"
#define N64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *text;
	const char *name; /* NULL = refused */
	const char *qualifier;
} rows[] = {
	{ "echo", "echo", "" },
	{ "echo-lambda_2.x", "echo-lambda_2.x", "" },
	{ "echo:PROD", "echo", "PROD" },
	{ "echo:$LATEST", "echo", "$LATEST" },
	{ "function:$LATEST", "function", "$LATEST" },
	{ "012345678912:function:$LATEST", "function", "$LATEST" },
	{ "echo:$LATEST.PUBLISHED", "echo", "$LATEST.PUBLISHED" },
	{ "echo:42", "echo", "42" },
	{ "function:echo", "echo", "" },
	{ "function:echo:PROD", "echo", "PROD" },
	{ "function", "function", "" },
	{ "012345678912:function:echo", "echo", "" },
	{ "012345678912:function:echo:7", "echo", "7" },
	{ "us-east-1:012345678912:function:echo", "echo", "" },
	{ "us-gov-west-1:012345678912:function:echo:a", "echo", "a" },
	{ ARN "echo", "echo", "" },
	{ ARN "echo:$LATEST", "echo", "$LATEST" },
	{ "arn:aws-us-gov:lambda:us-gov-west-1:012345678912:function:echo", "echo", "" },
	{ "arn:aws-cn:lambda:cn-north-1:012345678912:function:echo:1", "echo", "1" },
	{ N64, N64, "" },
	{ N64 "a", NULL, "" },
	{ "", NULL, "" },
	{ ":", NULL, "" },
	{ "echo:", NULL, "" },
	{ ":echo", NULL, "" },
	{ "echo:a:b", NULL, "" },
	{ "echo:$OTHER", NULL, "" },
	{ "ec ho", NULL, "" },
	{ "ec/ho", NULL, "" },
	{ "ech\xc3\xb6", NULL, "" },
	{ "arn:aws:s3:us-east-1:012345678912:function:echo", NULL, "" },
	{ "arn:aws:lambda:us-east-1:01234567891:function:echo", NULL, "" },
	{ "arn:aws:lambda:useast1:012345678912:function:echo", NULL, "" },
	{ "arn:aws:lambda:us-east-1:012345678912:layer:echo", NULL, "" },
	{ "arn:azure:lambda:us-east-1:012345678912:function:echo", NULL, "" },
	{ ARN, NULL, "" },
	{ ARN "echo:a:b", NULL, "" },
	{ "arn:aws:lambda:us-east-1:012345678912:function", NULL, "" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct function_name fn;
		bool ok = function_name_parse(rows[i].text, &fn);

		if (ok != (rows[i].name != NULL)) {
			fail_msg("%s: %s", rows[i].text, ok ? "was taken" : "was refused");
		}
		if (ok) {
			assert_string_equal(fn.name, rows[i].name);
			assert_string_equal(fn.qualifier, rows[i].qualifier);
		}
	}
}

static void test_too_long(void **state)
{
	char text[5000];
	struct function_name fn;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(function_name_parse(text, &fn));
	memset(text, ':', sizeof(text) - 1);
	assert_false(function_name_parse(text, &fn));
}

static void test_partitions(void **state)
{
	(void)state;
	assert_string_equal(function_partition("eu-west-1"), "aws");
	assert_string_equal(function_partition("cn-north-1"), "aws-cn");
	assert_string_equal(function_partition("us-gov-east-1"), "aws-us-gov");
	assert_string_equal(function_partition("us-isob-east-1"), "aws-iso-b");
}

static void test_arns(void **state)
{
	char *plain = function_arn("eu-west-1", "123456789012", "f", "");
	char *alias = function_arn("us-gov-east-1", "123456789012", "f", "live");

	(void)state;
	assert_string_equal(plain, "arn:aws:lambda:eu-west-1:123456789012:function:f");
	assert_string_equal(alias, "arn:aws-us-gov:lambda:us-gov-east-1:123456789012:function:f:live");
	free(plain);
	free(alias);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_partitions),
		cmocka_unit_test(test_arns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
