/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of every telemetry event, in every form that knows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "base/mem.h"
#include "core/extension.h"
#include "core/telemetry_event.h"

#define STAMP "2026-11-21T01:31:23.676Z"
#define WALL INT64_C(1795224683676)
#define ID "8f507cfc-0000-4000-8000-0123456789ab"
#define ALL ((1u << FORM_COUNT) - 1)
#define TIMED(type) "{\"time\":\"" STAMP "\",\"type\":\"" type "\",\"record\":"

static const struct telemetry_facts facts = {
	.function_name = "f", .version = "$LATEST", .instance_id = "i-1", .memory_mb = 128
};

/* telemetry, logs: NULL = the API does not have it. */
static void check_forms(struct telemetry_event *ev, const char *logs_2020, const char *logs_2021, const char *text,
			const char *json)
{
	const char *const expected[FORM_COUNT] = { logs_2020, logs_2021, text, json };

	for (unsigned f = 0; f < FORM_COUNT; f++) {
		if (expected[f] == NULL) {
			assert_null(ev->text[f]);
		} else {
			assert_non_null(ev->text[f]);
			assert_string_equal(ev->text[f]->data, expected[f]);
		}
	}
	telemetry_event_fini(ev);
}

static void check(const struct lifecycle *what, const char *telemetry, const char *logs, const char *logs_2021)
{
	struct telemetry_event ev;

	telemetry_event_lifecycle(&ev, ALL, &facts, what, 75 << 20, WALL);
	assert_int_equal(ev.type, TELEMETRY_PLATFORM);
	check_forms(&ev, logs, logs_2021, telemetry, telemetry);
	/* Nothing is rendered that nobody wants. */
	telemetry_event_lifecycle(&ev, 0, &facts, what, 0, WALL);
	check_forms(&ev, NULL, NULL, NULL, NULL);
}

static struct lifecycle occurrence(enum lifecycle_kind kind)
{
	struct lifecycle what = { .kind = kind,
				  .now_us = 5000000,
				  .started_us = 5000000 - 26731,
				  .response_us = -1,
				  .answered_us = -1,
				  .runtime_done_us = -1,
				  .init_us = -1,
				  .restore_us = -1 };

	return what;
}

static struct event *event(const char *trace, const char *tenant)
{
	struct event *ev = event_new();

	snprintf(ev->id, sizeof(ev->id), "%s", ID);
	ev->trace_id = xstrdup(trace);
	ev->tenant_id = xstrdup(tenant);
	return ev;
}

static void test_init(void **state)
{
	struct lifecycle what = occurrence(LC_INIT_START);

	(void)state;
	check(&what,
	      TIMED("platform.initStart") "{\"initializationType\":\"on-demand\",\"phase\":\"init\",\"functionName\":"
					  "\"f\","
					  "\"functionVersion\":\"$LATEST\",\"instanceId\":\"i-1\","
					  "\"instanceMaxMemory\":128}}",
	      NULL, NULL);
	what.kind = LC_INIT_RUNTIME_DONE;
	check(&what,
	      TIMED("platform.initRuntimeDone") "{\"initializationType\":\"on-demand\",\"phase\":\"init\","
						"\"status\":\"success\"}}",
	      NULL, NULL);
	what.kind = LC_INIT_REPORT;
	what.phase = PHASE_INVOKE;
	what.status = LC_ERROR;
	what.error_type = "Runtime.ExitError";
	check(&what,
	      TIMED("platform.initReport") "{\"initializationType\":\"on-demand\",\"phase\":\"invoke\",\"status\":"
					   "\"error\","
					   "\"errorType\":\"Runtime.ExitError\",\"metrics\":{\"durationMs\":26.731}}"
					   "}",
	      NULL, NULL);
}

static void test_restore(void **state)
{
	struct lifecycle what = occurrence(LC_RESTORE_START);

	(void)state;
	check(&what,
	      TIMED("platform.restoreStart") "{\"functionName\":\"f\",\"functionVersion\":\"$LATEST\","
					     "\"instanceId\":\"i-1\",\"instanceMaxMemory\":128}}",
	      NULL, NULL);
	what.kind = LC_RESTORE_RUNTIME_DONE;
	what.status = LC_TIMEOUT;
	what.error_type = "Runtime.RestoreHookUserTimeout";
	check(&what,
	      TIMED("platform.restoreRuntimeDone") "{\"status\":\"timeout\","
						   "\"errorType\":\"Runtime.RestoreHookUserTimeout\"}}",
	      NULL, NULL);
	what.kind = LC_RESTORE_REPORT;
	what.status = LC_SUCCESS;
	what.error_type = NULL;
	check(&what, TIMED("platform.restoreReport") "{\"status\":\"success\",\"metrics\":{\"durationMs\":26.731}}}",
	      NULL, NULL);
}

static void check_extension(struct extension *x, const char *expected)
{
	struct lifecycle what = occurrence(LC_EXTENSION);

	what.extension = x;
	check(&what, expected, expected, expected);
}

static void test_extension(void **state)
{
	struct extension x = { .name = "a.sh", .state = EXT_READY, .events = EXT_INVOKE | EXT_SHUTDOWN };

	(void)state;
	check_extension(&x, TIMED("platform.extension") "{\"name\":\"a.sh\",\"state\":\"Ready\","
							"\"events\":[\"INVOKE\",\"SHUTDOWN\"]}}");
	x.events = 0;
	x.state = EXT_REGISTERED;
	check_extension(&x,
			TIMED("platform.extension") "{\"name\":\"a.sh\",\"state\":\"Registered\",\"events\":[]}}");
	x.events = EXT_SHUTDOWN;
	x.state = EXT_EXIT_ERROR;
	snprintf(x.error_type, sizeof(x.error_type), "Extension.\"Bad\"");
	check_extension(&x, TIMED("platform.extension") "{\"name\":\"a.sh\",\"state\":\"ExitError\","
							"\"events\":[\"SHUTDOWN\"],"
							"\"errorType\":\"Extension.\\\"Bad\\\"\"}}");
}

static void test_start(void **state)
{
	struct lifecycle what = occurrence(LC_START);
	struct event *ev = event("Root=1-2-3;Sampled=1", "blue");
	static const char logs[] = TIMED("platform.start") "{\"requestId\":\"" ID "\",\"version\":\"$LATEST\"}}";

	(void)state;
	what.event = ev;
	check(&what,
	      TIMED("platform.start") "{\"requestId\":\"" ID "\",\"version\":\"$LATEST\",\"tracing\":{"
				      "\"type\":\"X-Amzn-Trace-Id\",\"value\":\"Root=1-2-3;Sampled=1\"},"
				      "\"tenantId\":\"blue\"}}",
	      logs, logs);
	event_unref(ev);
}

static void test_runtime_done(void **state)
{
	struct lifecycle what = occurrence(LC_RUNTIME_DONE);
	struct event *ev = event(NULL, NULL);

	(void)state;
	what.event = ev;
	what.response_us = what.now_us - 6500;
	what.answered_us = what.now_us - 1250;
	what.produced = 42;
	check(&what,
	      TIMED("platform.runtimeDone") "{\"requestId\":\"" ID "\",\"status\":\"success\",\"metrics\":{"
					    "\"durationMs\":26.731,\"producedBytes\":42},\"spans\":["
					    "{\"name\":\"responseLatency\",\"start\":\"2026-11-21T01:31:23.650Z\","
					    "\"durationMs\":20.231},"
					    "{\"name\":\"responseDuration\",\"start\":\"2026-11-21T01:31:23.670Z\","
					    "\"durationMs\":5.250},"
					    "{\"name\":\"runtimeOverhead\",\"start\":\"2026-11-21T01:31:23.675Z\","
					    "\"durationMs\":1.250}]}}",
	      NULL, TIMED("platform.runtimeDone") "{\"requestId\":\"" ID "\",\"status\":\"success\"}}");
	what.response_us = what.answered_us = -1;
	what.status = LC_ERROR;
	what.error_type = "Runtime.ExitError";
	check(&what,
	      TIMED("platform.runtimeDone") "{\"requestId\":\"" ID "\",\"status\":\"error\","
					    "\"errorType\":\"Runtime.ExitError\",\"metrics\":{\"durationMs\":26.731}}"
					    "}",
	      NULL, TIMED("platform.runtimeDone") "{\"requestId\":\"" ID "\",\"status\":\"failure\"}}");
	what.status = LC_TIMEOUT;
	what.error_type = NULL;
	check(&what,
	      TIMED("platform.runtimeDone") "{\"requestId\":\"" ID "\",\"status\":\"timeout\",\"metrics\":{"
					    "\"durationMs\":26.731}}}",
	      NULL, TIMED("platform.runtimeDone") "{\"requestId\":\"" ID "\",\"status\":\"timeout\"}}");
	event_unref(ev);
}

#define METRICS                                                                                                      \
	"\"metrics\":{\"durationMs\":26.731,\"billedDurationMs\":27,\"memorySizeMB\":128,\"maxMemoryUsedMB\":75"

static void test_report(void **state)
{
	struct lifecycle what = occurrence(LC_REPORT);
	struct event *ev = event("Root=1-2-3", NULL);
	static const char warm[] = TIMED("platform.report") "{\"requestId\":\"" ID "\"," METRICS "}}}";
	static const char cold[] = TIMED("platform.report") "{\"requestId\":\"" ID "\"," METRICS
							    ",\"initDurationMs\":116.670}}}";

	(void)state;
	what.event = ev;
	check(&what,
	      TIMED("platform.report") "{\"requestId\":\"" ID "\"," METRICS "},\"status\":\"success\",\"tracing\":{"
				       "\"type\":\"X-Amzn-Trace-Id\",\"value\":\"Root=1-2-3\"}}}",
	      warm, warm);
	what.init_us = 116670;
	what.runtime_done_us = what.now_us - 10000;
	check(&what,
	      TIMED("platform.report") "{\"requestId\":\"" ID "\"," METRICS ",\"initDurationMs\":116.670},"
				       "\"status\":\"success\",\"spans\":[{\"name\":\"extensionOverhead\","
				       "\"start\":\"2026-11-21T01:31:23.666Z\",\"durationMs\":10.000}],\"tracing\":{"
				       "\"type\":\"X-Amzn-Trace-Id\",\"value\":\"Root=1-2-3\"}}}",
	      cold, cold);
	event_unref(ev);
	what.event = ev = event(NULL, NULL);
	what.init_us = -1;
	what.runtime_done_us = -1;
	what.restore_us = 2100;
	what.status = LC_FAILURE;
	what.error_type = "Sandbox.Failure";
	check(&what,
	      TIMED("platform.report") "{\"requestId\":\"" ID "\"," METRICS ",\"restoreDurationMs\":2.100,"
				       "\"billedRestoreDurationMs\":3},\"status\":\"failure\","
				       "\"errorType\":\"Sandbox.Failure\"}}",
	      TIMED("platform.report") "{\"requestId\":\"" ID "\"," METRICS ",\"restoreDurationMs\":2.100,"
				       "\"billedRestoreDurationMs\":3}}}",
	      TIMED("platform.report") "{\"requestId\":\"" ID "\"," METRICS ",\"restoreDurationMs\":2.100,"
				       "\"billedRestoreDurationMs\":3}}}");
	event_unref(ev);
}

static void test_logs_only(void **state)
{
	struct lifecycle what = occurrence(LC_FAULT);
	struct telemetry_event ev;
	static const char end[] = TIMED("platform.end") "{\"requestId\":\"" ID "\"}}";

	(void)state;
	what.text = "RequestId: " ID " Process exited before completing request";
	check(&what, NULL, TIMED("platform.fault") "\"RequestId: " ID " Process exited before completing request\"}",
	      TIMED("platform.fault") "\"RequestId: " ID " Process exited before completing request\"}");
	telemetry_event_end(&ev, ALL, ID, WALL);
	check_forms(&ev, end, end, NULL, NULL);
}

static void test_nobody_is_told(void **state)
{
	static const enum lifecycle_kind silent[] = { LC_REGISTERED, LC_FROZEN, LC_THAWED, LC_SHUTDOWN, LC_GONE };

	(void)state;
	for (size_t i = 0; i < countof(silent); i++) {
		struct lifecycle what = occurrence(silent[i]);

		check(&what, NULL, NULL, NULL);
	}
}

static void test_subscription(void **state)
{
	struct telemetry_event ev;
	static const char telemetry[] = TIMED(
		"platform.telemetrySubscription") "{\"name\":\"x\",\"state\":\"Subscribed\","
						  "\"types\":[\"platform\",\"extension\"]}}";
	static const char logs[] = TIMED("platform.logsSubscription") "{\"name\":\"x\",\"state\":\"Subscribed\","
								      "\"types\":[\"platform\",\"extension\"]}}";

	(void)state;
	telemetry_event_subscription(&ev, ALL, "x", TELEMETRY_PLATFORM | TELEMETRY_EXTENSION, WALL);
	check_forms(&ev, logs, logs, telemetry, telemetry);
}

static void test_dropped(void **state)
{
	struct telemetry_event ev;

	(void)state;
	telemetry_event_dropped(&ev, 1u << FORM_TELEMETRY_TEXT, WALL, 123, 12345);
	check_forms(
		&ev, NULL, NULL,
		TIMED("platform.logsDropped") "{\"droppedBytes\":12345,\"droppedRecords\":123,\"reason\":"
					      "\"Some logs were dropped because the downstream consumer is slower "
					      "than the logs production rate\"}}",
		NULL);
}

static void check_log(enum telemetry_type type, const char *line, bool object, const char *text, const char *json)
{
	struct telemetry_event ev;

	telemetry_event_log(&ev, ALL, type, WALL, line, strlen(line), object);
	assert_int_equal(ev.type, type);
	check_forms(&ev, text, text, text, json);
}

static void test_log(void **state)
{
	(void)state;
	check_log(TELEMETRY_FUNCTION, "a \"line\"\t", false, TIMED("function") "\"a \\\"line\\\"\\t\"}",
		  TIMED("function") "\"a \\\"line\\\"\\t\"}");
	check_log(TELEMETRY_EXTENSION, "", false, TIMED("extension") "\"\"}", TIMED("extension") "\"\"}");
	check_log(TELEMETRY_FUNCTION, "{\"level\": \"INFO\",\r\n \"n\": 1}", true,
		  TIMED("function") "\"{\\\"level\\\": \\\"INFO\\\",\\r\\n \\\"n\\\": 1}\"}",
		  TIMED("function") "{\"level\": \"INFO\",   \"n\": 1}}");
	/* What is not UTF-8 is no JSON either. */
	check_log(TELEMETRY_FUNCTION, "\xff", false, TIMED("function") "\"\\ufffd\"}",
		  TIMED("function") "\"\\ufffd\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),	     cmocka_unit_test(test_restore),
		cmocka_unit_test(test_extension),    cmocka_unit_test(test_start),
		cmocka_unit_test(test_runtime_done), cmocka_unit_test(test_report),
		cmocka_unit_test(test_logs_only),    cmocka_unit_test(test_nobody_is_told),
		cmocka_unit_test(test_subscription), cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
