/* SPDX-License-Identifier: Apache-2.0 */
/* Results of functions as HTTP responses: AWS's examples, then what goes wrong; preludes in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/url_response.h"

/* "name: value|" for each header. */
static void list_headers(const struct url_response *r, struct buf *out)
{
	for (size_t i = 0; i < r->headers.count; i++) {
		buf_printf(out, "%s: %s|", r->headers.items[i].name, r->headers.items[i].value);
	}
}

static void check_headers(const struct url_response *r, const char *expected)
{
	struct buf text = BUF_INIT;

	list_headers(r, &text);
	assert_string_equal(text.data != NULL ? text.data : "", expected);
	buf_fini(&text);
}

struct row {
	enum url_payload payload;
	const char *result;
	int status; /* 0 = refused */
	const char *headers;
	const char *body; /* NULL = none; refused: part of the reason */
};

#define DEFAULT "Content-Type: application/json|"

static const struct row rows[] = {
	/* Developer guide, "Response payload format" */
	{ URL_PAYLOAD_2_0, "\"Hello, world!\"", 200, DEFAULT, "Hello, world!" },
	{ URL_PAYLOAD_2_0, "{\"message\": \"Hello, world!\"}", 200, DEFAULT, "{\"message\": \"Hello, world!\"}" },
	{ URL_PAYLOAD_2_0,
	  "{\"statusCode\": 201, \"headers\": {\"Content-Type\": \"application/json\", \"My-Custom-Header\": "
	  "\"Custom Value\"}, \"body\": \"{\\\"message\\\":\\\"Hello, world!\\\"}\", \"cookies\": "
	  "[\"Cookie_1=Value1; "
	  "Expires=21 Oct 2021 07:48 GMT\", \"Cookie_2=Value2; Max-Age=78000\"], \"isBase64Encoded\": false}",
	  201,
	  "Content-Type: application/json|My-Custom-Header: Custom Value|Set-Cookie: Cookie_1=Value1; Expires=21 Oct "
	  "2021 "
	  "07:48 GMT|Set-Cookie: Cookie_2=Value2; Max-Age=78000|",
	  "{\"message\":\"Hello, world!\"}" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":\"418\",\"body\":\"i'm a teapot\"}", 418, DEFAULT, "i'm a teapot" },
	{ URL_PAYLOAD_2_0, "[\"hello\", 3, true]", 200, DEFAULT, "[\"hello\", 3, true]" },
	{ URL_PAYLOAD_2_0, "3.1", 200, DEFAULT, "3.1" },
	{ URL_PAYLOAD_2_0, "null", 200, DEFAULT, "null" },
	{ URL_PAYLOAD_2_0, "{\"body\":\"x\"}", 200, DEFAULT, "{\"body\":\"x\"}" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":204}", 204, DEFAULT, NULL },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"body\":null,\"headers\":null,\"cookies\":null}", 200, DEFAULT,
	  NULL },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"body\":{\"a\":1}}", 200, DEFAULT, "{\"a\":1}" },
	{ URL_PAYLOAD_2_0,
	  "{\"statusCode\":200,\"headers\":{\"content-type\":\"image/"
	  "gif\"},\"body\":\"R0lG\",\"isBase64Encoded\":true}",
	  200, "content-type: image/gif|", "GIF" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"body\":\"\",\"isBase64Encoded\":true}", 200, DEFAULT, "" },
	{ URL_PAYLOAD_2_0,
	  "{\"statusCode\":200,\"headers\":{\"X-N\":7,\"X-B\":true,\"X-0\":null,\"Content-Length\":\"9\","
	  "\"connection\":"
	  "\"close\",\"Date\":\"x\"}}",
	  200, "X-N: 7|X-B: true|" DEFAULT, NULL },
	/* Format 2.0 knows no lists. */
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"multiValueHeaders\":{\"A\":[\"1\"]}}", 200, DEFAULT, NULL },
	{ URL_PAYLOAD_2_0, "", 0, NULL, "expected JSON" },
	{ URL_PAYLOAD_2_0, "hello", 0, NULL, "expected JSON" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":99}", 0, NULL, "statusCode 99: expected" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":100}", 0, NULL, "statusCode" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":600}", 0, NULL, "statusCode" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":\"ok\"}", 0, NULL, "statusCode" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200.5}", 0, NULL, "statusCode" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":[]}", 0, NULL, "statusCode" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"headers\":[]}", 0, NULL, "headers: expected an object" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"headers\":{\"a b\":\"\"}}", 0, NULL, "names of letters" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"headers\":{\"\":\"\"}}", 0, NULL, "names of letters" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"headers\":{\"a\":[\"1\"]}}", 0, NULL,
	  "header a: expected a string" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"headers\":{\"a\":\"\\u0000\"}}", 0, NULL, "without NUL" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"cookies\":\"a=b\"}", 0, NULL, "cookies: expected a list" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"cookies\":[{}]}", 0, NULL, "Set-Cookie: expected a string" },
	{ URL_PAYLOAD_2_0, "{\"statusCode\":200,\"body\":\"!\",\"isBase64Encoded\":true}", 0, NULL, "not base64" },
	/* API Gateway developer guide, "Output format of a Lambda function for proxy integration" */
	{ URL_PAYLOAD_1_0,
	  "{\"isBase64Encoded\":false,\"statusCode\":200,\"headers\":{\"a\":\"1\",\"set-cookie\":\"x\"},"
	  "\"multiValueHeaders\":{\"Set-Cookie\":[\"k=1\",\"k=2\"]},\"body\":\"{}\"}",
	  200, "a: 1|Set-Cookie: k=1|Set-Cookie: k=2|" DEFAULT, "{}" },
	{ URL_PAYLOAD_1_0, "{}", 200, DEFAULT, NULL },
	{ URL_PAYLOAD_1_0, "{\"message\":1}", 0, NULL, "member \"message\": expected" },
	{ URL_PAYLOAD_1_0, "\"x\"", 0, NULL, "expected an object" },
	{ URL_PAYLOAD_1_0, "{\"statusCode\":200,\"body\":{}}", 0, NULL, "body: expected a string" },
	{ URL_PAYLOAD_1_0, "{\"multiValueHeaders\":{\"a\":\"1\"}}", 0, NULL, "expected a list" },
	{ URL_PAYLOAD_1_0, "{\"multiValueHeaders\":[]}", 0, NULL, "multiValueHeaders: expected" },
	/* "Using an Application Load Balancer" */
	{ URL_PAYLOAD_ALB,
	  "{\"isBase64Encoded\":false,\"statusCode\":200,\"statusDescription\":\"200 "
	  "OK\",\"headers\":{\"Content-Type\":"
	  "\"application/json\"},\"body\":\"Hello from Lambda (optional)\"}",
	  200, "Content-Type: application/json|", "Hello from Lambda (optional)" },
	{ URL_PAYLOAD_ALB_MULTI,
	  "{\"statusCode\":200,\"multiValueHeaders\":{\"Set-cookie\":[\"a=b\",\"c=d\"]},\"x\":1}", 200,
	  "Set-cookie: a=b|Set-cookie: c=d|", NULL },
	{ URL_PAYLOAD_ALB, "{\"body\":\"x\"}", 0, NULL, "statusCode is missing" },
};

static void test_results(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct row *row = &rows[i];
		struct blob *result = blob_from_string(row->result);
		struct url_response r;
		struct err err = ERR_INIT;
		int ok = url_response_read(row->payload, result, &r, &err);

		if (row->status == 0) {
			assert_int_equal(ok, -1);
			assert_non_null(strstr(err.msg, row->body));
		} else {
			assert_string_equal(err.msg, "");
			assert_int_equal(ok, 0);
			assert_int_equal(r.status, row->status);
			check_headers(&r, row->headers);
			assert_int_equal(r.body != NULL, row->body != NULL);
			assert_string_equal(r.body != NULL ? r.body->data : "", row->body != NULL ? row->body : "");
		}
		url_response_fini(&r);
		blob_unref(result);
	}
}

static void test_nul_in_body(void **state)
{
	struct blob *result = blob_from_string("{\"statusCode\":200,\"body\":\"a\\u0000b\"}");
	struct url_response r;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(url_response_read(URL_PAYLOAD_2_0, result, &r, &err), 0);
	assert_int_equal(r.body->len, 3);
	assert_memory_equal(r.body->data, "a\0b", 3);
	url_response_fini(&r);
	blob_unref(result);
}

static void test_too_many_headers(void **state)
{
	struct buf text = BUF_INIT;
	struct blob *result;
	struct url_response r;
	struct err err = ERR_INIT;

	(void)state;
	buf_puts(&text, "{\"statusCode\":200,\"headers\":{\"A\":\"");
	for (size_t i = 0; i < URL_HEADERS_MAX; i++) {
		buf_putc(&text, 'x');
	}
	buf_puts(&text, "\"}}");
	result = buf_to_blob(&text);
	assert_int_equal(url_response_read(URL_PAYLOAD_2_0, result, &r, &err), -1);
	assert_non_null(strstr(err.msg, "headers: more than"));
	url_response_fini(&r);
	blob_unref(result);
}

static void test_prelude(void **state)
{
	static const char json[] =
		"{\"statusCode\":206,\"headers\":{\"X-A\":\"1\"},\"multiValueHeaders\":{\"X-M\":[\"2\","
		"\"3\"]},\"cookies\":[\"c=d\"]}";
	struct url_response r;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(url_response_read_prelude(json, strlen(json), "text/html", &r, &err), 0);
	assert_int_equal(r.status, 206);
	check_headers(&r, "X-A: 1|X-M: 2|X-M: 3|Set-Cookie: c=d|Content-Type: text/html|");
	assert_null(r.body);
	url_response_fini(&r);
	assert_int_equal(url_response_read_prelude("{}", 2, NULL, &r, &err), 0);
	assert_int_equal(r.status, 200);
	check_headers(&r, "");
	url_response_fini(&r);
	assert_int_equal(url_response_read_prelude("[]", 2, NULL, &r, &err), -1);
	url_response_fini(&r);
	assert_int_equal(url_response_read_prelude("", 0, NULL, &r, &err), -1);
	url_response_fini(&r);
}

/* Cut at every place: the same comes out. */
static void test_prelude_in_pieces(void **state)
{
	static const char stream[] = "{\"statusCode\":200}\0\0\0\0\0\0\0\0body\0more";
	static const size_t body_at = 18 + 8;

	(void)state;
	for (size_t cut = 0; cut <= body_at; cut++) {
		struct url_prelude p;
		size_t used, more = 0;
		enum url_prelude_state s;

		url_prelude_init(&p);
		s = url_prelude_feed(&p, stream, cut, &used);
		assert_int_equal(s, cut == body_at ? URL_PRELUDE_DONE : URL_PRELUDE_MORE);
		assert_int_equal(used, cut);
		if (s == URL_PRELUDE_MORE) {
			s = url_prelude_feed(&p, stream + cut, sizeof(stream) - 1 - cut, &more);
		}
		assert_int_equal(s, URL_PRELUDE_DONE);
		assert_int_equal(used + more, body_at);
		assert_string_equal(p.json.data, "{\"statusCode\":200}");
		url_prelude_fini(&p);
	}
}

static void test_bad_preludes(void **state)
{
	static const char few[] = "{}\0\0\0\0\0\0\0x";
	static char long_one[100000];
	struct url_prelude p;
	size_t used;

	(void)state;
	url_prelude_init(&p);
	assert_int_equal(url_prelude_feed(&p, few, sizeof(few) - 1, &used), URL_PRELUDE_BAD);
	url_prelude_fini(&p);
	memset(long_one, ' ', sizeof(long_one));
	url_prelude_init(&p);
	assert_int_equal(url_prelude_feed(&p, long_one, sizeof(long_one), &used), URL_PRELUDE_BAD);
	url_prelude_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),		  cmocka_unit_test(test_nul_in_body),
		cmocka_unit_test(test_too_many_headers),  cmocka_unit_test(test_prelude),
		cmocka_unit_test(test_prelude_in_pieces), cmocka_unit_test(test_bad_preludes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
