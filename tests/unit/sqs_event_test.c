/* SPDX-License-Identifier: Apache-2.0 */
/* Records of an SQS trigger, AWS's rules for batchItemFailures, and slowing down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/buf.h"
#include "core/sqs_event.h"
#include "core/sqs_message.h"

#define ARN "arn:aws:sqs:us-east-2:123456789012:my-queue"

static void expect_record(const struct sqs_message *m, const char *expected)
{
	struct buf out = BUF_INIT;

	sqs_event_record(&out, m, ARN, "us-east-2");
	assert_string_equal(out.data, expected);
	buf_fini(&out);
}

static void test_plain_record(void **state)
{
	static const struct sqs_attribute system[] = {
		{ "ApproximateReceiveCount", "String", "1", 1 },
		{ "SentTimestamp", "String", "1545082649183", 13 },
		{ "SenderId", "String", "AIDA", 4 },
		{ "ApproximateFirstReceiveTimestamp", "String", "1545082649185", 13 },
	};
	struct sqs_message m = {
		.id = "059f36b4",
		.receipt = "AQEB/+=",
		.body = blob_static("Test message."),
		.system = system,
		.system_count = countof(system),
		.md5 = "e4e68fb7bd0e697a0ae8f1bb342846b3",
	};

	(void)state;
	expect_record(&m, "{\"messageId\":\"059f36b4\",\"receiptHandle\":\"AQEB/+=\",\"body\":\"Test message.\","
			  "\"attributes\":{\"ApproximateReceiveCount\":\"1\",\"SentTimestamp\":\"1545082649183\","
			  "\"SenderId\":\"AIDA\",\"ApproximateFirstReceiveTimestamp\":\"1545082649185\"},"
			  "\"messageAttributes\":{},\"md5OfBody\":\"e4e68fb7bd0e697a0ae8f1bb342846b3\","
			  "\"eventSource\":\"aws:sqs\",\"eventSourceARN\":\"" ARN "\",\"awsRegion\":\"us-east-2\"}");
	blob_unref(m.body);
}

static void test_record_with_attributes(void **state)
{
	static const struct sqs_attribute attributes[] = {
		{ "text", "String", "v", 1 },
		{ "n", "Number.int", "5", 1 },
		{ "b", "Binary", "\0\1", 2 },
	};
	struct sqs_message m = {
		.id = "i",
		.receipt = "r",
		.body = blob_static("<a href=\"\\\">&\n\r\t\xc3\xa9\x01"),
		.attributes = attributes,
		.attribute_count = countof(attributes),
		.md5 = "m",
		.attributes_md5 = "7a391426b84c46580cbad629a1c90e64",
	};

	(void)state;
	expect_record(&m, "{\"messageId\":\"i\",\"receiptHandle\":\"r\",\"body\":\"<a "
			  "href=\\\"\\\\\\\">&\\n\\r\\t\xc3\xa9\\u0001\","
			  "\"attributes\":{},\"messageAttributes\":{"
			  "\"text\":{\"stringValue\":\"v\",\"stringListValues\":[],\"binaryListValues\":[],"
			  "\"dataType\":\"String\"},"
			  "\"n\":{\"stringValue\":\"5\",\"stringListValues\":[],\"binaryListValues\":[],\"dataType\":"
			  "\"Number.int\"},"
			  "\"b\":{\"binaryValue\":\"AAE=\",\"stringListValues\":[],\"binaryListValues\":[],"
			  "\"dataType\":\"Binary\"}"
			  "},\"md5OfBody\":\"m\",\"md5OfMessageAttributes\":\"7a391426b84c46580cbad629a1c90e64\","
			  "\"eventSource\":\"aws:sqs\",\"eventSourceARN\":\"" ARN "\",\"awsRegion\":\"us-east-2\"}");
	blob_unref(m.body);
}

static void test_region(void **state)
{
	char region[16];

	(void)state;
	sqs_event_region(ARN, region, sizeof(region));
	assert_string_equal(region, "us-east-2");
	sqs_event_region("arn:aws:sqs", region, sizeof(region));
	assert_string_equal(region, "");
	sqs_event_region("", region, sizeof(region));
	assert_string_equal(region, "");
}

/* The batch of the tests below; not in order, as ids come. */
static const char *const ids[] = { "c", "a", "d", "b\xc3\xa9" };

/* expected: the ids' first letters that are to have failed; NULL = refused. */
static void expect_failures(const char *result, const char *expected)
{
	bool failed[countof(ids)];
	char why[160] = "";
	int r = sqs_event_failures(result, strlen(result), ids, countof(ids), failed, why, sizeof(why));

	assert_int_equal(r, expected != NULL ? 0 : -1);
	assert_int_equal(why[0] != '\0', expected == NULL);
	for (size_t i = 0; expected != NULL && i < countof(ids); i++) {
		assert_int_equal(failed[i], strchr(expected, ids[i][0]) != NULL);
	}
}

static void test_whole_success(void **state)
{
	static const char *const results[] = {
		"",
		" \n",
		"null",
		"{}",
		"\"\"",
		"{\"batchItemFailures\":[]}",
		"{\"batchItemFailures\":null}",
		"{\"statusCode\":200}",
	};

	(void)state;
	for (size_t i = 0; i < countof(results); i++) {
		expect_failures(results[i], "");
	}
}

static void test_some_failed(void **state)
{
	(void)state;
	expect_failures("{\"batchItemFailures\":[{\"itemIdentifier\":\"a\"}]}", "a");
	expect_failures(
		"{\"more\":1,\"batchItemFailures\":[{\"itemIdentifier\":\"d\",\"x\":0},{\"itemIdentifier\":\"c\"},"
		"{\"itemIdentifier\":\"d\"}]}",
		"cd");
	expect_failures("{\"batchItemFailures\":[{\"itemIdentifier\":\"b\\u00e9\"}]}", "b");
}

static void test_whole_failure(void **state)
{
	static const char *const results[] = {
		"{",
		"no JSON",
		"[]",
		"3",
		"\"done\"",
		"{\"batchItemFailures\":\"a\"}",
		"{\"batchItemFailures\":{\"itemIdentifier\":\"a\"}}",
		"{\"batchItemFailures\":[\"a\"]}",
		"{\"batchItemFailures\":[{}]}",
		"{\"batchItemFailures\":[{\"id\":\"a\"}]}",
		"{\"batchItemFailures\":[{\"itemIdentifier\":\"\"}]}",
		"{\"batchItemFailures\":[{\"itemIdentifier\":null}]}",
		"{\"batchItemFailures\":[{\"itemIdentifier\":1}]}",
		"{\"batchItemFailures\":[{\"itemIdentifier\":\"a\\u0000\"}]}",
		"{\"batchItemFailures\":[{\"itemIdentifier\":\"a\"},{\"itemIdentifier\":\"unknown\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < countof(results); i++) {
		expect_failures(results[i], NULL);
	}
}

static void test_slowing_down(void **state)
{
	(void)state;
	assert_int_equal(sqs_event_concurrency(8, 0), 8);
	assert_int_equal(sqs_event_concurrency(8, 1), 4);
	assert_int_equal(sqs_event_concurrency(8, 4), 1);
	assert_int_equal(sqs_event_concurrency(1000, 4000000000u), 1);
	assert_int_equal(sqs_event_wait_s(0), 0);
	assert_int_equal(sqs_event_wait_s(1), 0);
	assert_int_equal(sqs_event_wait_s(2), 1);
	assert_int_equal(sqs_event_wait_s(5), 8);
	assert_int_equal(sqs_event_wait_s(4000000000u), 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_record), cmocka_unit_test(test_record_with_attributes),
		cmocka_unit_test(test_region),	     cmocka_unit_test(test_whole_success),
		cmocka_unit_test(test_some_failed),  cmocka_unit_test(test_whole_failure),
		cmocka_unit_test(test_slowing_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
