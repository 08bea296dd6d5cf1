/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of a stream of samples in bounded memory. Count, minimum, maximum, mean and standard deviation are exact
 * whatever the count. Ranks (median, percentiles) and histograms are exact up to STATS_EXACT samples; from then on samples
 * are counted in buckets that are never wider than 1/128 of their value, 0.8 %.
 */
#ifndef BASE_STATS_H
#define BASE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define STATS_EXACT 16384
#define STATS_BINS_MAX 64

struct stats {
	uint64_t count;
	int64_t min; /* these three only with samples */
	int64_t max;
	double mean;
	/* private */
	double squares;
	int64_t *exact;	   /* NULL: there are none yet, or they are in buckets */
	int64_t *sorted;   /* a copy; NULL = not made, or out of date */
	uint64_t *buckets; /* NULL = the samples are exact */
};

void stats_init(struct stats *s);
void stats_fini(struct stats *s);
void stats_add(struct stats *s, int64_t value); /* 0 or more */

/* Samples in the order they came; NULL when they are too many for that. */
const int64_t *stats_values(const struct stats *s);
/* The sample that `rank` others come before, of `count` samples. */
int64_t stats_at(struct stats *s, uint64_t rank);
int64_t stats_median(struct stats *s); /* of an even count the upper one */
/* Nearest rank: at least so many in a thousand are not above it. */
int64_t stats_permille(struct stats *s, unsigned permille);
double stats_deviation(const struct stats *s); /* of a sample (n - 1); 0 for less than two */
/* Rounded up to whole units. */
int64_t stats_deviation_up(const struct stats *s, int64_t unit);

/* Bins of one width from the minimum on. A few samples far out do not squeeze the rest into one bin: then the last bin is
 * everything above the others. */
struct stats_histogram {
	unsigned count;
	int64_t from;
	int64_t width;
	bool open; /* the last bin has no end */
	uint64_t bins[STATS_BINS_MAX];
	uint64_t highest; /* of the bins */
};

void stats_histogram(struct stats *s, unsigned bins, struct stats_histogram *out); /* bins <= STATS_BINS_MAX */

#endif
