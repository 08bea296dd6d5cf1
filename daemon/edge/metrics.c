/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics. */
#include "edge/metrics.h"

#include "base/buf.h"
#include "core/dispatch.h"

typedef unsigned long long ull;

static void describe(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void render_outcomes(const struct dispatch_stats *st, struct buf *out)
{
	describe(out, "lambda_invocations_total", "counter", "Invocations by outcome.");
	for (unsigned k = 0; k < OUTCOME_COUNT; k++) {
		buf_printf(out, "lambda_invocations_total{outcome=\"%s\"} %llu\n", outcome_name((enum outcome_kind)k),
			   (ull)st->outcomes[k]);
	}
	buf_printf(out, "lambda_invocations_total{outcome=\"cancelled\"} %llu\n", (ull)st->cancelled);
}

static void render_durations(const struct dispatch_stats *st, struct buf *out)
{
	uint64_t total = 0;

	describe(out, "lambda_invocation_duration_seconds", "histogram",
		 "Time from hand-over of an event to its answer.");
	for (unsigned b = 0; b < DISPATCH_BUCKETS; b++) {
		total += st->duration_bucket[b];
		buf_printf(out, "lambda_invocation_duration_seconds_bucket{le=\"%g\"} %llu\n",
			   (double)dispatch_bucket_us[b] / 1e6, (ull)total);
	}
	total += st->duration_bucket[DISPATCH_BUCKETS];
	buf_printf(out, "lambda_invocation_duration_seconds_bucket{le=\"+Inf\"} %llu\n", (ull)total);
	buf_printf(out, "lambda_invocation_duration_seconds_sum %.6f\n", (double)st->duration_sum_us / 1e6);
	buf_printf(out, "lambda_invocation_duration_seconds_count %llu\n", (ull)total);
}

static void render_runtimes(const struct dispatch *d, const struct dispatch_stats *st, struct buf *out)
{
	describe(out, "lambda_queue_depth", "gauge", "Invocations waiting for a runtime.");
	buf_printf(out, "lambda_queue_depth %zu\n", dispatch_pending(d));
	describe(out, "lambda_runtimes", "gauge", "Runtime processes by state.");
	for (unsigned s = INST_STARTING; s < INST_COUNT; s++) {
		buf_printf(out, "lambda_runtimes{state=\"%s\"} %u\n", inst_state_name((enum inst_state)s),
			   dispatch_count(d, (enum inst_state)s));
	}
	describe(out, "lambda_runtime_starts_total", "counter", "Runtime processes started.");
	buf_printf(out, "lambda_runtime_starts_total %llu\n", (ull)st->starts);
	describe(out, "lambda_runtime_restarts_total", "counter",
		 "Starts that replaced a runtime which crashed, timed out or failed to initialise.");
	buf_printf(out, "lambda_runtime_restarts_total %llu\n", (ull)st->restarts);
}

void metrics_render(const struct dispatch *d, struct buf *out)
{
	const struct dispatch_stats *st = dispatch_stats(d);

	render_outcomes(st, out);
	render_durations(st, out);
	render_runtimes(d, st, out);
	describe(out, "lambda_streamed_responses_total", "counter", "Responses passed on while they were made.");
	buf_printf(out, "lambda_streamed_responses_total %llu\n", (ull)st->streams);
	describe(out, "lambda_request_bytes_total", "counter", "Bytes of events taken.");
	buf_printf(out, "lambda_request_bytes_total %llu\n", (ull)st->request_bytes);
	describe(out, "lambda_response_bytes_total", "counter", "Bytes of results given.");
	buf_printf(out, "lambda_response_bytes_total %llu\n", (ull)st->response_bytes);
}
