/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of durations in fixed memory: 128 steps for each power of two, so a quantile is off by less than
 * one per cent, whatever the number of samples.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BITS 7u
#define HISTOGRAM_STEPS (1u << HISTOGRAM_BITS)

struct histogram {
	uint64_t total;
	uint64_t max;
	uint64_t counts[(64 - HISTOGRAM_BITS + 1) * HISTOGRAM_STEPS];
};

/* The power of two that a value is rounded down to in its range. */
static inline unsigned histogram_shift_(uint64_t v)
{
	return v < HISTOGRAM_STEPS ? 0 : 63u - (unsigned)__builtin_clzll(v) - HISTOGRAM_BITS;
}

static inline void histogram_add(struct histogram *h, uint64_t v)
{
	unsigned shift = histogram_shift_(v);

	h->counts[shift * HISTOGRAM_STEPS + (v >> shift)]++;
	h->total++;
	h->max = v > h->max ? v : h->max;
}

static inline double histogram_at(const struct histogram *h, double quantile)
{
	uint64_t below = (uint64_t)(quantile * (double)h->total);
	uint64_t seen = 0;

	for (size_t i = 0; i < sizeof(h->counts) / sizeof(h->counts[0]); i++) {
		size_t shift = i < 2 * HISTOGRAM_STEPS ? 0 : i / HISTOGRAM_STEPS - 1;

		seen += h->counts[i];
		if (seen > below) {
			return (double)((uint64_t)(i - shift * HISTOGRAM_STEPS) << shift);
		}
	}
	return (double)h->max;
}

#endif
