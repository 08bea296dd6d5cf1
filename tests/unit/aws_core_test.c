/* SPDX-License-Identifier: Apache-2.0 */
/* Signature, back-off, clock, refresh, endpoints, XML: what of the AWS client is pure. */
#include "core/aws_sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/aws_endpoint.h"
#include "core/aws_refresh.h"
#include "core/aws_retry.h"
#include "core/aws_xml.h"

#define MINUTE ((int64_t)60 * 1000)

/* --- signature --- */

static const char receive_body[] = "{\"QueueUrl\":\"https://sqs.us-east-1.amazonaws.com/123456789012/q\","
				   "\"MaxNumberOfMessages\":10,\"WaitTimeSeconds\":20}";

/* AWS's example key pair and time, a request of ours; the signature is from another implementation. */
static struct aws_sign_args example(void)
{
	return (struct aws_sign_args){
		.access_key_id = "AKIDEXAMPLE",
		.secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		.token = "TOKEN",
		.region = "us-east-1",
		.service = "sqs",
		.host = "sqs.us-east-1.amazonaws.com",
		.path = "/",
		.content_type = "application/x-amz-json-1.0",
		.target = "AmazonSQS.ReceiveMessage",
		.body = receive_body,
		.body_len = sizeof(receive_body) - 1,
		.time_ms = 1440938160000 + 999,
	};
}

static void test_known_signature(void **state)
{
	struct aws_sign_args args = example();
	struct buf out = BUF_INIT;
	char date[AWS_DATE_LEN];

	(void)state;
	aws_sign(&args, date, &out);
	assert_string_equal(date, "20150830T123600Z");
	assert_string_equal(out.data, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request, "
				      "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
				      "Signature=2611c210a55acb1f3773e96e8b5bd7411f75db384dc4a91a679d2894853815ba");
	buf_fini(&out);
}

static void test_every_part_changes_the_signature(void **state)
{
	struct aws_sign_args variants[12];
	char seen[countof(variants)][65];
	char date[AWS_DATE_LEN];

	(void)state;
	for (unsigned i = 0; i < countof(variants); i++) {
		variants[i] = example();
	}
	variants[1].access_key_id = "OTHER"; /* is not part of what is signed */
	variants[2].secret = "x";
	variants[3].token = NULL;
	variants[4].region = "us-east-2";
	variants[5].service = "sts";
	variants[6].host = "localhost:1";
	variants[7].path = "/a";
	variants[8].content_type = "x";
	variants[9].target = NULL;
	variants[10].body_len--;
	variants[11].time_ms += 1000;
	for (unsigned i = 0; i < countof(variants); i++) {
		struct buf out = BUF_INIT;

		aws_sign(&variants[i], date, &out);
		memcpy(seen[i], out.data + out.len - 64, 65);
		buf_fini(&out);
	}
	assert_string_equal(seen[0], seen[1]);
	for (unsigned i = 2; i < countof(variants); i++) {
		for (unsigned k = 0; k < i; k++) {
			assert_true(k == 0 && i == 1 ? true : strcmp(seen[i], seen[k]) != 0);
		}
	}
}

/* --- retries --- */

static void test_remedies(void **state)
{
	(void)state;
	assert_int_equal(aws_retry_remedy(400, "QueueDoesNotExist"), AWS_GIVE_UP);
	assert_int_equal(aws_retry_remedy(403, "AccessDeniedException"), AWS_GIVE_UP);
	assert_int_equal(aws_retry_remedy(403, ""), AWS_GIVE_UP);
	assert_int_equal(aws_retry_remedy(400, "RequestThrottled"), AWS_SLOW_DOWN);
	assert_int_equal(aws_retry_remedy(503, "SlowDown"), AWS_SLOW_DOWN);
	assert_int_equal(aws_retry_remedy(429, ""), AWS_SLOW_DOWN);
	assert_int_equal(aws_retry_remedy(500, ""), AWS_TRY_AGAIN);
	assert_int_equal(aws_retry_remedy(400, "RequestTimeout"), AWS_TRY_AGAIN);
	assert_int_equal(aws_retry_remedy(403, "RequestTimeTooSkewed"), AWS_SET_CLOCK);
	assert_int_equal(aws_retry_remedy(400, "ExpiredToken"), AWS_NEW_CREDENTIALS);
}

static void test_backoff_doubles_within_bounds(void **state)
{
	const int64_t bounds[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 20000, 20000 };

	(void)state;
	for (unsigned i = 0; i < countof(bounds); i++) {
		int64_t bound_us = bounds[i] * 1000;

		assert_int_equal(aws_retry_delay_us(i + 1, false, 0), 0);
		assert_int_equal(aws_retry_delay_us(i + 1, false, (uint64_t)bound_us), bound_us);
		assert_int_equal(aws_retry_delay_us(i + 1, false, (uint64_t)bound_us + 1), 0);
		assert_int_equal(aws_retry_delay_us(i + 1, false, 12345), 12345);
	}
	assert_int_equal(aws_retry_delay_us(1, true, 500000), 500000);
	assert_int_equal(aws_retry_delay_us(1000000, true, 20000000), 20000000);
	assert_true(aws_retry_delay_us(5, true, UINT64_MAX) <= 8000000);
}

static void test_clock(void **state)
{
	int64_t offset = 0;

	(void)state;
	assert_false(aws_retry_clock(1000 * MINUTE, 0, &offset));
	assert_false(aws_retry_clock(1000 * MINUTE, 1003 * MINUTE, &offset));
	assert_int_equal(offset, 0);
	assert_true(aws_retry_clock(1000 * MINUTE, 1060 * MINUTE, &offset));
	assert_int_equal(offset, 60 * MINUTE);
	/* With that we were right: a refusal has another reason. */
	assert_false(aws_retry_clock(1001 * MINUTE, 1061 * MINUTE, &offset));
	/* The local clock has been set meanwhile. */
	assert_true(aws_retry_clock(1062 * MINUTE, 1062 * MINUTE, &offset));
	assert_int_equal(offset, 0);
	assert_true(aws_retry_clock(1000 * MINUTE, 900 * MINUTE, &offset));
	assert_int_equal(offset, -100 * MINUTE);
}

/* --- refresh --- */

static void test_refresh_of_an_hour(void **state)
{
	const int64_t end = 60 * MINUTE;

	(void)state;
	assert_int_equal(aws_refresh_state(0, 0, 1000 * MINUTE), AWS_FRESH);
	assert_int_equal(aws_refresh_state(0, end, 0), AWS_FRESH);
	assert_int_equal(aws_refresh_state(0, end, 45 * MINUTE - 1), AWS_FRESH);
	assert_int_equal(aws_refresh_state(0, end, 45 * MINUTE), AWS_AGEING);
	/* an eighth of an hour is less than 10 minutes */
	assert_int_equal(aws_refresh_state(0, end, end - 60 * MINUTE / 8), AWS_STALE);
	assert_int_equal(aws_refresh_state(0, end, end - 1), AWS_STALE);
	assert_int_equal(aws_refresh_state(0, end, end), AWS_EXPIRED);
}

static void test_refresh_of_six_hours_and_of_a_quarter(void **state)
{
	(void)state;
	assert_int_equal(aws_refresh_state(0, 360 * MINUTE, 345 * MINUTE - 1), AWS_FRESH);
	assert_int_equal(aws_refresh_state(0, 360 * MINUTE, 345 * MINUTE), AWS_AGEING);
	assert_int_equal(aws_refresh_state(0, 360 * MINUTE, 350 * MINUTE - 1), AWS_AGEING);
	assert_int_equal(aws_refresh_state(0, 360 * MINUTE, 350 * MINUTE), AWS_STALE);
	assert_int_equal(aws_refresh_state(0, 15 * MINUTE, 0), AWS_FRESH);
	assert_int_equal(aws_refresh_state(0, 15 * MINUTE, 11 * MINUTE), AWS_FRESH);
	assert_int_equal(aws_refresh_state(0, 15 * MINUTE, 12 * MINUTE), AWS_AGEING);
	assert_int_equal(aws_refresh_state(0, 15 * MINUTE, 14 * MINUTE), AWS_STALE);
	/* Expired when they came, or the clock was set. */
	assert_int_equal(aws_refresh_state(15 * MINUTE, 10 * MINUTE, 15 * MINUTE), AWS_EXPIRED);
}

static void test_refresh_backoff(void **state)
{
	(void)state;
	assert_int_equal(aws_refresh_backoff_us(1), 1000000);
	assert_int_equal(aws_refresh_backoff_us(3), 4000000);
	assert_int_equal(aws_refresh_backoff_us(100), 60000000);
}

/* --- endpoints --- */

static void expect_endpoint(const char *service, const char *region, const char *url)
{
	struct buf out = BUF_INIT;

	aws_endpoint_default(&out, service, region);
	assert_string_equal(out.data, url);
	buf_fini(&out);
}

static void test_default_endpoints(void **state)
{
	(void)state;
	expect_endpoint("sqs", "eu-west-1", "https://sqs.eu-west-1.amazonaws.com");
	expect_endpoint("sts", "us-gov-west-1", "https://sts.us-gov-west-1.amazonaws.com");
	expect_endpoint("sqs", "cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn");
	expect_endpoint("sqs", "us-iso-east-1", "https://sqs.us-iso-east-1.c2s.ic.gov");
	expect_endpoint("sqs", "us-isob-east-1", "https://sqs.us-isob-east-1.sc2s.sgov.gov");
	expect_endpoint("sqs", "eusc-de-east-1", "https://sqs.eusc-de-east-1.amazonaws.eu");
}

static void test_regions(void **state)
{
	(void)state;
	assert_true(aws_region_is_valid("eu-central-1"));
	assert_false(aws_region_is_valid(""));
	assert_false(aws_region_is_valid("-x"));
	assert_false(aws_region_is_valid("a.b"));
	assert_false(aws_region_is_valid("a/b"));
	assert_false(aws_region_is_valid("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void test_region_of_a_queue(void **state)
{
	char region[AWS_REGION_LEN];

	(void)state;
	assert_true(aws_endpoint_queue_region("https://sqs.ap-south-1.amazonaws.com/1/q", region));
	assert_string_equal(region, "ap-south-1");
	assert_true(aws_endpoint_queue_region("https://eu-west-1.queue.amazonaws.com/1/q", region));
	assert_string_equal(region, "eu-west-1");
	assert_true(aws_endpoint_queue_region("https://queue.amazonaws.com/1/q", region));
	assert_string_equal(region, "us-east-1");
	assert_true(aws_endpoint_queue_region("https://sqs.cn-north-1.amazonaws.com.cn/1/q", region));
	assert_false(aws_endpoint_queue_region("https://sqs.cn-north-1.amazonaws.com/1/q", region));
	assert_false(aws_endpoint_queue_region("http://sqs.us-east-1.localhost:4566/1/q", region));
	assert_false(aws_endpoint_queue_region("https://sqs.us-east-1.amazonaws.com.evil.example/1/q", region));
	assert_false(aws_endpoint_queue_region("auto", region));
}

static void expect_url(const char *text, bool tls, const char *host, const char *path)
{
	struct err err = ERR_INIT;
	struct aws_url url;

	assert_int_equal(aws_url_parse(text, &url, &err), 0);
	assert_int_equal(url.tls, tls);
	assert_string_equal(url.host, host);
	assert_string_equal(url.path, path);
}

static void test_urls(void **state)
{
	static const char *const bad[] = { "",
					   "localhost",
					   "ftp://x",
					   "http://",
					   "http:///x",
					   "http://a b",
					   "http://u@h",
					   "http://h:",
					   "http://h:0",
					   "http://h:65536",
					   "http://h:1:2",
					   "http://:80",
					   "http://h/?q",
					   "http://h#f",
					   "http://h/\r\nX: y",
					   "http://h:8 0/x",
					   "https://h\r\n/",
					   "HTTP//x" };

	(void)state;
	expect_url("http://h", false, "h", "");
	expect_url("https://h:443/", true, "h", "/");
	expect_url("http://h:80/a/b", false, "h", "/a/b");
	expect_url("http://h:443", false, "h:443", "");
	expect_url("HTTPS://H.example:8443/x%20y", true, "H.example:8443", "/x%20y");
	expect_url("http://[::1]:5000/", false, "[::1]:5000", "/");
	expect_url("http://[::1]", false, "[::1]", "");
	for (unsigned i = 0; i < countof(bad); i++) {
		struct err err = ERR_INIT;
		struct aws_url url;

		assert_int_equal(aws_url_parse(bad[i], &url, &err), -1);
		assert_non_null(strstr(err.msg, "expected"));
	}
}

static void expect_link_local(const char *text, bool expected)
{
	struct err err = ERR_INIT;
	struct aws_url url;

	assert_int_equal(aws_url_parse(text, &url, &err), 0);
	assert_int_equal(aws_endpoint_is_link_local(&url), expected);
}

static void test_hosts_for_credentials(void **state)
{
	(void)state;
	expect_link_local("http://127.0.0.1:1234/x", true);
	expect_link_local("http://127.8.9.1", true);
	expect_link_local("http://localhost:1", true);
	expect_link_local("http://169.254.170.2/x", true);
	expect_link_local("http://169.254.170.23/v1/credentials", true);
	expect_link_local("http://[fd00:ec2::23]/x", true);
	expect_link_local("http://[::1]:80/x", true);
	expect_link_local("http://127.0.0.1.example/x", false);
	expect_link_local("http://169.254.170.2.example/x", false);
	expect_link_local("http://169.254.169.254/x", false);
	expect_link_local("http://10.0.0.1/x", false);
}

/* --- XML --- */

static void expect_text(const char *xml, const char *element, const char *text)
{
	struct buf out = BUF_INIT;

	assert_int_equal(aws_xml_text(xml, strlen(xml), element, &out), text != NULL);
	if (text != NULL) {
		assert_string_equal(out.data != NULL ? out.data : "", text);
	} else {
		assert_int_equal(out.len, 0);
	}
	buf_fini(&out);
}

static void test_xml(void **state)
{
	(void)state;
	expect_text("<a><Code>X</Code></a>", "Code", "X");
	expect_text("<CodeX>1</CodeX><Code a=\"b\">2</Code>", "Code", "2");
	expect_text("<c>&lt;&amp;&quot;&apos;&gt;&#65;&#x20AC;&#128512;&nope;&</c>", "c",
		    "<&\"'>A\xe2\x82\xac\xf0\x9f\x98\x80&nope;&");
	expect_text("<c></c>", "c", "");
	expect_text("<c>x", "c", NULL);
	expect_text("<c><d>x</d></c>", "c", NULL);
	expect_text("<c>x</d>", "c", NULL);
	expect_text("<c/>", "c", NULL);
	expect_text("c>x</c>", "c", NULL);
	expect_text("", "c", NULL);
	expect_text("<c>&#xD800;&#0;</c>", "c", "&#xD800;&#0;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_signature),
		cmocka_unit_test(test_every_part_changes_the_signature),
		cmocka_unit_test(test_remedies),
		cmocka_unit_test(test_backoff_doubles_within_bounds),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_refresh_of_an_hour),
		cmocka_unit_test(test_refresh_of_six_hours_and_of_a_quarter),
		cmocka_unit_test(test_refresh_backoff),
		cmocka_unit_test(test_default_endpoints),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_region_of_a_queue),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_hosts_for_credentials),
		cmocka_unit_test(test_xml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
