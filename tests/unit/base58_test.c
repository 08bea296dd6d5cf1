/* SPDX-License-Identifier: Apache-2.0 */
/* Base58: known answers, sizes around every boundary against the schoolbook way, refusals, speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/base58.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

static void test_known_answers(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *text;
	} rows[] = {
		{ "", 0, "" },
		{ "\0", 1, "1" },
		{ "\0\0\1", 3, "112" },
		{ "\x39", 1, "z" },
		{ "\x3a", 1, "21" },
		{ "\x04\x30\x5e\x2b\x24\x73\xf0\x58", 8, "he11owor1d" },
		{ "Hello World!", 12, "2NEpo7TZRRrLZSi2U" },
		{ "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff\xab\x56\xca\x56\xb2\x52\x2a\x53\xaa\x05\x00\x7e\x08\xa9"
		  "\xd4\x09\x00\x00\x00",
		  29, "2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoPd" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct buf text = BUF_INIT;
		struct buf bytes = BUF_INIT;

		assert_true(base58_encode(&text, rows[i].bytes, rows[i].len));
		assert_int_equal(text.len, strlen(rows[i].text));
		assert_string_equal(text.len > 0 ? text.data : "", rows[i].text);
		assert_true(base58_decode(&bytes, rows[i].text, strlen(rows[i].text)));
		assert_int_equal(bytes.len, rows[i].len);
		assert_memory_equal(bytes.len > 0 ? bytes.data : "", rows[i].bytes, rows[i].len);
		buf_fini(&text);
		buf_fini(&bytes);
	}
}

/* Digit by digit, as the definition says. Returns owned text. */
static char *schoolbook(const unsigned char *data, size_t len)
{
	static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
	unsigned char *digits = xcalloc(1, len * 2 + 1);
	char *text = xcalloc(1, len * 2 + 2);
	size_t count = 0, out = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned carry = data[i];

		for (size_t k = 0; k < count || carry > 0; k++) {
			carry += k < count ? digits[k] * 256u : 0;
			digits[k] = (unsigned char)(carry % 58);
			carry /= 58;
			count = k + 1 > count ? k + 1 : count;
		}
	}
	while (out < len && data[out] == 0) {
		text[out++] = '1';
	}
	while (count > 0) {
		text[out++] = alphabet[digits[--count]];
	}
	free(digits);
	return text;
}

static void check_one(const unsigned char *data, size_t len)
{
	struct buf text = BUF_INIT;
	struct buf bytes = BUF_INIT;
	char *expected = schoolbook(data, len);

	assert_true(base58_encode(&text, data, len));
	assert_string_equal(text.len > 0 ? text.data : "", expected);
	assert_true(base58_decode(&bytes, expected, strlen(expected)));
	assert_int_equal(bytes.len, len);
	assert_memory_equal(bytes.len > 0 ? bytes.data : (const char *)data, data, len);
	free(expected);
	buf_fini(&text);
	buf_fini(&bytes);
}

static void test_sizes(void **state)
{
	static const size_t lengths[] = { 1,   2,   3,	  5,	16,   100,  511,  512,	513,  748,
					  749, 750, 1497, 1498, 1499, 2246, 2247, 2248, 5000, 6000 };
	unsigned char *data = xmalloc(6000);

	(void)state;
	for (size_t i = 0; i < countof(lengths); i++) {
		memset(data, 0xff, lengths[i]);
		check_one(data, lengths[i]);
		memset(data, 0, lengths[i]);
		check_one(data, lengths[i]);
		data[0] = 1;
		check_one(data, lengths[i]);
		for (size_t k = 0; k < lengths[i]; k++) {
			data[k] = (unsigned char)(k * 167 + i * 31 + k / 7);
		}
		check_one(data, lengths[i]);
		memset(data, 0, lengths[i] / 3);
		check_one(data, lengths[i]);
	}
	free(data);
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "0", "O", "I", "l", "abc ", "a+b", "2S47\n", "\xc3\xa9", "a\"b" };
	struct buf out = BUF_INIT;
	char *large = xcalloc(1, BASE58_MAX_TEXT + 1);

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		assert_false(base58_decode(&out, bad[i], strlen(bad[i])));
	}
	assert_false(base58_encode(&out, large, BASE58_MAX_BYTES + 1));
	memset(large, 'z', BASE58_MAX_TEXT + 1);
	assert_false(base58_decode(&out, large, BASE58_MAX_TEXT + 1));
	assert_int_equal(out.len, 0);
	buf_init(&out, 10);
	assert_false(base58_encode(&out, "Hello World!", 12));
	assert_false(base58_decode(&out, "2NEpo7TZRRrLZSi2U", 17));
	assert_int_equal(out.len, 0);
	buf_fini(&out);
	free(large);
}

/* What fills a queue message of 256 KiB. The bound only catches the schoolbook way, which takes a minute under a sanitizer; the figure is printed. */
static void test_speed_and_largest(void **state)
{
	static const size_t lengths[] = { 191953, BASE58_MAX_BYTES };

	(void)state;
	for (size_t i = 0; i < countof(lengths); i++) {
		unsigned char *data = xmalloc(lengths[i]);
		struct buf text = BUF_INIT;
		struct buf bytes = BUF_INIT;
		int64_t start, middle, end;

		memset(data, 0xff, lengths[i]);
		start = clock_mono_us();
		assert_true(base58_encode(&text, data, lengths[i]));
		middle = clock_mono_us();
		assert_true(base58_decode(&bytes, text.data, text.len));
		end = clock_mono_us();
		assert_int_equal(bytes.len, lengths[i]);
		assert_memory_equal(bytes.data, data, lengths[i]);
		print_message("%zu bytes: encoded in %lld us, decoded in %lld us\n", lengths[i],
			      (long long)(middle - start), (long long)(end - middle));
		assert_true(end - start < 20 * 1000 * 1000);
		buf_fini(&text);
		buf_fini(&bytes);
		free(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_speed_and_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
