/* SPDX-License-Identifier: Apache-2.0 */
/* The digests against vectors of their standards (RFC 1321, RFC 3174, RFC 4231, FIPS 180-4): the right one, called rightly. */
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

static void md5(const void *data, size_t len, unsigned char *out)
{
	assert_true(digest_md5(data, len, out));
}

static void test_md5(void **state)
{
	(void)state;
	expect(md5, MD5_LEN, "", "d41d8cd98f00b204e9800998ecf8427e");
	expect(md5, MD5_LEN, "message digest", "f96b697d7cb7938d525a2f31aaf161d0");
	expect(md5, MD5_LEN, "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
	       "57edf4a22be3c955ac49da2e2107b67a");
	expect(md5, MD5_LEN, "Hello from SQS!", "7b270e59b47ff90a553787216d55d91d");
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
	unsigned char chained[SHA256_LEN];

	(void)state;
	memset(long_key, 0xaa, sizeof(long_key));
	expect_hmac("", 0, "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	expect_hmac("Jefe", 4, "what do ya want for nothing?",
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	expect_hmac(long_key, sizeof(long_key), "Test Using Larger Than Block-Size Key - Hash Key First",
		    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	/* The output in the place of the key, as SigV4 derives its keys. */
	memset(chained, 0xaa, sizeof(chained));
	digest_hmac_sha256(long_key, sizeof(chained), "x", 1, long_key);
	digest_hmac_sha256(chained, sizeof(chained), "x", 1, chained);
	assert_memory_equal(chained, long_key, sizeof(chained));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_sha1),
		cmocka_unit_test(test_md5),
		cmocka_unit_test(test_hmac_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
