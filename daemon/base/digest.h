/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC for signatures; SHA-1 and MD5 where a protocol demands them and nothing has to be secure (WebSocket's
 * handshake, names of cache files, MD5OfBody). By libcrypto, which sets itself up at the first call.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

#define SHA256_LEN 32
#define SHA1_LEN 20
#define MD5_LEN 16

void digest_sha256(const void *data, size_t len, unsigned char out[SHA256_LEN]);
void digest_sha1(const void *data, size_t len, unsigned char out[SHA1_LEN]);
/* false: this OpenSSL does without it (FIPS). */
bool digest_md5(const void *data, size_t len, unsigned char out[MD5_LEN]) MUST_CHECK;
/* out may be key. */
void digest_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, unsigned char out[SHA256_LEN]);

/* 2 * len lower-case digits and NUL. */
void digest_hex(const unsigned char *digest, size_t len, char *out);

#endif
