/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, by libcrypto. */
#include "base/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static bool digest(const EVP_MD *algorithm, const void *data, size_t len, unsigned char *out)
{
	return EVP_Digest(data, len, out, NULL, algorithm, NULL) == 1;
}

void digest_sha256(const void *data, size_t len, unsigned char out[SHA256_LEN])
{
	bool done = digest(EVP_sha256(), data, len, out);

	assert(done);
}

void digest_sha1(const void *data, size_t len, unsigned char out[SHA1_LEN])
{
	bool done = digest(EVP_sha1(), data, len, out);

	assert(done);
}

bool digest_md5(const void *data, size_t len, unsigned char out[MD5_LEN])
{
	return digest(EVP_md5(), data, len, out);
}

void digest_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, unsigned char out[SHA256_LEN])
{
	unsigned char *done = HMAC(EVP_sha256(), key, (int)key_len, data, len, out, NULL);

	assert(done != NULL);
}

void digest_hex(const unsigned char *digest, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[digest[i] >> 4];
		*out++ = digits[digest[i] & 15];
	}
	*out = '\0';
}
