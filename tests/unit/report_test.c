/* SPDX-License-Identifier: Apache-2.0 */
/* START, END and REPORT as text and JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/buf.h"
#include "core/report.h"

#define STAMP "2026-11-21T01:31:23.676Z"
#define ID "8f507cfc-0000-4000-8000-0123456789ab"

static struct event *event(void)
{
	struct event *ev = event_new();

	snprintf(ev->id, sizeof(ev->id), "%s", ID);
	return ev;
}

static void check(const struct report_style *style, const struct report *r, uint64_t used, const char *expected)
{
	struct buf out = BUF_INIT;

	report_end(&out, style, r, used, STAMP);
	assert_string_equal(out.data, expected);
	buf_fini(&out);
}

static void test_text(void **state)
{
	const struct report_style style = { .version = "$LATEST", .memory_mb = 128 };
	struct report r = { .event = event(), .duration_us = 26730, .init_us = 841600 };
	struct buf out = BUF_INIT;

	(void)state;
	report_start(&out, &style, r.event, STAMP);
	assert_string_equal(out.data, "START RequestId: " ID " Version: $LATEST\n");
	buf_fini(&out);
	check(&style, &r, 75 << 20,
	      "END RequestId: " ID "\nREPORT RequestId: " ID
	      "\tDuration: 26.73 ms\tBilled Duration: 27 ms\tMemory Size: 128 MB\t"
	      "Max Memory Used: 75 MB\tInit Duration: 841.60 ms\t\n");
	r.init_us = -1;
	r.duration_us = 1;
	check(&style, &r, 1,
	      "END RequestId: " ID "\nREPORT RequestId: " ID
	      "\tDuration: 0.00 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB\t"
	      "Max Memory Used: 1 MB\t\n");
	r.kind = OUTCOME_TIMEOUT;
	r.duration_us = 3000000;
	check(&style, &r, 0,
	      "END RequestId: " ID "\nREPORT RequestId: " ID "\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"
	      "Memory Size: 128 MB\tMax Memory Used: 0 MB\tStatus: timeout\n");
	r.kind = OUTCOME_EXIT;
	r.error_type = "Runtime.ExitError";
	check(&style, &r, 0,
	      "END RequestId: " ID "\nREPORT RequestId: " ID "\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\t"
	      "Memory Size: 128 MB\tMax Memory Used: 0 MB\tStatus: error\tError Type: Runtime.ExitError\n");
	event_unref((struct event *)(uintptr_t)r.event);
}

static void test_json(void **state)
{
	const struct report_style style = { .json = true, .version = "7", .memory_mb = 128 };
	struct report r = { .event = event(), .duration_us = 26731, .init_us = 841600 };
	struct buf out = BUF_INIT;

	(void)state;
	report_start(&out, &style, r.event, STAMP);
	assert_string_equal(out.data,
			    "{\"time\":\"" STAMP "\",\"type\":\"platform.start\",\"record\":{\"requestId\":\"" ID
			    "\",\"version\":\"7\"}}\n");
	buf_fini(&out);
	check(&style, &r, 75 << 20,
	      "{\"time\":\"" STAMP "\",\"type\":\"platform.runtimeDone\",\"record\":{\"requestId\":\"" ID
	      "\",\"status\":\"success\",\"metrics\":{\"durationMs\":26.731}}}\n"
	      "{\"time\":\"" STAMP "\",\"type\":\"platform.report\",\"record\":{\"requestId\":\"" ID
	      "\",\"status\":\"success\",\"metrics\":{\"durationMs\":26.731,\"billedDurationMs\":27,\"memorySizeMB\":"
	      "128,"
	      "\"maxMemoryUsedMB\":75,\"initDurationMs\":841.600}}}\n");
	event_unref((struct event *)(uintptr_t)r.event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
