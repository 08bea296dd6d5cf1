/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests as events, in the shapes of AWS's documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/buf.h"
#include "base/json_scan.h"
#include "core/url_event.h"

/* The request behind the example of payload format 2.0. */
static const struct url_field documented[] = {
	{ "Host", "abc.lambda-url.us-west-2.on.aws" },
	{ "Header1", "value1" },
	{ "Header2", "value1" },
	{ "header2", "value2" },
	{ "Cookie", "cookie1=a;cookie2=b; cookie3=c" },
	{ "User-Agent", "agent" },
	{ "Content-Type", "text/plain; charset=utf-8" },
	{ "Connection", "keep-alive" },
};

static const struct url_request request = {
	.method = "POST",
	.path = "/my/path%20x",
	.query = "parameter1=value1&parameter1=value2&parameter2=a%26b+c&bare",
	.headers = documented,
	.header_count = countof(documented),
	.body = "Hello from client!",
	.body_len = 18,
	.source_ip = "123.123.123.123",
	.port = 9000,
	.request_id = "8f507cfc-0000-4000-8000-0123456789ab",
	.trace_id = "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
	.function = "my-function",
	.account_id = "123456789012",
	.region = "us-west-2",
	.now_ms = 1583348638390,
};

static void check(enum url_payload payload, const struct url_request *req, const char *expected)
{
	struct buf out = BUF_INIT;
	struct json_slice root;

	url_event_write(payload, req, &out);
	assert_string_equal(out.data, expected);
	assert_true(json_scan_text(out.data, out.len, &root));
	buf_fini(&out);
}

static void test_2_0(void **state)
{
	(void)state;
	check(URL_PAYLOAD_2_0, &request,
	      "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/my/path%20x\","
	      "\"rawQueryString\":\"parameter1=value1\\u0026parameter1=value2\\u0026parameter2=a%26b+c\\u0026bare\","
	      "\"cookies\":[\"cookie1=a\",\"cookie2=b\",\"cookie3=c\"],"
	      "\"headers\":{\"host\":\"abc.lambda-url.us-west-2.on.aws\",\"header1\":\"value1\","
	      "\"header2\":\"value1,value2\",\"user-agent\":\"agent\",\"content-type\":\"text/plain; charset=utf-8\","
	      "\"x-forwarded-for\":\"123.123.123.123\",\"x-forwarded-proto\":\"http\",\"x-forwarded-port\":\"9000\","
	      "\"x-amzn-trace-id\":\"Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e\"},"
	      "\"queryStringParameters\":{\"parameter1\":\"value1,value2\",\"parameter2\":\"a\\u0026b "
	      "c\",\"bare\":\"\"},"
	      "\"requestContext\":{\"accountId\":\"anonymous\",\"apiId\":\"abc\","
	      "\"domainName\":\"abc.lambda-url.us-west-2.on.aws\",\"domainPrefix\":\"abc\","
	      "\"http\":{\"method\":\"POST\",\"path\":\"/my/path%20x\",\"protocol\":\"HTTP/1.1\","
	      "\"sourceIp\":\"123.123.123.123\",\"userAgent\":\"agent\"},"
	      "\"requestId\":\"8f507cfc-0000-4000-8000-0123456789ab\",\"routeKey\":\"$default\",\"stage\":\"$"
	      "default\","
	      "\"time\":\"04/Mar/2020:19:03:58 +0000\",\"timeEpoch\":1583348638390},"
	      "\"body\":\"Hello from client!\",\"isBase64Encoded\":false}");
}

static void test_2_0_least(void **state)
{
	static const struct url_field host[] = { { "Host", "[::1]:9000" } };
	struct url_request req = request;

	(void)state;
	req.method = "GET";
	req.path = "/";
	req.query = "";
	req.headers = host;
	req.header_count = 1;
	req.body = "";
	req.body_len = 0;
	check(URL_PAYLOAD_2_0, &req,
	      "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/\",\"rawQueryString\":\"\","
	      "\"headers\":{\"host\":\"[::1]:9000\",\"x-forwarded-for\":\"123.123.123.123\","
	      "\"x-forwarded-proto\":\"http\",\"x-forwarded-port\":\"9000\","
	      "\"x-amzn-trace-id\":\"Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e\"},"
	      "\"requestContext\":{\"accountId\":\"anonymous\",\"apiId\":\"[::1]\",\"domainName\":\"[::1]\","
	      "\"domainPrefix\":\"[::1]\",\"http\":{\"method\":\"GET\",\"path\":\"/\",\"protocol\":\"HTTP/1.1\","
	      "\"sourceIp\":\"123.123.123.123\",\"userAgent\":\"\"},"
	      "\"requestId\":\"8f507cfc-0000-4000-8000-0123456789ab\",\"routeKey\":\"$default\",\"stage\":\"$"
	      "default\","
	      "\"time\":\"04/Mar/2020:19:03:58 +0000\",\"timeEpoch\":1583348638390},\"isBase64Encoded\":false}");
}

static void test_1_0(void **state)
{
	struct url_request req = request;

	(void)state;
	req.headers = documented + 1;
	req.header_count = 3;
	req.path = "/my/path";
	req.query = "p=1&p=2";
	check(URL_PAYLOAD_1_0, &req,
	      "{\"version\":\"1.0\",\"resource\":\"/{proxy+}\",\"path\":\"/my/path\",\"httpMethod\":\"POST\","
	      "\"headers\":{\"Header1\":\"value1\",\"Header2\":\"value2\",\"X-Forwarded-For\":\"123.123.123.123\","
	      "\"X-Forwarded-Proto\":\"http\",\"X-Forwarded-Port\":\"9000\","
	      "\"X-Amzn-Trace-Id\":\"Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e\"},"
	      "\"multiValueHeaders\":{\"Header1\":[\"value1\"],\"Header2\":[\"value1\",\"value2\"],"
	      "\"X-Forwarded-For\":[\"123.123.123.123\"],\"X-Forwarded-Proto\":[\"http\"],"
	      "\"X-Forwarded-Port\":[\"9000\"],\"X-Amzn-Trace-Id\":[\"Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e\"]},"
	      "\"queryStringParameters\":{\"p\":\"2\"},\"multiValueQueryStringParameters\":{\"p\":[\"1\",\"2\"]},"
	      "\"requestContext\":{\"accountId\":\"123456789012\",\"apiId\":\"localhost\","
	      "\"domainName\":\"localhost\",\"domainPrefix\":\"localhost\","
	      "\"extendedRequestId\":\"8f507cfc-0000-4000-8000-0123456789ab\",\"httpMethod\":\"POST\","
	      "\"identity\":{\"accessKey\":null,\"accountId\":null,\"apiKey\":null,\"caller\":null,"
	      "\"cognitoAuthenticationProvider\":null,\"cognitoAuthenticationType\":null,\"cognitoIdentityId\":null,"
	      "\"cognitoIdentityPoolId\":null,\"principalOrgId\":null,\"user\":null,\"userArn\":null,"
	      "\"sourceIp\":\"123.123.123.123\",\"userAgent\":null},\"path\":\"/my/path\",\"protocol\":\"HTTP/1.1\","
	      "\"requestId\":\"8f507cfc-0000-4000-8000-0123456789ab\","
	      "\"requestTime\":\"04/Mar/2020:19:03:58 +0000\",\"requestTimeEpoch\":1583348638390,"
	      "\"resourceId\":null,\"resourcePath\":\"/{proxy+}\",\"stage\":\"$default\"},"
	      "\"pathParameters\":{\"proxy\":\"my/path\"},\"stageVariables\":null,"
	      "\"body\":\"Hello from client!\",\"isBase64Encoded\":false}");
}

static void test_alb(void **state)
{
	struct url_request req = request;

	(void)state;
	req.method = "GET";
	req.path = "/lambda";
	req.query = "query=1234%20ABCD&query=2";
	req.headers = documented + 1;
	req.header_count = 3;
	req.body_len = 0;
	check(URL_PAYLOAD_ALB, &req,
	      "{\"requestContext\":{\"elb\":{\"targetGroupArn\":\"arn:aws:elasticloadbalancing:us-west-2:"
	      "123456789012:"
	      "targetgroup/my-function/0123456789abcdef\"}},\"httpMethod\":\"GET\",\"path\":\"/lambda\","
	      "\"queryStringParameters\":{\"query\":\"2\"},"
	      "\"headers\":{\"header1\":\"value1\",\"header2\":\"value2\",\"x-forwarded-for\":\"123.123.123.123\","
	      "\"x-forwarded-proto\":\"http\",\"x-forwarded-port\":\"9000\","
	      "\"x-amzn-trace-id\":\"Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e\"},"
	      "\"body\":\"\",\"isBase64Encoded\":false}");
	req.header_count = 0;
	req.query = "query=1234%20ABCD&query=2";
	check(URL_PAYLOAD_ALB_MULTI, &req,
	      "{\"requestContext\":{\"elb\":{\"targetGroupArn\":\"arn:aws:elasticloadbalancing:us-west-2:"
	      "123456789012:"
	      "targetgroup/my-function/0123456789abcdef\"}},\"httpMethod\":\"GET\",\"path\":\"/lambda\","
	      "\"multiValueQueryStringParameters\":{\"query\":[\"1234%20ABCD\",\"2\"]},"
	      "\"multiValueHeaders\":{\"x-forwarded-for\":[\"123.123.123.123\"],\"x-forwarded-proto\":[\"http\"],"
	      "\"x-forwarded-port\":[\"9000\"],\"x-amzn-trace-id\":[\"Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e\"]},"
	      "\"body\":\"\",\"isBase64Encoded\":false}");
}

/* Value of a member of the event's headers. */
static void check_header(const struct url_request *req, const char *name, const char *expected)
{
	struct buf out = BUF_INIT, value = BUF_INIT;
	struct json_slice root, found;

	url_event_write(URL_PAYLOAD_2_0, req, &out);
	assert_true(json_scan_text(out.data, out.len, &root));
	found = json_scan_member(json_scan_member(root, "headers"), name);
	if (expected == NULL) {
		assert_null(found.ptr);
	} else {
		assert_true(json_slice_string(found, &value));
		assert_string_equal(value.data, expected);
	}
	buf_fini(&value);
	buf_fini(&out);
}

static void test_behind_a_proxy(void **state)
{
	static const struct url_field headers[] = {
		{ "X-Forwarded-For", "10.0.0.1" }, { "X-Forwarded-Proto", "https" },   { "X-Forwarded-Port", "443" },
		{ "X-Amzn-Trace-Id", "made-up" },  { "Transfer-Encoding", "chunked" },
	};
	struct url_request req = request;

	(void)state;
	req.headers = headers;
	req.header_count = countof(headers);
	check_header(&req, "x-forwarded-for", "10.0.0.1, 123.123.123.123");
	check_header(&req, "x-forwarded-proto", "https");
	check_header(&req, "x-forwarded-port", "443");
	check_header(&req, "x-amzn-trace-id", request.trace_id);
	check_header(&req, "transfer-encoding", NULL);
}

/* Each proxy may have added a line of its own. */
static void test_behind_several_proxies(void **state)
{
	static const struct url_field headers[] = {
		{ "X-Forwarded-For", "" },
		{ "X-Forwarded-For", "10.0.0.1, 10.0.0.2" },
		{ "x-forwarded-for", "10.0.0.3" },
		{ "X-Forwarded-For", "" },
	};
	struct url_request req = request;

	(void)state;
	req.headers = headers;
	req.header_count = 1;
	check_header(&req, "x-forwarded-for", "123.123.123.123");
	req.header_count = countof(headers);
	check_header(&req, "x-forwarded-for", "10.0.0.1, 10.0.0.2, 10.0.0.3, 123.123.123.123");
}

/* Are bodies of this type text? */
static void test_body(void **state)
{
	static const struct {
		enum url_payload payload;
		const char *type;
		const char *coding;
		const char *body;
		const char *expected;
	} rows[] = {
		{ URL_PAYLOAD_2_0, "text/html", NULL, "<p>",
		  "\"body\":\"\\u003cp\\u003e\",\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_2_0, "Application/JSON;x=y", NULL, "{}", "\"body\":\"{}\",\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_2_0, "application/vnd.api+json", NULL, "{}",
		  "\"body\":\"{}\",\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_2_0, "application/javascript", NULL, "1", "\"body\":\"1\",\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_2_0, "application/xml", NULL, "1", "\"body\":\"1\",\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_2_0, "application/x-www-form-urlencoded", NULL, "a=1",
		  "\"body\":\"YT0x\",\"isBase64Encoded\":true}" },
		{ URL_PAYLOAD_2_0, NULL, NULL, "a=1", "\"body\":\"YT0x\",\"isBase64Encoded\":true}" },
		{ URL_PAYLOAD_2_0, "text/plain", "gzip", "a=1", "\"body\":\"YT0x\",\"isBase64Encoded\":true}" },
		{ URL_PAYLOAD_2_0, "text/plain", "identity", "a=1", "\"body\":\"a=1\",\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_2_0, "text/plain", NULL, "\xff", "\"body\":\"/w==\",\"isBase64Encoded\":true}" },
		{ URL_PAYLOAD_2_0, "image/png", NULL, "", "\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_1_0, "application/x-www-form-urlencoded", NULL, "a=1",
		  "\"body\":\"a=1\",\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_1_0, "image/png", NULL, "\x89PNG", "\"body\":\"iVBORw==\",\"isBase64Encoded\":true}" },
		{ URL_PAYLOAD_1_0, NULL, NULL, "", "\"body\":null,\"isBase64Encoded\":false}" },
		{ URL_PAYLOAD_ALB, "application/x-www-form-urlencoded", NULL, "a=1",
		  "\"body\":\"YT0x\",\"isBase64Encoded\":true}" },
		{ URL_PAYLOAD_ALB, "text/plain", NULL, "a=1", "\"body\":\"a=1\",\"isBase64Encoded\":false}" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct url_field headers[2];
		struct url_request req = request;
		struct buf out = BUF_INIT;

		req.headers = headers;
		req.header_count = 0;
		if (rows[i].type != NULL) {
			headers[req.header_count++] = (struct url_field){ "content-type", rows[i].type };
		}
		if (rows[i].coding != NULL) {
			headers[req.header_count++] = (struct url_field){ "content-encoding", rows[i].coding };
		}
		req.body = rows[i].body;
		req.body_len = strlen(rows[i].body);
		url_event_write(rows[i].payload, &req, &out);
		assert_true(out.len > strlen(rows[i].expected));
		assert_string_equal(out.data + out.len - strlen(rows[i].expected), rows[i].expected);
		buf_fini(&out);
	}
}

static void test_odd_queries(void **state)
{
	static const struct {
		const char *query;
		const char *parameters; /* NULL = none */
	} rows[] = {
		{ "", NULL },
		{ "&&", NULL },
		{ "=", "{\"\":\"\"}" },
		{ "a=b=c", "{\"a\":\"b=c\"}" },
		{ "a=%zz&b=%00", "{\"a\":\"%zz\",\"b\":\"%00\"}" },
		{ "a[]=1&a[]=2&A[]=3", "{\"a[]\":\"1,2\",\"A[]\":\"3\"}" },
		{ "b=1&a=1&b=2&c&a=2&b=3&b", "{\"b\":\"1,2,3,\",\"a\":\"1,2\",\"c\":\"\"}" },
		{ "n=%C3%A9", "{\"n\":\"\xc3\xa9\"}" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct url_request req = request;
		struct buf out = BUF_INIT;
		struct json_slice root, found;

		req.query = rows[i].query;
		url_event_write(URL_PAYLOAD_2_0, &req, &out);
		assert_true(json_scan_text(out.data, out.len, &root));
		found = json_scan_member(root, "queryStringParameters");
		assert_int_equal(found.ptr != NULL, rows[i].parameters != NULL);
		if (found.ptr != NULL) {
			assert_int_equal(found.len, strlen(rows[i].parameters));
			assert_memory_equal(found.ptr, rows[i].parameters, found.len);
		}
		buf_fini(&out);
	}
}

static void test_names(void **state)
{
	enum url_payload p;

	(void)state;
	for (unsigned i = 0; i < URL_PAYLOAD_COUNT; i++) {
		assert_true(url_payload_parse(url_payload_name((enum url_payload)i), &p));
		assert_int_equal(p, i);
	}
	assert_false(url_payload_parse("2", &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_2_0),
		cmocka_unit_test(test_2_0_least),
		cmocka_unit_test(test_1_0),
		cmocka_unit_test(test_alb),
		cmocka_unit_test(test_behind_a_proxy),
		cmocka_unit_test(test_behind_several_proxies),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_odd_queries),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
