/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting a profile. */
#include "core/profile.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"

void profile_init(struct profile *p)
{
	memset(p, 0, sizeof(*p));
	stats_init(&p->clock);
	stats_init(&p->memory);
	stats_init(&p->init);
	p->clock_course.stride = 1;
	p->memory_course.stride = 1;
}

void profile_fini(struct profile *p)
{
	stats_fini(&p->clock);
	stats_fini(&p->memory);
	stats_fini(&p->init);
}

static void merge(struct profile_step *to, const struct profile_step *more)
{
	to->min = more->min < to->min ? more->min : to->min;
	to->max = more->max > to->max ? more->max : to->max;
	to->sum += more->sum;
	to->failed += more->failed;
	to->runs += more->runs;
}

/* Two steps become one: half as many, each for twice as many runs. */
static void halve(struct profile_course *c)
{
	for (unsigned i = 0; i < PROFILE_STEPS / 2; i++) {
		c->steps[i] = c->steps[2 * i];
		merge(&c->steps[i], &c->steps[2 * i + 1]);
	}
	c->count = PROFILE_STEPS / 2;
	c->stride *= 2;
}

static void course_add(struct profile_course *c, int64_t value, bool failed)
{
	const struct profile_step one = { value, value, (double)value, failed, 1 };

	if (c->count > 0 && c->steps[c->count - 1].runs < c->stride) {
		merge(&c->steps[c->count - 1], &one);
		return;
	}
	if (c->count == PROFILE_STEPS) {
		halve(c);
	}
	c->steps[c->count++] = one;
}

void profile_add(struct profile *p, const struct profile_run *run)
{
	p->runs++;
	p->failed += run->failed;
	p->timed_out += run->timed_out;
	if (run->init_us >= 0) {
		p->cold_starts++;
		stats_add(&p->init, run->init_us);
	}
	if (!run->measured) {
		return;
	}
	p->billed_ms += (uint64_t)profile_billed_ms(run->clock_us, 1);
	if (!run->failed) {
		stats_add(&p->clock, run->clock_us);
	}
	course_add(&p->clock_course, run->clock_us, run->failed);
	if (run->memory > 0) {
		stats_add(&p->memory, (int64_t)run->memory);
		course_add(&p->memory_course, (int64_t)run->memory, run->failed);
	}
}

int64_t profile_billed_ms(int64_t clock_us, int64_t step_ms)
{
	int64_t step_us = step_ms * 1000;

	return clock_us > 0 ? (clock_us + step_us - 1) / step_us * step_ms : 0;
}

void profile_size(uint64_t bytes, char *out, size_t size)
{
	static const char units[] = "BKMGTP";
	unsigned unit = 0;

	while (bytes >= 1024 && unit < sizeof(units) - 2) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out, size, "%llu%c", (unsigned long long)bytes, units[unit]);
}
