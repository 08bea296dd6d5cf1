/* SPDX-License-Identifier: Apache-2.0 */
/* Invocation records, attributes of dead letters, and the notation of destinations. */
#include "core/async_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "core/async_target.h"
#include "core/invocation.h"

#define ARN "arn:aws:lambda:us-east-2:123456789012:function:my-function"
#define ID "e4b46cbf-b738-44e6-b40b-3d7ab0ac31d7"

static struct event *make_event(const char *arn, const char *body)
{
	struct event *ev = event_new();

	strcpy(ev->id, ID);
	ev->arn = xstrdup(arn);
	ev->body = blob_from_string(body);
	return ev;
}

static void check(const struct async_result *r, const char *expected)
{
	struct buf out = BUF_INIT;

	async_record_write(&out, r);
	assert_string_equal(out.data, expected);
	buf_fini(&out);
}

static void test_failure(void **state)
{
	struct event *ev = make_event(ARN, " {\"ORDER_IDS\": [1]} ");
	struct blob *response = blob_static("{\"errorMessage\":\"x\"}");
	const struct async_result r = {
		.event = ev,
		.version = "$LATEST",
		.condition = ASYNC_RETRIES_EXHAUSTED,
		.attempts = 3,
		.ran = true,
		.function_error = true,
		.response = response,
		.wall_ms = 1573755365568,
	};

	(void)state;
	check(&r, "{\"version\":\"1.0\",\"timestamp\":\"2019-11-14T18:16:05.568Z\",\"requestContext\":{"
		  "\"requestId\":\"" ID "\",\"functionArn\":\"" ARN ":$LATEST\",\"condition\":\"RetriesExhausted\","
		  "\"approximateInvokeCount\":3},\"requestPayload\":{\"ORDER_IDS\": [1]},\"responseContext\":{"
		  "\"statusCode\":200,\"executedVersion\":\"$LATEST\",\"functionError\":\"Unhandled\"},"
		  "\"responsePayload\":{\"errorMessage\":\"x\"}}");
	event_unref(ev);
	blob_unref(response);
}

/* Region and version come from the environment. */
static void test_arn_is_a_json_string(void **state)
{
	struct event *ev = make_event("arn:aws:lambda:a\"b:1:function:f", "1");
	const struct async_result r = { .event = ev, .version = "\\", .condition = ASYNC_AGE_EXCEEDED };

	(void)state;
	check(&r, "{\"version\":\"1.0\",\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"requestContext\":{"
		  "\"requestId\":\"" ID "\",\"functionArn\":\"arn:aws:lambda:a\\\"b:1:function:f:\\\\\","
		  "\"condition\":\"EventAgeExceeded\",\"approximateInvokeCount\":0},\"requestPayload\":1}");
	event_unref(ev);
}

static void test_success_with_text(void **state)
{
	struct event *ev = make_event(ARN ":PROD", "not \"json\"");
	struct blob *response = blob_static("");
	const struct async_result r = {
		.event = ev,
		.version = "7",
		.condition = ASYNC_SUCCESS,
		.attempts = 1,
		.ran = true,
		.response = response,
	};

	(void)state;
	check(&r, "{\"version\":\"1.0\",\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"requestContext\":{"
		  "\"requestId\":\"" ID "\",\"functionArn\":\"" ARN ":PROD\",\"condition\":\"Success\","
		  "\"approximateInvokeCount\":1},\"requestPayload\":\"not \\\"json\\\"\",\"responseContext\":{"
		  "\"statusCode\":200,\"executedVersion\":\"7\"},\"responsePayload\":\"\"}");
	event_unref(ev);
	blob_unref(response);
}

static void test_never_run(void **state)
{
	struct event *ev = make_event(ARN, "1");
	const struct async_result r = { .event = ev, .version = "$LATEST", .condition = ASYNC_AGE_EXCEEDED };
	struct buf text = BUF_INIT;

	(void)state;
	check(&r, "{\"version\":\"1.0\",\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"requestContext\":{"
		  "\"requestId\":\"" ID "\",\"functionArn\":\"" ARN ":$LATEST\",\"condition\":\"EventAgeExceeded\","
		  "\"approximateInvokeCount\":0},\"requestPayload\":1}");
	assert_int_equal(async_record_error_code(&r), 429);
	async_record_error_message(&text, &r);
	assert_string_equal(text.data, "The event was too old before it could be run");
	buf_fini(&text);
	event_unref(ev);
}

/* It failed before a restart, or with a document that nobody keeps for so long. */
static void test_response_not_kept(void **state)
{
	const struct async_result r = { .condition = ASYNC_AGE_EXCEEDED, .ran = true, .function_error = true };
	struct buf text = BUF_INIT;

	(void)state;
	assert_int_equal(async_record_error_code(&r), 200);
	async_record_error_message(&text, &r);
	assert_string_equal(text.data, "The error of the last attempt was not kept");
	buf_fini(&text);
}

static void check_message(const char *response, const char *expected, size_t len)
{
	struct blob *body = blob_from_string(response);
	const struct async_result r = { .ran = true, .function_error = true, .response = body };
	struct buf text = BUF_INIT;

	assert_int_equal(async_record_error_code(&r), 200);
	async_record_error_message(&text, &r);
	assert_int_equal(text.len, len);
	assert_string_equal(text.data != NULL ? text.data : "", expected);
	buf_fini(&text);
	blob_unref(body);
}

static void test_error_message(void **state)
{
	char large[3000];
	char document[3100];

	(void)state;
	check_message("{\"errorType\":\"E\",\"errorMessage\":\"went wrong\"}", "went wrong", 10);
	check_message("{\"errorMessage\":1}", "{\"errorMessage\":1}", 18);
	check_message("plain", "plain", 5);
	check_message("", "", 0);
	/* What SQS would refuse. */
	check_message("{\"errorMessage\":\"a\\u0001\\tb\"}", "a \tb", 4);
	check_message("bad \xff", "bad \xef\xbf\xbd", 7);
	/* 1 KB, and no character cut in two: of these every one has three bytes. */
	for (unsigned i = 0; i < 2997; i += 3) {
		memcpy(large + i, "\xe2\x82\xac", 3);
	}
	large[2997] = '\0';
	strcpy(document, "{\"errorMessage\":\"");
	strcat(document, large);
	strcat(document, "\"}");
	large[1023] = '\0';
	check_message(document, large, 1023);
	document[17 + 2997] = '\0';
	check_message(document + 17, large, 1023);
}

static void test_targets(void **state)
{
	struct async_target t;

	(void)state;
	assert_true(async_target_parse("https://sqs.eu-west-1.amazonaws.com/123456789012/q", &t));
	assert_int_equal(t.kind, ASYNC_TO_SQS);
	assert_true(async_target_parse("arn:aws:sqs:eu-west-1:123456789012:my-queue_1.fifo", &t));
	assert_int_equal(t.kind, ASYNC_TO_SQS_ARN);
	assert_string_equal(t.text, "my-queue_1.fifo");
	assert_string_equal(t.region, "eu-west-1");
	assert_string_equal(t.account, "123456789012");
	assert_string_equal(t.domain, "amazonaws.com");
	assert_true(async_target_parse("arn:aws-cn:sqs:cn-north-1:123456789012:q", &t));
	assert_string_equal(t.domain, "amazonaws.com.cn");
	assert_true(async_target_parse("http://localhost:9000/2015-03-31/functions/other/invocations", &t));
	assert_int_equal(t.kind, ASYNC_TO_FUNCTION);
	assert_true(async_target_parse("amqp:failures", &t));
	assert_int_equal(t.kind, ASYNC_TO_AMQP);
	assert_string_equal(t.text, "failures");
	assert_true(async_target_parse("file:/var/log/failures.ndjson", &t));
	assert_int_equal(t.kind, ASYNC_TO_FILE);
	assert_string_equal(t.text, "/var/log/failures.ndjson");
	assert_true(async_target_parse("file:///tmp/x", &t));
	assert_string_equal(t.text, "/tmp/x");
	assert_true(async_target_parse("file:x", &t));
}

static void test_bad_targets(void **state)
{
	static const char *const bad[] = {
		"",
		"queue",
		"amqp:",
		"amqp://user:password@host/q",
		"file:",
		"http://",
		"http://host",
		"https://user@host/q",
		"https://host/a b",
		"arn:aws:sns:eu-west-1:123456789012:topic",
		"arn:aws:sqs:eu-west-1:12345678901:q",
		"arn:aws:sqs:eu-west-1:123456789012:",
		"arn:aws:sqs:eu-west-1:123456789012:a/b",
		"arn:aws:sqs:eu-west-1:123456789012:q.fifo2",
		"arn:aws:sqs::123456789012:q",
		"arn:aws:lambda:us-east-1:123456789012:function:f",
	};
	struct async_target t;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (async_target_parse(bad[i], &t)) {
			fail_msg("%s was taken", bad[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure),		  cmocka_unit_test(test_arn_is_a_json_string),
		cmocka_unit_test(test_success_with_text), cmocka_unit_test(test_never_run),
		cmocka_unit_test(test_error_message),	  cmocka_unit_test(test_response_not_kept),
		cmocka_unit_test(test_error_message),	  cmocka_unit_test(test_targets),
		cmocka_unit_test(test_bad_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
