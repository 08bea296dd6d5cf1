/* SPDX-License-Identifier: Apache-2.0 */
/* Radix conversion by divide and conquer. Limbs are little-endian digits of the target base, kept in 64 bits. */
#include "base/base58.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* A leaf is converted the schoolbook way into LEAF_LIMBS limbs: of 4 base58 digits, or of 2 bytes. So many source digits
 * fit into that many limbs: 58^1024 > 256^749, 256^512 > 58^699. */
#define LEAF_LIMBS ((size_t)256)
#define LEAF_BYTES ((size_t)749)
#define LEAF_CHARS ((size_t)699)
#define BASE_OUT_TEXT 11316496u /* 58^4 */
#define BASE_OUT_BYTES 65536u

/* --- arithmetic modulo p = 2^64 - 2^32 + 1, which has roots of unity for every power of two up to 2^32 ---
 * A column of a product is at most limbs x base^2: 131072 x 58^8 < p, 2^18 x 2^32 < p. */

static const uint64_t prime = 0xffffffff00000001u;
static const uint64_t carry_worth = 0xffffffffu;
static const uint64_t generator = 7;

__extension__ typedef unsigned __int128 wide;

/* Values are below 2^64, not always below p. Without branches: on random values they would be mispredicted half the time.
 * A carry out of 64 bits is worth 2^32 - 1 modulo p, and so is a borrow. */
static inline uint64_t mod_add(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;
	uint64_t folded = sum + (-(uint64_t)(sum < a) & carry_worth);

	return folded + (-(uint64_t)(folded < sum) & carry_worth);
}

static inline uint64_t mod_sub(uint64_t a, uint64_t b)
{
	uint64_t difference = a - b;
	uint64_t folded = difference - (-(uint64_t)(a < b) & carry_worth);

	return folded - (-(uint64_t)(folded > difference) & carry_worth);
}

static inline uint64_t mod_mul(uint64_t a, uint64_t b)
{
	wide product = (wide)a * b;
	uint64_t low = (uint64_t)product;
	uint64_t high = (uint64_t)(product >> 64);
	uint64_t mid = (high & carry_worth) * carry_worth;
	uint64_t r = low - (high >> 32);

	r -= -(uint64_t)(r > low) & carry_worth;
	low = r + mid;
	return low + (-(uint64_t)(low < mid) & carry_worth);
}

static uint64_t mod_pow(uint64_t base, uint64_t exponent)
{
	uint64_t r = 1;

	for (; exponent > 0; exponent >>= 1) {
		if (exponent & 1) {
			r = mod_mul(r, base);
		}
		base = mod_mul(base, base);
	}
	return r;
}

/* roots[half + i] = w^i for i < half, w a primitive root of unity of order 2 * half, for every half up to n / 2: one table
 * for transforms of all lengths, read in order. */
static void fill_roots(uint64_t *roots, size_t n, bool inverse)
{
	for (size_t half = 1; half < n; half *= 2) {
		uint64_t w = mod_pow(generator, (prime - 1) / (2 * half));

		w = inverse ? mod_pow(w, prime - 2) : w;
		roots[half] = 1;
		for (size_t i = 1; i < half; i++) {
			roots[half + i] = mod_mul(roots[half + i - 1], w);
		}
	}
}

/* Pairs of neighbours: the first or last step of a transform, whose root is 1. */
static void neighbours(uint64_t *a, size_t n)
{
	for (size_t i = 0; i < n; i += 2) {
		uint64_t x = a[i];
		uint64_t y = a[i + 1];

		a[i] = mod_add(x, y);
		a[i + 1] = mod_sub(x, y);
	}
}

/* Decimation in frequency: natural order in, bit-reversed order out. Transforms of one size are only multiplied with each
 * other, so the order in between does not matter. The upper half of the input counts as zero, whatever is there. */
static void forward(uint64_t *a, size_t n, const uint64_t *roots)
{
	for (size_t i = 0, half = n / 2; i < half; i++) {
		a[half + i] = mod_mul(a[i], roots[half + i]);
	}
	for (size_t half = n / 4; half > 1; half /= 2) {
		for (size_t start = 0; start < n; start += 2 * half) {
			uint64_t *lo = a + start;
			uint64_t *hi = lo + half;

			for (size_t i = 0; i < half; i++) {
				uint64_t x = lo[i];
				uint64_t y = hi[i];

				lo[i] = mod_add(x, y);
				hi[i] = mod_mul(mod_sub(x, y), roots[half + i]);
			}
		}
	}
	neighbours(a, n);
}

/* Decimation in time: bit-reversed order in, natural order out, times n. */
static void backward(uint64_t *a, size_t n, const uint64_t *inverse_roots)
{
	neighbours(a, n);
	for (size_t half = 2; half < n; half *= 2) {
		for (size_t start = 0; start < n; start += 2 * half) {
			uint64_t *lo = a + start;
			uint64_t *hi = lo + half;

			for (size_t i = 0; i < half; i++) {
				uint64_t x = lo[i];
				uint64_t y = mod_mul(hi[i], inverse_roots[half + i]);

				lo[i] = mod_add(x, y);
				hi[i] = mod_sub(x, y);
			}
		}
	}
}

/* --- one level of the tree: pairs of numbers of `width` limbs become numbers of twice as many --- */

struct level {
	size_t width; /* limbs */
	size_t n;     /* 2 * width: length of the transforms */
	unsigned base;
	uint64_t *roots;
	uint64_t *inverse_roots;
	uint64_t *scale; /* in: source radix to the power of a number's digits, 2 * width limbs; then its transform */
	uint64_t *scratch; /* n */
	uint64_t n_inverse;
};

/* scratch holds columns of a product, times n: brings them into digits, adds low, writes to out. */
static inline void carry_out_in(const struct level *l, const uint64_t *low, uint64_t *out, unsigned base)
{
	uint64_t carry = 0;

	for (size_t i = 0; i < l->n; i++) {
		uint64_t column = mod_mul(l->scratch[i], l->n_inverse);
		uint64_t t = (column >= prime ? column - prime : column) + carry;

		if (low != NULL && i < l->width) {
			t += low[i];
		}
		out[i] = t % base;
		carry = t / base;
	}
	assert(carry == 0);
}

/* With the base as a constant the compiler divides by multiplying. */
static void carry_out(const struct level *l, const uint64_t *low, uint64_t *out)
{
	if (l->base == BASE_OUT_TEXT) {
		carry_out_in(l, low, out, BASE_OUT_TEXT);
	} else {
		carry_out_in(l, low, out, BASE_OUT_BYTES);
	}
}

/* pair = low, high (width limbs each) becomes low + high * scale. */
static void combine(const struct level *l, uint64_t *pair)
{
	memcpy(l->scratch, pair + l->width, l->width * sizeof(*pair));
	forward(l->scratch, l->n, l->roots);
	for (size_t i = 0; i < l->n; i++) {
		l->scratch[i] = mod_mul(l->scratch[i], l->scale[i]);
	}
	backward(l->scratch, l->n, l->inverse_roots);
	carry_out(l, pair, pair);
}

/* The scale of the next level is this one's square; its transform is at hand. */
static void square_scale(const struct level *l)
{
	for (size_t i = 0; i < l->n; i++) {
		l->scratch[i] = mod_mul(l->scale[i], l->scale[i]);
	}
	backward(l->scratch, l->n, l->inverse_roots);
	carry_out(l, NULL, l->scale);
}

/* limbs: `leaves` numbers of LEAF_LIMBS limbs, the least significant first, in room for the next power of two of
 * leaves, zero beyond. scale: the source radix to the power of a leaf's digits. Leaves one number in limbs. */
static void join(uint64_t *limbs, size_t leaves, size_t room, const uint64_t scale[LEAF_LIMBS], unsigned base)
{
	size_t most = room * LEAF_LIMBS;
	auto_free uint64_t *memory = xcalloc(4 * most, sizeof(*memory));
	struct level l = {
		.base = base,
		.roots = memory,
		.inverse_roots = memory + most,
		.scale = memory + 2 * most,
		.scratch = memory + 3 * most,
	};

	fill_roots(l.roots, most, false);
	fill_roots(l.inverse_roots, most, true);
	memcpy(l.scale, scale, LEAF_LIMBS * sizeof(*scale));
	for (size_t width = LEAF_LIMBS; leaves > 1; width *= 2) {
		l.width = width;
		l.n = 2 * width;
		l.n_inverse = mod_pow(l.n, prime - 2);
		forward(l.scale, l.n, l.roots);
		for (size_t i = 0; i + 1 < leaves; i += 2) {
			combine(&l, limbs + i * width);
		}
		leaves = (leaves + 1) / 2;
		if (leaves > 1) {
			square_scale(&l);
		}
	}
}

/* limbs = limbs * factor + add. */
static void mul_add(uint64_t *limbs, size_t count, uint64_t factor, uint64_t add, unsigned base)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t t = limbs[i] * factor + add;

		limbs[i] = t % base;
		add = t / base;
	}
	assert(add == 0);
}

static size_t room_for(size_t leaves)
{
	size_t room = 1;

	while (room < leaves) {
		room *= 2;
	}
	return room;
}

/* --- encoding --- */

/* One leaf of at most LEAF_BYTES, up to four at a time. */
static void leaf_from_bytes(uint64_t *limbs, const unsigned char *data, size_t len)
{
	size_t chunk;

	for (size_t done = 0; done < len; done += chunk) {
		size_t used = (done + 4) * 8 / 23 + 1;
		uint64_t value = 0;

		for (chunk = 0; chunk < 4 && done + chunk < len; chunk++) {
			value = value << 8 | data[done + chunk];
		}
		mul_add(limbs, used < LEAF_LIMBS ? used : LEAF_LIMBS, (uint64_t)1 << (8 * chunk), value,
			BASE_OUT_TEXT);
	}
}

static void put_limb(char out[4], uint64_t limb)
{
	for (unsigned k = 4; k-- > 0; limb /= 58) {
		out[k] = alphabet[limb % 58];
	}
}

bool base58_encode(struct buf *out, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	auto_free uint64_t *limbs = NULL;
	auto_free char *text = NULL;
	uint64_t scale[LEAF_LIMBS] = { 1 };
	size_t zeros = 0, leaves, room, count, skip = 0;

	while (zeros < len && bytes[zeros] == 0) {
		zeros++;
	}
	if (len > BASE58_MAX_BYTES) {
		return false;
	}
	leaves = (len - zeros + LEAF_BYTES - 1) / LEAF_BYTES;
	room = room_for(leaves);
	limbs = xcalloc(room * LEAF_LIMBS, sizeof(*limbs));
	for (size_t i = 0, end = len; i < leaves; i++, end -= LEAF_BYTES) {
		size_t start = end - zeros > LEAF_BYTES ? end - LEAF_BYTES : zeros;

		leaf_from_bytes(limbs + i * LEAF_LIMBS, bytes + start, end - start);
	}
	for (size_t i = 0; i < LEAF_BYTES; i++) {
		mul_add(scale, LEAF_LIMBS, 256, 0, BASE_OUT_TEXT);
	}
	join(limbs, leaves, room, scale, BASE_OUT_TEXT);
	count = room * LEAF_LIMBS;
	text = xmalloc(count * 4);
	for (size_t i = 0; i < count; i++) {
		put_limb(text + (count - 1 - i) * 4, limbs[i]);
	}
	while (skip < count * 4 && text[skip] == alphabet[0]) {
		skip++;
	}
	if (out->limit > 0 && zeros + count * 4 - skip > out->limit - out->len) {
		return false;
	}
	for (size_t i = 0; i < zeros; i++) {
		buf_putc(out, alphabet[0]);
	}
	return buf_append(out, text + skip, count * 4 - skip);
}

/* --- decoding --- */

static int digit_of(char c)
{
	static const signed char values[128] = {
		['1'] = 1,  ['2'] = 2,	['3'] = 3,  ['4'] = 4,	['5'] = 5,  ['6'] = 6,	['7'] = 7,  ['8'] = 8,
		['9'] = 9,  ['A'] = 10, ['B'] = 11, ['C'] = 12, ['D'] = 13, ['E'] = 14, ['F'] = 15, ['G'] = 16,
		['H'] = 17, ['J'] = 18, ['K'] = 19, ['L'] = 20, ['M'] = 21, ['N'] = 22, ['P'] = 23, ['Q'] = 24,
		['R'] = 25, ['S'] = 26, ['T'] = 27, ['U'] = 28, ['V'] = 29, ['W'] = 30, ['X'] = 31, ['Y'] = 32,
		['Z'] = 33, ['a'] = 34, ['b'] = 35, ['c'] = 36, ['d'] = 37, ['e'] = 38, ['f'] = 39, ['g'] = 40,
		['h'] = 41, ['i'] = 42, ['j'] = 43, ['k'] = 44, ['m'] = 45, ['n'] = 46, ['o'] = 47, ['p'] = 48,
		['q'] = 49, ['r'] = 50, ['s'] = 51, ['t'] = 52, ['u'] = 53, ['v'] = 54, ['w'] = 55, ['x'] = 56,
		['y'] = 57, ['z'] = 58,
	};

	return (unsigned char)c < 128 ? values[(unsigned char)c] - 1 : -1;
}

/* One leaf of at most LEAF_CHARS, up to five at a time. */
static void leaf_from_text(uint64_t *limbs, const char *text, size_t len)
{
	size_t chunk;

	for (size_t done = 0; done < len; done += chunk) {
		size_t used = (done + 5) * 6 / 16 + 1;
		uint64_t factor = 1;
		uint64_t value = 0;

		for (chunk = 0; chunk < 5 && done + chunk < len; chunk++) {
			factor *= 58;
			value = value * 58 + (uint64_t)digit_of(text[done + chunk]);
		}
		mul_add(limbs, used < LEAF_LIMBS ? used : LEAF_LIMBS, factor, value, BASE_OUT_BYTES);
	}
}

static bool is_base58(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (digit_of(text[i]) < 0) {
			return false;
		}
	}
	return true;
}

bool base58_decode(struct buf *out, const char *text, size_t len)
{
	auto_free uint64_t *limbs = NULL;
	auto_free unsigned char *bytes = NULL;
	uint64_t scale[LEAF_LIMBS] = { 1 };
	size_t ones = 0, leaves, room, count, skip = 0;

	if (len > BASE58_MAX_TEXT || !is_base58(text, len)) {
		return false;
	}
	while (ones < len && text[ones] == alphabet[0]) {
		ones++;
	}
	leaves = (len - ones + LEAF_CHARS - 1) / LEAF_CHARS;
	room = room_for(leaves);
	limbs = xcalloc(room * LEAF_LIMBS, sizeof(*limbs));
	for (size_t i = 0, end = len; i < leaves; i++, end -= LEAF_CHARS) {
		size_t start = end - ones > LEAF_CHARS ? end - LEAF_CHARS : ones;

		leaf_from_text(limbs + i * LEAF_LIMBS, text + start, end - start);
	}
	for (size_t i = 0; i < LEAF_CHARS; i++) {
		mul_add(scale, LEAF_LIMBS, 58, 0, BASE_OUT_BYTES);
	}
	join(limbs, leaves, room, scale, BASE_OUT_BYTES);
	count = room * LEAF_LIMBS * 2;
	bytes = xcalloc(1, ones + count);
	for (size_t i = 0; i < count; i++) {
		bytes[ones + count - 1 - i] = (unsigned char)(limbs[i / 2] >> (i % 2 * 8));
	}
	while (skip < count && bytes[ones + skip] == 0) {
		skip++;
	}
	/* The zeros in front of the number's own stand for the ones. */
	return buf_append(out, bytes + skip, ones + count - skip);
}
