/* SPDX-License-Identifier: Apache-2.0 */
/* START, END and REPORT. */
#include "core/report.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static const char *status_of(enum outcome_kind kind)
{
	if (kind == OUTCOME_RESPONSE) {
		return "success";
	}
	return kind == OUTCOME_TIMEOUT ? "timeout" : "error";
}

static uint64_t billed_ms(int64_t us)
{
	return us <= 0 ? 0 : (uint64_t)(us + 999) / 1000;
}

static uint64_t megabytes(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

static void text_end(struct buf *out, const struct report_style *style, const struct report *r, uint64_t used)
{
	buf_printf(out, "END RequestId: %s\n", r->event->id);
	buf_printf(out,
		   "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %llu ms\tMemory Size: %u MB\t"
		   "Max Memory Used: %llu MB\t",
		   r->event->id, (double)r->duration_us / 1000, (unsigned long long)billed_ms(r->duration_us),
		   style->memory_mb, (unsigned long long)megabytes(used));
	if (r->init_us >= 0) {
		buf_printf(out, "Init Duration: %.2f ms\t", (double)r->init_us / 1000);
	}
	if (r->restore_us > 0) {
		buf_printf(out, "Restore Duration: %.2f ms\tBilled Restore Duration: %llu ms\t",
			   (double)r->restore_us / 1000, (unsigned long long)billed_ms(r->restore_us));
	}
	if (r->kind == OUTCOME_TIMEOUT) {
		buf_puts(out, "Status: timeout");
	} else if (r->kind != OUTCOME_RESPONSE) {
		buf_printf(out, "Status: error\tError Type: %s",
			   r->error_type != NULL ? r->error_type : "Runtime.Unknown");
	}
	buf_putc(out, '\n');
}

static void json_status(struct buf *out, const struct report *r)
{
	buf_printf(out, ",\"status\":\"%s\"", status_of(r->kind));
	if (r->kind != OUTCOME_RESPONSE && r->error_type != NULL) {
		buf_puts(out, ",\"errorType\":");
		text_json_string(out, r->error_type, strlen(r->error_type));
	}
}

static void json_end(struct buf *out, const struct report_style *style, const struct report *r, uint64_t used,
		     const char *stamp)
{
	double ms = (double)r->duration_us / 1000;

	buf_printf(out, "{\"time\":\"%s\",\"type\":\"platform.runtimeDone\",\"record\":{\"requestId\":\"%s\"", stamp,
		   r->event->id);
	json_status(out, r);
	buf_printf(out, ",\"metrics\":{\"durationMs\":%.3f}}}\n", ms);
	buf_printf(out, "{\"time\":\"%s\",\"type\":\"platform.report\",\"record\":{\"requestId\":\"%s\"", stamp,
		   r->event->id);
	json_status(out, r);
	buf_printf(out,
		   ",\"metrics\":{\"durationMs\":%.3f,\"billedDurationMs\":%llu,\"memorySizeMB\":%u,"
		   "\"maxMemoryUsedMB\":%llu",
		   ms, (unsigned long long)billed_ms(r->duration_us), style->memory_mb,
		   (unsigned long long)megabytes(used));
	if (r->init_us >= 0) {
		buf_printf(out, ",\"initDurationMs\":%.3f", (double)r->init_us / 1000);
	}
	if (r->restore_us > 0) {
		buf_printf(out, ",\"restoreDurationMs\":%.3f,\"billedRestoreDurationMs\":%llu",
			   (double)r->restore_us / 1000, (unsigned long long)billed_ms(r->restore_us));
	}
	buf_puts(out, "}}}\n");
}

void report_start(struct buf *out, const struct report_style *style, const struct event *ev, const char *stamp)
{
	if (!style->json) {
		buf_printf(out, "START RequestId: %s Version: %s\n", ev->id, style->version);
		return;
	}
	buf_printf(out, "{\"time\":\"%s\",\"type\":\"platform.start\",\"record\":{\"requestId\":\"%s\",\"version\":",
		   stamp, ev->id);
	text_json_string(out, style->version, strlen(style->version));
	if (ev->tenant_id != NULL) {
		buf_puts(out, ",\"tenantId\":");
		text_json_string(out, ev->tenant_id, strlen(ev->tenant_id));
	}
	buf_puts(out, "}}\n");
}

void report_end(struct buf *out, const struct report_style *style, const struct report *r, uint64_t used_bytes,
		const char *stamp)
{
	if (style->json) {
		json_end(out, style, r, used_bytes, stamp);
	} else {
		text_end(out, style, r, used_bytes);
	}
}
