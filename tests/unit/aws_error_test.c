/* SPDX-License-Identifier: Apache-2.0 */
/* What services answer when they refuse, and times in their documents. */
#include "edge/aws_error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/err.h"
#include "edge/aws_credentials.h"
#include "io/json.h"

static void expect(const char *body, const char *header, const char *code, const char *message)
{
	struct aws_error e;

	aws_error_parse(&e, body, strlen(body), header);
	assert_string_equal(e.code, code);
	assert_string_equal(e.message, message);
}

static void test_json(void **state)
{
	(void)state;
	expect("{\"__type\":\"com.amazonaws.sqs#QueueDoesNotExist\",\"message\":\"no queue\"}",
	       "AWS.SimpleQueueService.NonExistentQueue;Sender", "QueueDoesNotExist", "no queue");
	expect("{\"__type\":\"ExpiredToken:http://x/\",\"Message\":\"m\"}", NULL, "ExpiredToken", "m");
	expect("{\"code\":\"C\"}", NULL, "C", "");
	expect("{\"message\":\"m\"}", "UnauthorizedException:http://x", "UnauthorizedException", "m");
	expect("{\"__type\":5,\"message\":[]}", NULL, "", "");
	expect("[]", NULL, "", "");
}

static void test_xml(void **state)
{
	(void)state;
	expect("<?xml version=\"1.0\"?>\n<ErrorResponse "
	       "xmlns=\"x\"><Error><Type>Sender</Type><Code>AccessDenied</Code>\n"
	       "<Message>not &lt;you&gt;</Message></Error><RequestId>1</RequestId></ErrorResponse>",
	       NULL, "AccessDenied", "not <you>");
	expect("  <a><Code>X</Code></a>", NULL, "X", "");
}

static void test_neither(void **state)
{
	(void)state;
	expect("", NULL, "", "");
	expect("Bad Gateway", "Header;Receiver", "Header", "");
	expect("<html>", NULL, "", "");
}

/* The canonical request follows the first line, and the session token stands in it. */
static void test_only_the_first_line_of_a_message(void **state)
{
	(void)state;
	expect("{\"__type\":\"InvalidSignatureException\",\"message\":\"it does not match.\\n\\nThe Canonical String "
	       "should have "
	       "been 'x-amz-security-token:SECRET'\"}",
	       NULL, "InvalidSignatureException", "it does not match.");
	expect("<E><Code>SignatureDoesNotMatch</Code><Message>\nno.\nSECRET</Message></E>", NULL,
	       "SignatureDoesNotMatch", "no.");
}

static void test_long_and_odd_texts_are_cut(void **state)
{
	char body[2000] = "{\"message\":\"";
	struct aws_error e;

	(void)state;
	/* Two bytes each: the cut falls into one of them. */
	for (unsigned i = 0; i < 300; i++) {
		strcat(body, "\xc3\xa9");
	}
	strcat(body, "\\u001b[31m\",\"code\":\"a\\tb\"}");
	aws_error_parse(&e, body, strlen(body), NULL);
	assert_string_equal(e.code, "a b");
	assert_int_equal(strlen(e.message), 254);
	assert_memory_equal(e.message + 252, "\xc3\xa9", 3);
}

static void expect_time(const char *text, int64_t ms)
{
	int64_t got = -1;

	assert_int_equal(aws_credentials_time(text, &got), ms >= 0);
	assert_int_equal(got, ms);
}

static void test_times(void **state)
{
	(void)state;
	expect_time("2015-08-30T12:36:00Z", 1440938160000);
	expect_time("2015-08-30T12:36:00.123456Z", 1440938160000);
	expect_time("2015-08-30T14:36:00+02:00", 1440938160000);
	expect_time("2015-08-30T10:06:00-02:30", 1440938160000);
	expect_time("2015-08-30 12:36:00UTC", 1440938160000);
	expect_time("2015-08-30T12:36:00", -1);
	expect_time("2015-08-30T12:36", -1);
	expect_time("1440938160", -1);
	expect_time("2015-08-30T12:36:00Zx", -1);
	expect_time("2015-08-30T12:36:00+02:00x", -1);
	expect_time("", -1);
}

static struct aws_credentials *from_json(const char *text, struct err *err)
{
	struct json *doc = json_doc_read(text, strlen(text));
	struct aws_credentials *c = aws_credentials_from_json(doc, "Token", "container", err);

	json_doc_wipe(doc);
	return c;
}

static void test_documents(void **state)
{
	struct err err = ERR_INIT;
	struct aws_credentials *c = from_json(
		"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":"
		"\"2015-08-30T12:36:00Z\"}",
		&err);

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->access_key_id, "A");
	assert_string_equal(c->secret, "S");
	assert_string_equal(c->token, "T");
	assert_int_equal(c->expires_ms, 1440938160000);
	aws_credentials_unref(c);
	assert_null(from_json("{\"AccessKeyId\":\"A\",\"Token\":\"T\"}", &err));
	assert_string_equal(err.msg, "container: the secret access key is missing");
	assert_null(from_json("{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\\n\"}", &err));
	assert_non_null(strstr(err.msg, "line break"));
	assert_null(from_json("{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Expiration\":\"soon\"}", &err));
	assert_non_null(strstr(err.msg, "not a time"));
	assert_null(from_json("5", &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_xml),
		cmocka_unit_test(test_neither),
		cmocka_unit_test(test_only_the_first_line_of_a_message),
		cmocka_unit_test(test_long_and_odd_texts_are_cut),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
