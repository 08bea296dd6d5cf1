/* SPDX-License-Identifier: Apache-2.0 */
/* The digests against the vectors of their standards (RFC 1321, RFC 3174, RFC 4231, FIPS 180-4) and at block boundaries. */
#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

typedef void (*digest_fn)(const void *data, size_t len, unsigned char *out);

static void expect(digest_fn fn, size_t len, const char *text, const char *hex)
{
	unsigned char out[SHA256_LEN];
	char got[2 * SHA256_LEN + 1];

	fn(text, strlen(text), out);
	digest_hex(out, len, got);
	assert_string_equal(got, hex);
}

static void test_sha256(void **state)
{
	(void)state;
	expect(digest_sha256, SHA256_LEN, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect(digest_sha256, SHA256_LEN, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect(digest_sha256, SHA256_LEN, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_sha1(void **state)
{
	(void)state;
	expect(digest_sha1, SHA1_LEN, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	expect(digest_sha1, SHA1_LEN, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
	expect(digest_sha1, SHA1_LEN, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	       "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}

static void test_md5(void **state)
{
	(void)state;
	expect(digest_md5, MD5_LEN, "", "d41d8cd98f00b204e9800998ecf8427e");
	expect(digest_md5, MD5_LEN, "message digest", "f96b697d7cb7938d525a2f31aaf161d0");
	expect(digest_md5, MD5_LEN,
	       "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
	       "57edf4a22be3c955ac49da2e2107b67a");
	expect(digest_md5, MD5_LEN, "Hello from SQS!", "7b270e59b47ff90a553787216d55d91d");
}

/* All lengths around one and two blocks: the digest of the digests is known from another implementation. */
static void test_lengths_around_blocks(void **state)
{
	unsigned char data[200];
	unsigned char all[200 * SHA256_LEN];
	unsigned char out[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	memset(data, 'a', sizeof(data));
	for (size_t i = 0; i < sizeof(data); i++) {
		digest_sha256(data, i, all + i * SHA256_LEN);
	}
	digest_sha256(all, sizeof(all), out);
	digest_hex(out, SHA256_LEN, hex);
	assert_string_equal(hex, "752c007f38611cfbf5fa42cb1cea3d8e086491c844d0cc4defd632cb81423506");
	for (size_t i = 0; i < sizeof(data); i++) {
		digest_md5(data, i, all + i * MD5_LEN);
	}
	digest_md5(all, sizeof(data) * MD5_LEN, out);
	digest_hex(out, MD5_LEN, hex);
	assert_string_equal(hex, "9370237cf2c013418ada10f8f1b5210b");
}

static void expect_hmac(const void *key, size_t key_len, const char *data, const char *expected)
{
	unsigned char out[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	digest_hmac_sha256(key, key_len, data, strlen(data), out);
	digest_hex(out, SHA256_LEN, hex);
	assert_string_equal(hex, expected);
}

static void test_hmac_sha256(void **state)
{
	unsigned char long_key[131];

	(void)state;
	memset(long_key, 0xaa, sizeof(long_key));
	expect_hmac("Jefe", 4, "what do ya want for nothing?",
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	expect_hmac(long_key, sizeof(long_key), "Test Using Larger Than Block-Size Key - Hash Key First",
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),	    cmocka_unit_test(test_sha1),
		cmocka_unit_test(test_md5),	    cmocka_unit_test(test_lengths_around_blocks),
		cmocka_unit_test(test_hmac_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
