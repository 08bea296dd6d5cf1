/* SPDX-License-Identifier: Apache-2.0 */
/* Event-stream messages, byte for byte, against what AWS's own parsers accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/buf.h"
#include "io/event_stream.h"
#include "io/gzip.h"

static void expect_hex(struct buf *b, const char *hex)
{
	char text[1024];

	assert_true(b->len * 2 < sizeof(text));
	for (size_t i = 0; i < b->len; i++) {
		snprintf(text + i * 2, 3, "%02x", (unsigned char)b->data[i]);
	}
	assert_string_equal(text, hex);
	buf_fini(b);
}

static void test_payload_chunk(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	event_stream_chunk(&b, "hello", 5);
	expect_hex(&b,
		   "0000006f0000005af5fe871f0b3a6576656e742d7479706507000c5061796c6f61644368756e6b0d3a636f6e74656e742"
		   "d747970650700186170706c69636174696f6e2f6f637465742d73747265616d0d3a6d6573736167652d74797065070005"
		   "6576656e7468656c6c6f29e71260");
}

static void test_invoke_complete(void **state)
{
	static const char error[] =
		"{\"ErrorCode\":\"Runtime.Unknown\",\"ErrorDetails\":\"boom\",\"LogResult\":\"\"}";
	struct buf b = BUF_INIT;

	(void)state;
	event_stream_complete(&b, "{}", 2);
	expect_hex(&b,
		   "00000066000000541f56c8690b3a6576656e742d7479706507000e496e766f6b65436f6d706c6574650d3a636f6e74656"
		   "e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b"
		   "7d7006d467");
	event_stream_complete(&b, error, strlen(error));
	expect_hex(&b,
		   "000000a80000005449739ed30b3a6576656e742d7479706507000e496e766f6b65436f6d706c6574650d3a636f6e74656"
		   "e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b"
		   "224572726f72436f6465223a2252756e74696d652e556e6b6e6f776e222c224572726f7244657461696c73223a22626f6"
		   "f6d222c224c6f67526573756c74223a22227d34e1234b");
}

static void test_exception(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	event_stream_exception(&b, "ServiceException", "{\"Message\":\"x\"}", 15);
	expect_hex(&b,
		   "0000007d0000005ee8b387e40f3a657863657074696f6e2d7479706507001053657276696365457863657074696f6e0d3"
		   "a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74797065070009"
		   "657863657074696f6e7b224d657373616765223a2278227d7da5f539");
}

/* Messages follow each other in one buffer; the checksums cover each on its own. */
static void test_one_after_the_other(void **state)
{
	struct buf one = BUF_INIT;
	struct buf two = BUF_INIT;

	(void)state;
	event_stream_chunk(&one, "\0\xff", 2);
	event_stream_chunk(&two, "x", 1);
	event_stream_chunk(&two, "\0\xff", 2);
	assert_memory_equal(two.data + two.len - one.len, one.data, one.len);
	buf_fini(&one);
	buf_fini(&two);
}

static void test_checksum(void **state)
{
	(void)state;
	assert_int_equal(gzip_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(gzip_crc32("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payload_chunk), cmocka_unit_test(test_invoke_complete),
		cmocka_unit_test(test_exception),     cmocka_unit_test(test_one_after_the_other),
		cmocka_unit_test(test_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
