/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge's request message: what older proxies write is read, what is written is what they would have written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "core/envelope.h"
#include "core/invocation.h"

#define ARN "arn:aws:lambda:us-east-1:512295225992:function:my-lambda"
#define TRACE "Root=1-66677a6e-1d4d4a5e1d5b1f6b7c8d9e0f;Parent=5a1b2c3d4e5f6071;Sampled=0;Lineage=12ab34cd:0"

/* As a proxy in Rust writes it. */
static const char from_rust[] =
	"{\"event\":{\"b\": "
	"1.0,\"a\":\"\xc3\xa9\\u00e9\"},\"ctx\":{\"request_id\":\"4850539c-6316-4af1-9c47-8771cb3baeb1\","
	"\"deadline\":1718071341165,\"invoked_function_arn\":\"" ARN "\",\"xray_trace_id\":\"" TRACE "\","
	"\"client_context\":{\"client\":{\"installationId\":\"i1\",\"appTitle\":\"t\",\"appVersionName\":\"v\","
	"\"appVersionCode\":\"c\",\"appPackageName\":\"p\"},\"custom\":{\"k\":\"v\xc3\xa9\"},\"environment\":{\"e\":"
	"\"1\"}},"
	"\"identity\":{\"identityId\":\"id\",\"identityPoolId\":\"pool\"},"
	"\"env_config\":{\"function_name\":\"my-lambda\",\"memory\":128,\"version\":\"$LATEST\",\"log_stream\":\"s\","
	"\"log_group\":\"g\"}}}";

static void test_read(void **state)
{
	struct envelope e;
	char why[160];

	(void)state;
	assert_int_equal(envelope_read(from_rust, strlen(from_rust), &e, why, sizeof(why)), 0);
	assert_int_equal(e.event.len, strlen("{\"b\": 1.0,\"a\":\"\xc3\xa9\\u00e9\"}"));
	assert_memory_equal(e.event.ptr, "{\"b\": 1.0,\"a\":\"\xc3\xa9\\u00e9\"}", e.event.len);
	assert_string_equal(e.request_id, "4850539c-6316-4af1-9c47-8771cb3baeb1");
	assert_int_equal(e.deadline_ms, 1718071341165);
	assert_string_equal(e.arn, ARN);
	assert_string_equal(e.trace_id, TRACE);
	assert_string_equal(
		e.client_context,
		"{\"client\":{\"installationId\":\"i1\",\"installation_id\":\"i1\",\"appTitle\":\"t\","
		"\"app_title\":\"t\",\"appVersionName\":\"v\",\"app_version_name\":\"v\",\"appVersionCode\":\"c\","
		"\"app_version_code\":\"c\",\"appPackageName\":\"p\",\"app_package_name\":\"p\"},"
		"\"custom\":{\"k\":\"v\\u00e9\"},\"environment\":{\"e\":\"1\"},\"env\":{\"e\":\"1\"}}");
	assert_string_equal(e.cognito_identity, "{\"cognitoIdentityId\":\"id\",\"cognitoIdentityPoolId\":\"pool\"}");
	assert_null(e.missing);
	envelope_fini(&e);
}

static void test_partial(void **state)
{
	static const struct {
		const char *text;
		const char *missing;
	} rows[] = {
		{ "{\"event\":null}", "ctx" },
		{ "{\"event\":1,\"ctx\":null,\"more\":[]}", "ctx.request_id" },
		{ "{\"ctx\":{\"request_id\":\"\"},\"event\":[]}", "ctx.request_id" },
		{ "{\"ctx\":{\"request_id\":7},\"event\":[]}", "ctx.request_id" },
		{ "{\"ctx\":{\"request_id\":\"x\",\"deadline\":\"7\"},\"event\":[]}", "ctx.deadline" },
		{ "{\"ctx\":{\"request_id\":\"x\",\"deadline\":7,\"new\":{}},\"event\":[]}",
		  "ctx.invoked_function_arn" },
		{ "{\"ctx\":{\"request_id\":\"x\",\"deadline\":7,\"invoked_function_arn\":\"a\\r\\nX: "
		  "y\"},\"event\":[]}",
		  "ctx.invoked_function_arn" },
		{ "{\"ctx\":{\"request_id\":\"x\",\"deadline\":7,\"invoked_function_arn\":\"a\",\"xray_trace_id\":"
		  "null,"
		  "\"identity\":null,\"client_context\":[1]},\"event\":[]}",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct envelope e;
		char why[160];

		assert_int_equal(envelope_read(rows[i].text, strlen(rows[i].text), &e, why, sizeof(why)), 0);
		if (rows[i].missing == NULL) {
			assert_null(e.missing);
		} else {
			assert_string_equal(e.missing, rows[i].missing);
		}
		assert_null(e.trace_id);
		assert_null(e.client_context);
		assert_null(e.cognito_identity);
		envelope_fini(&e);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} rows[] = {
		{ "", "it is not JSON" },
		{ "hello", "it is not JSON" },
		{ "{\"event\":1", "it is not JSON" },
		{ "[1]", "it is not a JSON object" },
		{ "{\"key\":\"value\"}", "no member \"event\"" },
		{ "{\"event\":1,\"ctx\":\"x\"}", "\"ctx\" is not a JSON object" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct envelope e;
		char why[160];

		assert_int_equal(envelope_read(rows[i].text, strlen(rows[i].text), &e, why, sizeof(why)), -1);
		assert_non_null(strstr(why, rows[i].says));
		envelope_fini(&e);
	}
}

static void test_write(void **state)
{
	static const struct envelope_function fn = {
		.name = "my-lambda", .version = "$LATEST", .log_group = "", .log_stream = "", .memory_mb = 128
	};
	struct event *ev = event_new();
	struct buf out = BUF_INIT;

	(void)state;
	strcpy(ev->id, "4850539c-6316-4af1-9c47-8771cb3baeb1");
	ev->body = blob_from_string("{\"z\": 1.50,\"a\":[]}");
	ev->arn = xstrdup(ARN);
	envelope_write(&out, ev, 1718071341165, &fn);
	assert_string_equal(
		out.data,
		"{\"event\":{\"z\": 1.50,\"a\":[]},\"ctx\":{\"request_id\":\"4850539c-6316-4af1-9c47-8771cb3baeb1\","
		"\"deadline\":1718071341165,\"invoked_function_arn\":\"" ARN "\",\"xray_trace_id\":null,"
		"\"client_context\":null,\"identity\":null,\"env_config\":{\"function_name\":\"my-lambda\","
		"\"memory\":128,\"version\":\"$LATEST\",\"log_stream\":\"\",\"log_group\":\"\"}}}");
	buf_clear(&out);
	ev->trace_id = xstrdup(TRACE);
	ev->client_context = xstrdup("{\"client\":{\"installation_id\":\"i\"},\"custom\":{},\"env\":{\"a\":\"b\"}}");
	ev->cognito_identity = xstrdup("{\"cognitoIdentityId\":\"id\",\"cognitoIdentityPoolId\":\"pool\"}");
	envelope_write(&out, ev, 5, &fn);
	assert_non_null(strstr(
		out.data, "\"xray_trace_id\":\"" TRACE "\",\"client_context\":{\"client\":{\"installation_id\":"
			  "\"i\"},\"custom\":{},\"environment\":{\"a\":\"b\"}},\"identity\":{\"identityId\":\"id\","
			  "\"identityPoolId\":\"pool\"},"));
	free(ev->client_context);
	ev->client_context = xstrdup("not JSON");
	buf_clear(&out);
	envelope_write(&out, ev, 5, &fn);
	assert_non_null(strstr(out.data, "\"client_context\":null,"));
	buf_fini(&out);
	event_unref(ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
