/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads: the boundary of 262,144 bytes, what does not fit, what is taken for JSON, vectors, bombs, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/base58.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "edge/payload.h"
#include "io/gzip.h"

static const size_t limit = 262144;

/* A JSON string of that many bytes in all. */
static struct blob *text_of(size_t len, bool compressible)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *mem = xmalloc(len + 1);
	uint64_t random = 1;

	for (size_t i = 1; i < len - 1; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		mem[i] = compressible ? letters[i % 10] : letters[random >> 58];
	}
	mem[0] = mem[len - 1] = '"';
	mem[len] = '\0';
	return blob_take(mem, len);
}

static void check_round_trip(size_t len, bool compressible, bool plain)
{
	struct blob *text = text_of(len, compressible);
	size_t packed_len = 0;
	struct blob *packed = payload_pack(text, limit, &packed_len);
	struct blob *back;
	char why[128];

	assert_non_null(packed);
	assert_int_equal(packed->len, packed_len);
	assert_true(packed->len < limit);
	assert_int_equal(packed == text, plain);
	back = payload_unpack(packed, 6291456, why, sizeof(why));
	assert_non_null(back);
	assert_int_equal(back->len, len);
	assert_memory_equal(back->data, text->data, len);
	blob_unref(back);
	blob_unref(packed);
	blob_unref(text);
}

static void test_boundary(void **state)
{
	(void)state;
	check_round_trip(262143, true, true);
	check_round_trip(262143, false, true);
	check_round_trip(262144, true, false);
	check_round_trip(262145, true, false);
	check_round_trip(6291456, true, false);
}

static void test_does_not_fit(void **state)
{
	struct blob *text = text_of(400 * 1024, false);
	size_t packed_len = 0;

	(void)state;
	assert_null(payload_pack(text, limit, &packed_len));
	assert_true(packed_len > limit);
	blob_unref(text);
}

/* Gzip of exactly as many bytes as still fit, and one more, cannot be had; so the limit moves around a given text. */
static void test_exact_limit(void **state)
{
	struct blob *text = text_of(1000, false);
	size_t packed_len = 0;
	struct blob *packed = payload_pack(text, 1000, &packed_len);
	size_t len;

	(void)state;
	if (packed == NULL) {
		packed = text_of(1000, true);
		blob_unref(text);
		text = packed;
		packed = payload_pack(text, 1000, &packed_len);
	}
	assert_non_null(packed);
	len = packed->len;
	blob_unref(packed);
	packed = payload_pack(text, len + 1, &packed_len);
	assert_non_null(packed);
	blob_unref(packed);
	assert_null(payload_pack(text, len, &packed_len));
	assert_int_equal(packed_len, len);
	blob_unref(text);
}

static void test_plain(void **state)
{
	static const char *const texts[] = { "{\"k\":\"v\"}", "null", "[1]", "\"x\"", "3", "true", " {} ", "-1.5e3" };

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		struct blob *text = blob_static(texts[i]);
		char why[128];
		struct blob *out = payload_unpack(text, 100, why, sizeof(why));

		assert_ptr_equal(out, text);
		blob_unref(out);
		blob_unref(text);
	}
}

static void expect_refused(struct blob *text, size_t max, const char *says)
{
	char why[128];

	assert_null(payload_unpack(text, max, why, sizeof(why)));
	if (strstr(why, says) == NULL) {
		fail_msg("%s, expected %s", why, says);
	}
	blob_unref(text);
}

static void test_refused(void **state)
{
	(void)state;
	expect_refused(blob_static(""), 100, "neither JSON nor base58");
	expect_refused(blob_static("hello, world"), 100, "neither JSON nor base58");
	expect_refused(blob_static("{\"a\":"), 100, "neither JSON nor base58");
	expect_refused(blob_static("abc"), 100, "neither JSON nor gzip");
	expect_refused(blob_static("2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoPe"), 100, "neither JSON nor gzip");
	expect_refused(blob_static("2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoP"), 100, "neither JSON nor gzip");
	expect_refused(blob_static("[1,2,3]"), 6, "it has 7 bytes, 6 are the limit");
	expect_refused(blob_static("2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoPd"), 8, "more than 8 bytes");
}

static void test_vectors(void **state)
{
	struct blob *small = blob_static("\n2S47zUUgcZ6bHjJ5FsdwV56Nw9dsc9c1bRg4YoPd \n");
	struct buf text = BUF_INIT;
	FILE *f = fopen("tests/data/payload_big.b58", "rb");
	struct blob *big, *out;
	char why[128];

	(void)state;
	out = payload_unpack(small, 9, why, sizeof(why));
	assert_non_null(out);
	assert_string_equal(out->data, "{\"k\":\"v\"}");
	blob_unref(out);
	blob_unref(small);
	assert_non_null(f);
	buf_added(&text, fread(buf_room(&text, 4096), 1, 4096, f));
	fclose(f);
	big = buf_to_blob(&text);
	out = payload_unpack(big, 6291456, why, sizeof(why));
	assert_non_null(out);
	assert_int_equal(out->len, strlen("{\"data\":\"\"}") + 300000);
	assert_memory_equal(out->data, "{\"data\":\"abcdefghijabcdefghij", 29);
	assert_memory_equal(out->data + out->len - 12, "abcdefghij\"}", 12);
	blob_unref(out);
	blob_unref(big);
}

/* A hundred megabytes in a message: nothing but the limit is ever allocated. */
static void test_bomb(void **state)
{
	struct blob *zeros = blob_take(xcalloc(1, 100000001), 100000000);
	struct buf packed = BUF_INIT;
	struct buf text = BUF_INIT;
	struct buf out;

	(void)state;
	assert_int_equal(gzip_compress(&packed, zeros->data, zeros->len), GZIP_OK);
	assert_true(base58_encode(&text, packed.data, packed.len));
	buf_init(&out, 6291456);
	assert_int_equal(gzip_expand(&out, packed.data, packed.len), GZIP_TOO_LARGE);
	assert_true(out.cap <= 6291456 + 1);
	buf_fini(&out);
	buf_init(&out, 100000000);
	assert_int_equal(gzip_expand(&out, packed.data, packed.len), GZIP_OK);
	assert_int_equal(out.len, 100000000);
	buf_fini(&out);
	assert_true(buf_putc(&packed, 'x'));
	assert_int_equal(gzip_expand(&out, packed.data, packed.len), GZIP_INVALID);
	buf_fini(&out);
	buf_fini(&packed);
	blob_unref(zeros);
	expect_refused(buf_to_blob(&text), 6291456, "more than 6291456 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boundary),    cmocka_unit_test(test_does_not_fit),
		cmocka_unit_test(test_exact_limit), cmocka_unit_test(test_plain),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
