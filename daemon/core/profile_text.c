/* SPDX-License-Identifier: Apache-2.0 */
/* A profile in the terminal. The first lines of each part are emulambda's, so that what reads them goes on working. */
#include <string.h>

#include "base/buf.h"
#include "core/profile.h"

#define TERMINAL_BINS 16
#define BAR_WIDTH 48

static long long whole_ms(int64_t us)
{
	return (long long)(us / 1000);
}

static double ms(double us)
{
	return us / 1000;
}

void profile_print_run(struct buf *out, const struct profile_run *run, const char *what, enum profile_style style)
{
	bool hidden = style == PROFILE_COMPAT && run->failed;
	long long clock_ms = run->measured && !hidden ? whole_ms(run->clock_us) : -1;
	int64_t counted_us = clock_ms < 0 ? 0 : run->clock_us;
	char size[16];

	profile_size(run->memory, size, sizeof(size));
	buf_printf(out, "Executed %s\nEstimated...\n", what);
	buf_printf(out, "...execution clock time:\t\t %lldms (%lldms billing bucket)\n", clock_ms,
		   (long long)profile_billed_ms(counted_us, 100));
	if (style == PROFILE_FULL) {
		buf_printf(out, "...billed in steps of 1 ms:\t\t %lldms (clock %.3f ms)\n",
			   (long long)profile_billed_ms(counted_us, 1), ms((double)counted_us));
	}
	if (style == PROFILE_FULL && run->init_us >= 0) {
		buf_printf(out, "...cold start before it:\t\t %.3f ms\n", ms((double)run->init_us));
	}
	buf_printf(out, "...execution peak RSS memory:\t\t %s (%llu bytes)\n", size, (unsigned long long)run->memory);
	buf_puts(out, "----------------------RESULT----------------------\n");
}

static void print_values(struct buf *out, const struct profile *p)
{
	const int64_t *values = stats_values(&p->clock);

	if (values == NULL) {
		return;
	}
	buf_putc(out, '[');
	for (uint64_t i = 0; i < p->clock.count; i++) {
		buf_printf(out, "%s%.3f", i > 0 ? ", " : "", ms((double)values[i]));
	}
	buf_puts(out, "]\n");
}

static void print_bar(struct buf *out, uint64_t count, uint64_t highest)
{
	uint64_t length = (count * BAR_WIDTH + highest - 1) / highest;

	if (length > 0) {
		buf_putc(out, ' ');
	}
	for (uint64_t i = 0; i < length; i++) {
		buf_putc(out, '#');
	}
	buf_putc(out, '\n');
}

static void print_histogram(struct buf *out, struct profile *p)
{
	struct stats_histogram h;

	stats_histogram(&p->clock, TERMINAL_BINS, &h);
	for (unsigned i = 0; i < h.count; i++) {
		bool rest = h.open && i + 1 == h.count;

		buf_printf(out, "\t%s%12.3f ms %10llu", rest ? ">" : " ", ms((double)(h.from + (int64_t)i * h.width)),
			   (unsigned long long)h.bins[i]);
		print_bar(out, h.bins[i], h.highest);
	}
}

static void print_clock(struct buf *out, struct profile *p)
{
	struct stats *s = &p->clock;

	buf_puts(out, "Clock time:\n");
	buf_printf(out,
		   "\tMin: %lldms, Max: %lldms, Median: %lldms, Median Billing Bucket: %lldms, "
		   "Rounded Standard Deviation: %lldms\n",
		   whole_ms(s->min), whole_ms(s->max), whole_ms(stats_median(s)),
		   (long long)profile_billed_ms(stats_median(s), 100), (long long)stats_deviation_up(s, 1000));
}

/* What the original does not have. */
static void print_details(struct buf *out, struct profile *p, int64_t elapsed_us)
{
	struct stats *s = &p->clock;

	buf_printf(out,
		   "\tIn detail: min %.3f, median %.3f, p90 %.3f, p99 %.3f, max %.3f, mean %.3f, "
		   "standard deviation %.3f ms\n",
		   ms((double)s->min), ms((double)stats_median(s)), ms((double)stats_permille(s, 900)),
		   ms((double)stats_permille(s, 990)), ms((double)s->max), ms(s->mean), ms(stats_deviation(s)));
	if (stats_values(s) == NULL) {
		buf_printf(out, "\t(more than %d samples: median and percentiles to within 0.8 %%)\n", STATS_EXACT);
	}
	buf_printf(out, "\tBilled in steps of 1 ms: %llu ms in all\n", (unsigned long long)p->billed_ms);
	if (p->cold_starts > 0) {
		buf_printf(out, "\tCold starts: %llu, median %.3f ms, max %.3f ms\n",
			   (unsigned long long)p->cold_starts, ms((double)stats_median(&p->init)),
			   ms((double)p->init.max));
	}
	if (elapsed_us > 0) {
		buf_printf(out, "\tAll in all: %.3f s, %.1f events per second\n", (double)elapsed_us / 1e6,
			   (double)p->runs * 1e6 / (double)elapsed_us);
	}
	print_histogram(out, p);
}

static void print_memory(struct buf *out, const struct profile *p)
{
	char min[16];
	char max[16];

	profile_size((uint64_t)p->memory.min, min, sizeof(min));
	profile_size((uint64_t)p->memory.max, max, sizeof(max));
	buf_printf(out, "Peak resident set size (memory):\n\tMin: %s, Max: %s\n", min, max);
}

void profile_print_summary(struct buf *out, struct profile *p, int64_t elapsed_us, enum profile_style style)
{
	buf_printf(out, "\nSummary profile from stream execution:\nSamples: %llu\n", (unsigned long long)p->runs);
	if (p->failed > 0) {
		buf_printf(out,
			   "(ERRORS DETECTED: Removing timing samples from aborted invocations.)\nNew sample size: "
			   "%llu\n",
			   (unsigned long long)p->clock.count);
	}
	if (style == PROFILE_FULL && p->failed + p->bad_lines > 0) {
		buf_printf(out, "Errors: %llu, timeouts: %llu, lines that are no events: %llu\n",
			   (unsigned long long)(p->failed - p->timed_out), (unsigned long long)p->timed_out,
			   (unsigned long long)p->bad_lines);
	}
	if (p->clock.count == 0) {
		buf_puts(out, "No valid timing samples!\n");
	} else {
		if (style == PROFILE_COMPAT) {
			print_values(out, p);
		}
		print_clock(out, p);
		if (style == PROFILE_FULL) {
			print_details(out, p, elapsed_us);
		}
	}
	if (p->memory.count > 0) {
		print_memory(out, p);
	}
}
