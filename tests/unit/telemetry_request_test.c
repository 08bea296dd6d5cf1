/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions: what is taken, and every complaint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "edge/telemetry_request.h"

#define HTTP(uri) "\"destination\":{\"protocol\":\"HTTP\",\"URI\":\"" uri "\"}"
#define TCP(port) "\"destination\":{\"protocol\":\"TCP\",\"port\":" port "}"
#define TYPES "\"types\":[\"platform\"]"
#define SCHEMA "\"schemaVersion\":\"2022-12-13\""
#define GOOD HTTP("http://sandbox.localdomain:8080")

static struct telemetry_want read_good(enum telemetry_api_kind api, const char *body)
{
	struct telemetry_want want;
	char why[512];

	if (telemetry_request_read(api, body, strlen(body), &want, why, sizeof(why)) != 0) {
		fail_msg("%s: %s", body, why);
	}
	assert_string_equal(why, "");
	return want;
}

static void test_defaults(void **state)
{
	struct telemetry_want want = read_good(API_TELEMETRY, "{" SCHEMA "," TYPES "," GOOD "}");

	(void)state;
	assert_int_equal(want.form, FORM_TELEMETRY_JSON);
	assert_int_equal(want.types, TELEMETRY_PLATFORM);
	assert_int_equal(want.max_items, 10000);
	assert_int_equal(want.max_bytes, 262144);
	assert_int_equal(want.timeout_ms, 1000);
	assert_false(want.tcp);
	assert_false(want.put);
	assert_int_equal(want.port, 8080);
	assert_string_equal(want.path, "/");
}

static void test_everything(void **state)
{
	struct telemetry_want want = read_good(
		API_TELEMETRY,
		"{\"schemaVersion\":\"2022-07-01\",\"types\":[\"extension\",\"function\",\"platform\"],\"buffering\":"
		"{"
		"\"maxItems\":1000,\"maxBytes\":1048576,\"timeoutMs\":25},\"destination\":{\"protocol\":\"HTTP\","
		"\"URI\":\"HTTP://Sandbox.localdomain:65535/a/"
		"b%20c?d=e\",\"method\":\"POST\",\"encoding\":\"JSON\"}}");

	(void)state;
	assert_int_equal(want.form, FORM_TELEMETRY_TEXT);
	assert_int_equal(want.types, TELEMETRY_PLATFORM | TELEMETRY_FUNCTION | TELEMETRY_EXTENSION);
	assert_int_equal(want.max_items, 1000);
	assert_int_equal(want.max_bytes, 1048576);
	assert_int_equal(want.timeout_ms, 25);
	assert_int_equal(want.port, 65535);
	assert_string_equal(want.path, "/a/b%20c?d=e");
}

static void test_other_ways(void **state)
{
	struct telemetry_want want;

	(void)state;
	want = read_good(API_TELEMETRY, "{\"schemaVersion\":\"2025-01-29\"," TYPES "," TCP("1") "}");
	assert_true(want.tcp);
	assert_int_equal(want.port, 1);
	assert_int_equal(want.form, FORM_TELEMETRY_JSON);
	want = read_good(API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox:80?x") ",\"buffering\":null}");
	assert_string_equal(want.path, "/?x");
	want = read_good(API_LOGS, "{" TYPES "," GOOD ",\"buffering\":{\"maxItems\":null,\"timeoutMs\":30000}}");
	assert_int_equal(want.form, FORM_LOGS_2020);
	assert_int_equal(want.timeout_ms, 30000);
	want = read_good(API_LOGS,
			 "{\"schemaVersion\":\"2021-03-18\"," TYPES ",\"destination\":{\"protocol\":\"HTTP\","
			 "\"URI\":\"http://sandbox.localdomain:1/\",\"method\":\"PUT\"}}");
	assert_int_equal(want.form, FORM_LOGS_2021);
	assert_true(want.put);
}

static const struct {
	enum telemetry_api_kind api;
	const char *body;
	const char *why;
} bad[] = {
	{ API_TELEMETRY, "", "the body is not JSON" },
	{ API_TELEMETRY, "{", "the body is not JSON" },
	{ API_TELEMETRY, "[]", "the body should be a JSON object" },
	{ API_TELEMETRY, "{}", "schemaVersion is required; destination is required; types should not be empty" },
	{ API_LOGS, "{}", "destination is required; types should not be empty" },
	/* The one that AWS documents. */
	{ API_TELEMETRY, "{" SCHEMA ",\"types\":[]," HTTP("http://sandbox.localdomain") "}",
	  "URI port is not provided; types should not be empty" },
	{ API_TELEMETRY, "{\"schemaVersion\":\"2020-08-15\"," TYPES "," GOOD "}",
	  "schemaVersion 2020-08-15 is not supported, should be one of 2022-07-01, 2022-12-13, 2025-01-29" },
	{ API_LOGS, "{" SCHEMA "," TYPES "," GOOD "}",
	  "schemaVersion 2022-12-13 is not supported, should be one of 2020-08-15, 2021-03-18" },
	{ API_TELEMETRY, "{\"schemaVersion\":20221213," TYPES "," GOOD "}", "schemaVersion should be a string" },
	{ API_TELEMETRY, "{" SCHEMA ",\"types\":\"platform\"," GOOD "}", "types should be an array" },
	{ API_TELEMETRY, "{" SCHEMA ",\"types\":[\"Platform\"]," GOOD "}",
	  "types should be of platform, function, extension, not Platform" },
	{ API_TELEMETRY, "{" SCHEMA ",\"types\":[1]," GOOD "}",
	  "types should be of platform, function, extension, not something that is not a string" },
	{ API_TELEMETRY, "{" SCHEMA ",\"types\":[\"function\",\"function\"]," GOOD "}", "types should be unique" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," GOOD ",\"buffering\":[]}", "buffering should be an object" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," GOOD ",\"buffering\":{\"maxItems\":999}}",
	  "maxItems should be between 1000 and 10000" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," GOOD ",\"buffering\":{\"maxItems\":10001}}",
	  "maxItems should be between 1000 and 10000" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," GOOD ",\"buffering\":{\"maxBytes\":262143,\"timeoutMs\":24}}",
	  "maxBytes should be between 262144 and 1048576; timeoutMs should be between 25 and 30000" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," GOOD ",\"buffering\":{\"maxBytes\":1048577,\"timeoutMs\":30001}}",
	  "maxBytes should be between 262144 and 1048576; timeoutMs should be between 25 and 30000" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," GOOD ",\"buffering\":{\"timeoutMs\":\"100\"}}",
	  "timeoutMs should be between 25 and 30000" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," GOOD ",\"buffering\":{\"timeoutMs\":100.0}}",
	  "timeoutMs should be between 25 and 30000" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES ",\"destination\":\"http://sandbox.localdomain:1\"}",
	  "destination should be an object" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES ",\"destination\":{}}", "protocol is required" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES ",\"destination\":{\"protocol\":1}}", "protocol should be a string" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES ",\"destination\":{\"protocol\":\"HTTPS\"}}",
	  "protocol should be HTTP or TCP" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES ",\"destination\":{\"protocol\":\"HTTP\"}}",
	  "URI is required for protocol HTTP" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES ",\"destination\":{\"protocol\":\"TCP\"}}",
	  "port is required for protocol TCP" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," TCP("0") "}", "port should be between 1 and 65535" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," TCP("65536") "}", "port should be between 1 and 65535" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," TCP("\"80\"") "}", "port should be between 1 and 65535" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," TCP("9001") "}", "port 9001 is reserved" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:9001") "}",
	  "URI port 9001 is reserved" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("https://sandbox.localdomain:1") "}",
	  "URI scheme should be http" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://127.0.0.1:1") "}",
	  "URI host should be sandbox.localdomain" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://user@sandbox.localdomain:1") "}",
	  "URI host should be sandbox.localdomain" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:") "}",
	  "URI port is not provided" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:65536/") "}",
	  "URI port should be between 1 and 65535" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:99999999999999999999/") "}",
	  "URI port should be between 1 and 65535" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:80@evil/") "}",
	  "URI is not valid" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:80/a b") "}", "URI is not valid" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:80/\\r\\nX: y") "}",
	  "URI is not valid" },
	{ API_TELEMETRY, "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:80/#f") "}", "URI is not valid" },
	{ API_TELEMETRY,
	  "{" SCHEMA "," TYPES ",\"destination\":{\"protocol\":\"HTTP\",\"URI\":\"http://sandbox.localdomain:1\","
	  "\"method\":\"PUT\",\"encoding\":\"XML\"}}",
	  "method should be POST; encoding should be JSON" },
	{ API_LOGS,
	  "{" TYPES ",\"destination\":{\"protocol\":\"HTTP\",\"URI\":\"http://sandbox.localdomain:1\","
	  "\"method\":\"GET\"}}",
	  "method should be POST or PUT" },
};

static void test_complaints(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct telemetry_want want;
		char why[512];

		assert_int_equal(
			telemetry_request_read(bad[i].api, bad[i].body, strlen(bad[i].body), &want, why, sizeof(why)),
			-1);
		assert_string_equal(why, bad[i].why);
	}
}

static void test_lengths(void **state)
{
	struct telemetry_want want;
	char body[4096];
	char path[2048];
	char why[40];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[1022] = '\0';
	snprintf(body, sizeof(body), "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:1/%s") "}", path);
	want = read_good(API_TELEMETRY, body);
	assert_int_equal(strlen(want.path), 1023);
	path[1022] = 'a';
	path[1023] = '\0';
	snprintf(body, sizeof(body), "{" SCHEMA "," TYPES "," HTTP("http://sandbox.localdomain:1/%s") "}", path);
	assert_int_equal(telemetry_request_read(API_TELEMETRY, body, strlen(body), &want, why, sizeof(why)), -1);
	assert_string_equal(why, "URI path is too long");
	/* A long list of complaints is cut, not overrun. */
	strcpy(body, "{\"types\":[1,2,3,4,5,6,7,8]}");
	assert_int_equal(telemetry_request_read(API_TELEMETRY, body, strlen(body), &want, why, sizeof(why)), -1);
	assert_int_equal(strlen(why), sizeof(why) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_everything),
		cmocka_unit_test(test_other_ways), cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
