/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-1 of a text that is in memory as a whole. */
#include "base/sha1.h"

#include <string.h>

#define BLOCK 64

static uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void schedule(const uint8_t block[BLOCK], uint32_t w[80])
{
	for (unsigned t = 0; t < 16; t++) {
		const uint8_t *p = block + (size_t)4 * t;

		w[t] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	}
	for (unsigned t = 16; t < 80; t++) {
		w[t] = rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	}
}

static uint32_t mix(unsigned t, uint32_t b, uint32_t c, uint32_t d)
{
	if (t < 20) {
		return ((b & c) | (~b & d)) + 0x5a827999u;
	}
	if (t < 40) {
		return (b ^ c ^ d) + 0x6ed9eba1u;
	}
	return t < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu : (b ^ c ^ d) + 0xca62c1d6u;
}

static void add_block(uint32_t h[5], const uint8_t block[BLOCK])
{
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
	uint32_t w[80];

	schedule(block, w);
	for (unsigned t = 0; t < 80; t++) {
		uint32_t next = rotl(a, 5) + mix(t, b, c, d) + e + w[t];

		e = d;
		d = c;
		c = rotl(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void sha1(const void *data, size_t len, uint8_t out[SHA1_LEN])
{
	uint32_t h[5] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u };
	uint8_t tail[2 * BLOCK] = { 0 };
	size_t whole = len - len % BLOCK;
	size_t rest = len - whole;
	size_t tail_len = rest < BLOCK - 8 ? BLOCK : 2 * BLOCK;
	uint64_t bits = (uint64_t)len * 8;

	for (size_t at = 0; at < whole; at += BLOCK) {
		add_block(h, (const uint8_t *)data + at);
	}
	if (rest > 0) {
		memcpy(tail, (const uint8_t *)data + whole, rest);
	}
	tail[rest] = 0x80;
	for (unsigned i = 0; i < 8; i++) {
		tail[tail_len - 1 - i] = (uint8_t)(bits >> (8 * i));
	}
	for (size_t at = 0; at < tail_len; at += BLOCK) {
		add_block(h, tail + at);
	}
	for (unsigned i = 0; i < SHA1_LEN; i++) {
		out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
	}
}
