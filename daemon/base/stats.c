/* SPDX-License-Identifier: Apache-2.0 */
/* Samples: exact while they are few, in logarithmic buckets when they are many. */
#include "base/stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* 2^7 buckets for each power of two; values below 2^7 have one each. */
#define FINE_BITS 7
#define FINE ((uint64_t)1 << FINE_BITS)
#define BUCKETS ((63 - FINE_BITS + 1) * FINE + FINE)

static size_t bucket_of(int64_t value)
{
	uint64_t v = (uint64_t)value;
	unsigned shift;

	if (v < FINE) {
		return (size_t)v;
	}
	shift = 63u - (unsigned)__builtin_clzll(v) - FINE_BITS;
	return (size_t)((shift + 1) * FINE + ((v >> shift) - FINE));
}

/* The middle of a bucket. */
static int64_t bucket_value(size_t bucket)
{
	unsigned shift;

	if (bucket < FINE) {
		return (int64_t)bucket;
	}
	shift = (unsigned)(bucket / FINE) - 1;
	return (int64_t)(((FINE + bucket % FINE) << shift) + (((uint64_t)1 << shift) >> 1));
}

void stats_init(struct stats *s)
{
	memset(s, 0, sizeof(*s));
}

void stats_fini(struct stats *s)
{
	free(s->exact);
	free(s->sorted);
	free(s->buckets);
	stats_init(s);
}

static void keep(struct stats *s, int64_t value)
{
	free(s->sorted);
	s->sorted = NULL;
	if (s->exact == NULL && s->buckets == NULL) {
		s->exact = xcalloc(STATS_EXACT, sizeof(*s->exact));
	}
	if (s->exact != NULL && s->count < STATS_EXACT) {
		s->exact[s->count] = value;
		return;
	}
	if (s->exact != NULL) {
		s->buckets = xcalloc(BUCKETS, sizeof(*s->buckets));
		for (size_t i = 0; i < STATS_EXACT; i++) {
			s->buckets[bucket_of(s->exact[i])]++;
		}
		free(s->exact);
		s->exact = NULL;
	}
	s->buckets[bucket_of(value)]++;
}

void stats_add(struct stats *s, int64_t value)
{
	double off;

	value = value > 0 ? value : 0;
	keep(s, value);
	if (s->count == 0 || value < s->min) {
		s->min = value;
	}
	if (s->count == 0 || value > s->max) {
		s->max = value;
	}
	s->count++;
	/* Welford's way, which does not subtract large sums from each other. */
	off = (double)value - s->mean;
	s->mean += off / (double)s->count;
	s->squares += off * ((double)value - s->mean);
}

const int64_t *stats_values(const struct stats *s)
{
	return s->exact;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int64_t stats_at(struct stats *s, uint64_t rank)
{
	uint64_t seen = 0;
	size_t b = 0;
	int64_t value;

	if (s->count == 0) {
		return 0;
	}
	rank = rank < s->count ? rank : s->count - 1;
	if (s->exact != NULL) {
		if (s->sorted == NULL) {
			s->sorted = xmemdup(s->exact, (size_t)s->count * sizeof(*s->sorted));
			qsort(s->sorted, (size_t)s->count, sizeof(*s->sorted), compare);
		}
		return s->sorted[rank];
	}
	if (rank == s->count - 1) {
		return s->max;
	}
	while (seen + s->buckets[b] <= rank) {
		seen += s->buckets[b++];
	}
	value = bucket_value(b);
	if (value < s->min) {
		return s->min;
	}
	return value < s->max ? value : s->max;
}

int64_t stats_median(struct stats *s)
{
	return stats_at(s, s->count / 2);
}

int64_t stats_permille(struct stats *s, unsigned permille)
{
	uint64_t up_to = (s->count * permille + 999) / 1000;

	return stats_at(s, up_to > 0 ? up_to - 1 : 0);
}

/* Newton's method: libm is not linked for this alone. */
static double square_root(double x)
{
	double root = x > 1 ? x : 1;
	double next = (root + x / root) / 2;

	while (next < root) {
		root = next;
		next = (root + x / root) / 2;
	}
	return root;
}

double stats_deviation(const struct stats *s)
{
	return s->count > 1 && s->squares > 0 ? square_root(s->squares / (double)(s->count - 1)) : 0;
}

int64_t stats_deviation_up(const struct stats *s, int64_t unit)
{
	double units = stats_deviation(s) / (double)unit;
	int64_t whole = (int64_t)units;

	return (double)whole < units ? whole + 1 : whole;
}

static void count_in(struct stats_histogram *h, int64_t value, uint64_t count)
{
	uint64_t bin = value > h->from ? (uint64_t)(value - h->from) / (uint64_t)h->width : 0;

	bin = bin < h->count ? bin : h->count - 1;
	h->bins[bin] += count;
}

void stats_histogram(struct stats *s, unsigned bins, struct stats_histogram *out)
{
	int64_t top = s->max;
	int64_t most;

	memset(out, 0, sizeof(*out));
	if (s->count == 0) {
		return;
	}
	most = stats_permille(s, 990);
	out->from = s->min;
	out->open = top - s->min > 4 * (most - s->min) && most > s->min;
	top = out->open ? most : top;
	out->count = top - s->min < bins ? (unsigned)(top - s->min) + 1 : bins;
	out->width = (top - s->min) / (out->open && out->count > 1 ? out->count - 1 : out->count) + 1;
	for (uint64_t i = 0; s->exact != NULL && i < s->count; i++) {
		count_in(out, s->exact[i], 1);
	}
	for (size_t b = 0; s->buckets != NULL && b < BUCKETS; b++) {
		count_in(out, bucket_value(b), s->buckets[b]);
	}
	for (unsigned i = 0; i < out->count; i++) {
		out->highest = out->bins[i] > out->highest ? out->bins[i] : out->highest;
	}
}
