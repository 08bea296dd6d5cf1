/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile of a stream of events: what they took, what was billed, what memory they needed. In bounded memory however
 * many they are: ranks as base/stats.h has them, courses over the stream merged into at most PROFILE_STEPS steps.
 *
 * Runs that failed (error, timeout) are counted; their times are left out of the figures, their memory is not.
 */
#ifndef CORE_PROFILE_H
#define CORE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"

struct buf;

#define PROFILE_STEPS 1024

/* One run. */
struct profile_run {
	bool failed;
	bool timed_out;
	bool measured;	  /* duration and memory are known: it was handed to a runtime */
	int64_t clock_us; /* hand-over to answer */
	int64_t init_us;  /* of the cold start before it; -1 = there was none */
	uint64_t memory;  /* peak resident bytes; 0 = unknown */
};

/* A figure over the stream: each step stands for `stride` runs. */
struct profile_course {
	uint64_t stride;
	unsigned count;
	struct profile_step {
		int64_t min;
		int64_t max;
		double sum;
		uint32_t failed;
		uint64_t runs;
	} steps[PROFILE_STEPS];
};

struct profile {
	uint64_t runs;
	uint64_t failed;
	uint64_t timed_out;
	uint64_t bad_lines;
	uint64_t cold_starts;
	uint64_t billed_ms;  /* in steps of 1 ms, all measured runs */
	struct stats clock;  /* us */
	struct stats memory; /* bytes */
	struct stats init;   /* us */
	struct profile_course clock_course;
	struct profile_course memory_course;
};

void profile_init(struct profile *p);
void profile_fini(struct profile *p);
void profile_add(struct profile *p, const struct profile_run *run);

/* AWS's billing: steps of 1 ms since December 2020, of 100 ms before. */
int64_t profile_billed_ms(int64_t clock_us, int64_t step_ms);
/* Whole units as the original prints them, 368M; cut, not rounded. */
void profile_size(uint64_t bytes, char *out, size_t size);

enum profile_style {
	PROFILE_FULL,
	PROFILE_COMPAT, /* the lines of emulambda and no others */
};

/* What -v says of one run. */
void profile_print_run(struct buf *out, const struct profile_run *run, const char *what, enum profile_style style);
/* The summary of a stream. elapsed_us: of all of it. */
void profile_print_summary(struct buf *out, struct profile *p, int64_t elapsed_us, enum profile_style style);

struct profile_about {
	const char *function; /* texts are escaped */
	const char *command;
	const char *source; /* of the events */
	const char *stamp;  /* when it was made */
	unsigned concurrency;
	int64_t elapsed_us;
};

/* A page that needs nothing but itself. */
void profile_print_html(struct buf *out, struct profile *p, const struct profile_about *about);

#endif
