/* SPDX-License-Identifier: Apache-2.0 */
/* The shared configuration files, line by line; tests/e2e/test_aws_credentials.py compares whole files with botocore. */
#include "core/aws_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/err.h"

static struct aws_profiles *load(const char *config, const char *credentials)
{
	struct aws_profiles *p = aws_profiles_new();
	struct err err = ERR_INIT;

	assert_int_equal(aws_profiles_add(p, AWS_FILE_CONFIG, config, strlen(config), &err), 0);
	assert_int_equal(aws_profiles_add(p, AWS_FILE_CREDENTIALS, credentials, strlen(credentials), &err), 0);
	return p;
}

static void expect(const struct aws_profiles *p, const char *profile, const char *key, const char *value)
{
	const char *got = aws_profiles_get(p, AWS_PROFILE, profile, key);

	if (value == NULL) {
		assert_null(got);
	} else {
		assert_non_null(got);
		assert_string_equal(got, value);
	}
}

static void test_sections(void **state)
{
	struct aws_profiles *p = load(
		"[default]\na=1\n[profile x]\na=2\n[profile \"y z\"]\na=3\n[x2]\na=4\n[profile]\na=5\n"
		"[profile a b]\na=6\n[ sso-session s ] trailing\na=7\n[services v]\na=8\n[profile 'q]\na=9\n",
		"[profile w]\na=10\n[x3]\na=11");

	(void)state;
	expect(p, "default", "a", "1");
	expect(p, "x", "a", "2");
	expect(p, "y z", "a", "3");
	expect(p, "x2", "a", NULL);
	expect(p, "a b", "a", NULL);
	expect(p, "a", "a", NULL);
	expect(p, "s", "a", NULL);
	expect(p, "profile w", "a", "10");
	expect(p, "w", "a", NULL);
	expect(p, "x3", "a", "11");
	assert_string_equal(aws_profiles_get(p, AWS_SSO_SESSION, "s", "a"), "7");
	assert_string_equal(aws_profiles_get(p, AWS_SERVICES, "v", "a"), "8");
	assert_true(aws_profiles_has(p, AWS_PROFILE, "x3"));
	assert_false(aws_profiles_has(p, AWS_PROFILE, "v"));
	aws_profiles_free(p);
}

/* As in the SDKs, [profile default] hides [default] in a config file, whichever stands first, and all of it. */
static void test_two_defaults(void **state)
{
	static const char *const configs[] = {
		"[default]\na=1\nb=1\n[profile default]\na=2\n[profile x]\na=3",
		"[profile default]\na=2\n[profile x]\na=3\n[default]\na=1\nb=1",
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct aws_profiles *p = load(configs[i], "");

		expect(p, "default", "a", "2");
		expect(p, "default", "b", NULL);
		expect(p, "x", "a", "3");
		aws_profiles_free(p);
	}
}

static void test_values(void **state)
{
	struct aws_profiles *p = load(
		"\xef\xbb\xbf[default]\r\n  a = 1 = 2 : 3 # kept ; kept  \r\nB:x\n\n# no\n;no = 1\nc =\nd=\ne = l1\n"
		"  l2\n   # no\n\n\tl3\nf=\n  # g = 1\n h = 2\n",
		"");

	(void)state;
	/* The first line is indented: what is less so begins anew. */
	expect(p, "default", "a", "1 = 2 : 3 # kept ; kept");
	expect(p, "default", "b", "x");
	expect(p, "default", "C", "");
	expect(p, "default", "d", "");
	expect(p, "default", "e", "l1\nl2\nl3");
	expect(p, "default", "f", "\nh = 2");
	expect(p, "default", "no", NULL);
	aws_profiles_free(p);
}

static void test_credentials_file_goes_first(void **state)
{
	struct aws_profiles *p = load("[profile p]\na=config\nb=config\n", "[p]\na=credentials\n");

	(void)state;
	expect(p, "p", "a", "credentials");
	expect(p, "p", "b", "config");
	assert_string_equal(aws_profiles_get_from(p, AWS_FILE_CONFIG, "p", "a"), "config");
	assert_null(aws_profiles_get_from(p, AWS_FILE_CREDENTIALS, "p", "b"));
	aws_profiles_free(p);
}

static void test_nested(void **state)
{
	struct aws_profiles *p = load(
		"[services s]\nsqs = \n  endpoint_url = http://x/=y\n  other=2\nsts = flat\n  endpoint_url = z\n"
		"empty =\n",
		"");
	char out[32];

	(void)state;
	assert_true(aws_profiles_nested(p, AWS_SERVICES, "s", "sqs", "endpoint_url", out, sizeof(out)));
	assert_string_equal(out, "http://x/=y");
	assert_true(aws_profiles_nested(p, AWS_SERVICES, "s", "SQS", "Other", out, sizeof(out)));
	assert_string_equal(out, "2");
	assert_false(aws_profiles_nested(p, AWS_SERVICES, "s", "sqs", "endpoint", out, sizeof(out)));
	assert_false(aws_profiles_nested(p, AWS_SERVICES, "s", "sts", "endpoint_url", out, sizeof(out)));
	assert_false(aws_profiles_nested(p, AWS_SERVICES, "s", "empty", "x", out, sizeof(out)));
	assert_false(aws_profiles_nested(p, AWS_SERVICES, "s", "none", "x", out, sizeof(out)));
	assert_false(aws_profiles_nested(p, AWS_SERVICES, "s", "sqs", "endpoint_url", out, 4));
	aws_profiles_free(p);
}

static void test_errors_name_the_line_and_no_value(void **state)
{
	static const char *const bad[][2] = {
		{ "a = SECRET", "line 1: expected a [SECTION]" },
		{ "[default]\n\nSECRET", "line 3: expected" },
		{ "[default]\n= SECRET", "line 2: expected" },
		{ "[default\na=1", "line 1: expected [SECTION]" },
		{ "[]\na=1", "line 1: expected [SECTION]" },
		{ "[x]\n[default]\n[x]", "line 3: section [x] stands there twice" },
		{ "[x]\nk=SECRET\nK=SECRET", "line 3: K stands twice in section [x]" },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned i = 0; i < countof(bad); i++) {
		struct aws_profiles *p = aws_profiles_new();

		assert_int_equal(aws_profiles_add(p, AWS_FILE_CREDENTIALS, bad[i][0], strlen(bad[i][0]), &err), -1);
		assert_non_null(strstr(err.msg, bad[i][1]));
		assert_null(strstr(err.msg, "SECRET"));
		aws_profiles_free(p);
	}
}

static void expect_words(const char *line, const char *const *words)
{
	char **got = aws_words_split(line);
	unsigned i = 0;

	if (words == NULL) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	for (; words[i] != NULL; i++) {
		assert_non_null(got[i]);
		assert_string_equal(got[i], words[i]);
	}
	assert_null(got[i]);
	free(got[0]);
	free(got);
}

/* Expected words as Python's shlex.split() gives them. */
static void test_words(void **state)
{
	(void)state;
	expect_words("a b\tc\nd", (const char *[]){ "a", "b", "c", "d", NULL });
	expect_words("  'a b' \"c d\"e '' x", (const char *[]){ "a b", "c de", "", "x", NULL });
	expect_words("a\\ b \"\\\"\\\\\\n\" '\\'", (const char *[]){ "a b", "\"\\\\n", "\\", NULL });
	expect_words("a'b'\"c\"", (const char *[]){ "abc", NULL });
	expect_words("a # b $x `y` *", (const char *[]){ "a", "#", "b", "$x", "`y`", "*", NULL });
	expect_words("''", (const char *[]){ "", NULL });
	expect_words("'a", NULL);
	expect_words("\"a\\\"", NULL);
	expect_words("a\\", NULL);
	expect_words(" \t", NULL);
	expect_words("", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections), cmocka_unit_test(test_two_defaults),
		cmocka_unit_test(test_values),	 cmocka_unit_test(test_credentials_file_goes_first),
		cmocka_unit_test(test_nested),	 cmocka_unit_test(test_errors_name_the_line_and_no_value),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
