/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SHA-1 (FIPS 180-4), MD5 (RFC 1321), HMAC (RFC 2104). All three hashes pad the same way. */
#include "base/digest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 64

typedef void (*compress_fn)(uint32_t *state, const unsigned char *block);

static uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t rotr(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t load_be(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void sha256_block(uint32_t *state, const unsigned char *p)
{
	static const uint32_t k[64] = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
		0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
		0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
		0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
		0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
	};
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	uint32_t w[64];

	for (unsigned i = 0; i < 16; i++) {
		w[i] = load_be(p + 4 * i);
	}
	for (unsigned i = 16; i < 64; i++) {
		uint32_t s0 = rotr(w[i - 15], 7) ^ rotr(w[i - 15], 18) ^ w[i - 15] >> 3;
		uint32_t s1 = rotr(w[i - 2], 17) ^ rotr(w[i - 2], 19) ^ w[i - 2] >> 10;

		w[i] = w[i - 16] + s0 + w[i - 7] + s1;
	}
	for (unsigned i = 0; i < 64; i++) {
		uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (g ^ (e & (f ^ g))) + k[i] + w[i];
		uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) | (c & (a | b)));

		h = g;
		g = f;
		f = e;
		e = d + t1;
		d = c;
		c = b;
		b = a;
		a = t1 + t2;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

static void sha1_block(uint32_t *state, const unsigned char *p)
{
	static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
	uint32_t w[80];
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];

	for (unsigned i = 0; i < 16; i++) {
		w[i] = load_be(p + 4 * i);
	}
	for (unsigned i = 16; i < 80; i++) {
		w[i] = rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	}
	for (unsigned i = 0; i < 80; i++) {
		uint32_t f = i < 20		 ? (b & c) | (~b & d)
			     : i < 40 || i >= 60 ? b ^ c ^ d
						 : (b & c) | (b & d) | (c & d);
		uint32_t t = rotl(a, 5) + f + e + k[i / 20] + w[i];

		e = d;
		d = c;
		c = rotl(b, 30);
		b = a;
		a = t;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}

static uint32_t md5_word(const unsigned char *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void md5_block(uint32_t *state, const unsigned char *p)
{
	static const uint32_t k[64] = {
		0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
		0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
		0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
		0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
		0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
		0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
		0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
		0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
	};
	static const unsigned char turns[4][4] = {
		{ 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 }
	};
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t w[16];

	for (unsigned i = 0; i < 16; i++) {
		w[i] = md5_word(p + 4 * i);
	}
	for (unsigned i = 0; i < 64; i++) {
		uint32_t f;
		uint32_t t;
		unsigned at;

		if (i < 16) {
			f = d ^ (b & (c ^ d));
			at = i;
		} else if (i < 32) {
			f = c ^ (d & (b ^ c));
			at = (5 * i + 1) % 16;
		} else if (i < 48) {
			f = b ^ c ^ d;
			at = (3 * i + 5) % 16;
		} else {
			f = c ^ (b | ~d);
			at = 7 * i % 16;
		}
		t = a + f + k[i] + w[at];
		a = d;
		d = c;
		c = b;
		b += rotl(t, turns[i / 16][i % 4]);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

/* A stream of pieces through one of the hashes. */
struct digest {
	uint32_t state[8];
	unsigned char block[BLOCK];
	size_t used;
	uint64_t total;
	compress_fn compress;
};

static void feed(struct digest *d, const void *data, size_t len)
{
	const unsigned char *p = data;

	d->total += len;
	while (len > 0) {
		size_t n = BLOCK - d->used < len ? BLOCK - d->used : len;

		if (n == BLOCK) {
			d->compress(d->state, p);
		} else {
			memcpy(d->block + d->used, p, n);
			d->used += n;
			if (d->used == BLOCK) {
				d->compress(d->state, d->block);
				d->used = 0;
			}
		}
		p += n;
		len -= n;
	}
}

static void pad(struct digest *d, bool big_endian)
{
	static const unsigned char padding[BLOCK] = { 0x80 };
	uint64_t bits = d->total * 8;
	unsigned char length[8];

	for (unsigned i = 0; i < 8; i++) {
		length[big_endian ? 7 - i : i] = (unsigned char)(bits >> (8 * i));
	}
	feed(d, padding, d->used < 56 ? 56 - d->used : 120 - d->used);
	feed(d, length, sizeof(length));
}

static void store(const struct digest *d, bool big_endian, unsigned char *out, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		out[i] = (unsigned char)(d->state[i / 4] >> (8 * (big_endian ? 3 - i % 4 : i % 4)));
	}
}

static const struct digest sha256_start = {
	.state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 },
	.compress = sha256_block,
};

void digest_sha256(const void *data, size_t len, unsigned char out[SHA256_LEN])
{
	struct digest d = sha256_start;

	feed(&d, data, len);
	pad(&d, true);
	store(&d, true, out, SHA256_LEN);
}

void digest_sha1(const void *data, size_t len, unsigned char out[SHA1_LEN])
{
	struct digest d = {
		.state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 },
		.compress = sha1_block,
	};

	feed(&d, data, len);
	pad(&d, true);
	store(&d, true, out, SHA1_LEN);
}

void digest_md5(const void *data, size_t len, unsigned char out[MD5_LEN])
{
	struct digest d = {
		.state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 },
		.compress = md5_block,
	};

	feed(&d, data, len);
	pad(&d, false);
	store(&d, false, out, MD5_LEN);
}

void digest_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, unsigned char out[SHA256_LEN])
{
	unsigned char block[BLOCK] = { 0 };
	struct digest d = sha256_start;

	if (key_len > BLOCK) {
		digest_sha256(key, key_len, block);
	} else if (key_len > 0) {
		memcpy(block, key, key_len);
	}
	for (unsigned i = 0; i < BLOCK; i++) {
		block[i] ^= 0x36;
	}
	feed(&d, block, BLOCK);
	feed(&d, data, len);
	pad(&d, true);
	store(&d, true, out, SHA256_LEN);
	d = sha256_start;
	for (unsigned i = 0; i < BLOCK; i++) {
		block[i] ^= 0x36 ^ 0x5c;
	}
	feed(&d, block, BLOCK);
	feed(&d, out, SHA256_LEN);
	pad(&d, true);
	store(&d, true, out, SHA256_LEN);
	explicit_bzero(block, sizeof(block));
	explicit_bzero(&d, sizeof(d));
}

void digest_hex(const unsigned char *digest, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[2 * len] = '\0';
}
