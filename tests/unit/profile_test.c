/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: billing, reports, summaries, pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "core/profile.h"

static void add(struct profile *p, bool failed, int64_t clock_us)
{
	const struct profile_run run = {
		.failed = failed, .measured = true, .clock_us = clock_us, .init_us = -1, .memory = 386195456
	};

	profile_add(p, &run);
}

static void expect(const struct buf *text, const char *part)
{
	if (strstr(text->data, part) == NULL) {
		print_message("%s\n", text->data);
		fail_msg("lacks %s", part);
	}
}

static void test_billing(void **state)
{
	static const struct {
		int64_t clock_us;
		int64_t billed;
		int64_t bucket;
	} rows[] = {
		{ -1000, 0, 0 },      { 0, 0, 0 },	    { 200, 1, 100 },	  { 99000, 99, 100 },
		{ 100000, 100, 100 }, { 100001, 101, 200 }, { 101000, 101, 200 }, { 199000, 199, 200 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(profile_billed_ms(rows[i].clock_us, 1), rows[i].billed);
		assert_int_equal(profile_billed_ms(rows[i].clock_us, 100), rows[i].bucket);
	}
}

static void test_size(void **state)
{
	char text[16];

	(void)state;
	profile_size(386195456, text, sizeof(text));
	assert_string_equal(text, "368M");
	profile_size(1023, text, sizeof(text));
	assert_string_equal(text, "1023B");
	profile_size((uint64_t)5 << 40, text, sizeof(text));
	assert_string_equal(text, "5T");
}

static void test_run(void **state)
{
	struct profile_run run = { .measured = true, .clock_us = 277900, .init_us = -1, .memory = 386195456 };
	struct buf text = BUF_INIT;

	(void)state;
	profile_print_run(&text, &run, "h.ok", PROFILE_COMPAT);
	assert_string_equal(text.data, "Executed h.ok\nEstimated...\n"
				       "...execution clock time:\t\t 277ms (300ms billing bucket)\n"
				       "...execution peak RSS memory:\t\t 368M (386195456 bytes)\n"
				       "----------------------RESULT----------------------\n");
	buf_clear(&text);
	run.failed = true;
	profile_print_run(&text, &run, "h.ok", PROFILE_COMPAT);
	expect(&text, "\t\t -1ms (0ms billing bucket)\n");
	buf_clear(&text);
	profile_print_run(&text, &run, "h.ok", PROFILE_FULL);
	expect(&text, "\t\t 277ms (300ms billing bucket)\n");
	expect(&text, "...billed in steps of 1 ms:\t\t 278ms (clock 277.900 ms)\n");
	buf_fini(&text);
}

static void test_summary(void **state)
{
	static struct profile p;
	struct buf text = BUF_INIT;

	(void)state;
	profile_init(&p);
	for (int64_t ms = 10; ms <= 40; ms += 10) {
		add(&p, false, ms * 1000);
	}
	add(&p, true, 999000);
	profile_print_summary(&text, &p, 2000000, PROFILE_FULL);
	expect(&text, "Samples: 5\n(ERRORS DETECTED: Removing timing samples from aborted invocations.)\n"
		      "New sample size: 4\n");
	expect(&text, "\tMin: 10ms, Max: 40ms, Median: 30ms, Median Billing Bucket: 100ms, "
		      "Rounded Standard Deviation: 13ms\n");
	expect(&text, "p90 40.000, p99 40.000, max 40.000, mean 25.000");
	expect(&text, "Billed in steps of 1 ms: 1099 ms");
	expect(&text, "Peak resident set size (memory):\n\tMin: 368M, Max: 368M\n");
	expect(&text, "####");
	buf_clear(&text);
	profile_print_summary(&text, &p, 2000000, PROFILE_COMPAT);
	expect(&text, "[10.000, 20.000, 30.000, 40.000]\nClock time:\n");
	assert_null(strstr(text.data, "####"));
	buf_fini(&text);
	profile_fini(&p);
}

static void test_nothing_valid(void **state)
{
	static struct profile p;
	struct buf text = BUF_INIT;

	(void)state;
	profile_init(&p);
	profile_print_summary(&text, &p, 0, PROFILE_FULL);
	expect(&text, "Samples: 0\nNo valid timing samples!\n");
	buf_clear(&text);
	add(&p, true, 5);
	profile_print_summary(&text, &p, 0, PROFILE_COMPAT);
	expect(&text, "New sample size: 0\nNo valid timing samples!\n");
	buf_fini(&text);
	profile_fini(&p);
}

/* However long the stream, a course has a bounded number of steps and loses none of the runs. */
static void test_course(void **state)
{
	static struct profile p;
	const uint64_t count = 100000;
	uint64_t runs = 0;
	uint64_t failed = 0;

	(void)state;
	profile_init(&p);
	for (uint64_t i = 0; i < count; i++) {
		add(&p, i % 1000 == 0, (int64_t)i);
	}
	assert_in_range(p.clock_course.count, PROFILE_STEPS / 2, PROFILE_STEPS);
	for (unsigned i = 0; i < p.clock_course.count; i++) {
		const struct profile_step *step = &p.clock_course.steps[i];

		assert_int_equal(step->min, runs);
		runs += step->runs;
		failed += step->failed;
		assert_int_equal(step->max, runs - 1);
	}
	assert_int_equal(runs, count);
	assert_int_equal(failed, 100);
	profile_fini(&p);
}

static void test_page(void **state)
{
	static const struct profile_about about = {
		.function = "<h>&", .command = "python3 \"x\"", .source = "events", .stamp = "now", .concurrency = 2
	};
	static struct profile p;
	struct buf text = BUF_INIT;

	(void)state;
	profile_init(&p);
	for (int64_t i = 1; i < 200; i++) {
		add(&p, i == 100, i * 100);
	}
	profile_print_html(&text, &p, &about);
	expect(&text, "Profile of &lt;h&gt;&amp;</h1>");
	expect(&text, "python3 &quot;x&quot;");
	expect(&text, "<svg");
	expect(&text, "class=bad");
	assert_null(strstr(text.data, "<script"));
	assert_null(strstr(text.data, "http"));
	buf_clear(&text);
	profile_fini(&p);
	/* Nothing to draw is no reason to fail. */
	profile_init(&p);
	profile_print_html(&text, &p, &about);
	assert_null(strstr(text.data, "<svg"));
	buf_fini(&text);
	profile_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_billing), cmocka_unit_test(test_size),	      cmocka_unit_test(test_run),
		cmocka_unit_test(test_summary), cmocka_unit_test(test_nothing_valid), cmocka_unit_test(test_course),
		cmocka_unit_test(test_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
