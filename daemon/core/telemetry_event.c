/* SPDX-License-Identifier: Apache-2.0 */
/* Rendering of telemetry events. */
#include "core/telemetry_event.h"

#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/extension.h"

#define LOGS_FORMS (1u << FORM_LOGS_2020 | 1u << FORM_LOGS_2021)
#define TELEMETRY_FORMS (1u << FORM_TELEMETRY_TEXT | 1u << FORM_TELEMETRY_JSON)

struct scene {
	const struct telemetry_facts *facts;
	const struct lifecycle *what;
	uint64_t used_bytes;
	int64_t wall_ms;
};

typedef void (*record_fn)(struct buf *out, const struct scene *s);

/* What a kind of event is called and made of; no record_fn: it does not exist there. */
struct shape {
	const char *type;
	record_fn telemetry;
	record_fn logs;
	bool logs_2021; /* in the Logs API from this schema on only */
};

static void put_string(struct buf *out, const char *s)
{
	text_json_string(out, s, strlen(s));
}

static void put_member(struct buf *out, const char *name, const char *value)
{
	if (value != NULL) {
		buf_printf(out, ",\"%s\":", name);
		put_string(out, value);
	}
}

/* Milliseconds with three decimals. Whole numbers, because printf takes a microsecond for a double. */
static void put_ms(struct buf *out, const char *name, int64_t us)
{
	long long all = us > 0 ? us : 0;

	buf_printf(out, "\"%s\":%lld.%03lld", name, all / 1000, all % 1000);
}

static void put_span(struct buf *out, const struct scene *s, const char *name, int64_t from_us, int64_t to_us)
{
	char stamp[CLOCK_STAMP_LEN];

	clock_stamp(s->wall_ms - (s->what->now_us - from_us) / 1000, stamp);
	buf_printf(out, "{\"name\":\"%s\",\"start\":\"%s\",", name, stamp);
	put_ms(out, "durationMs", to_us - from_us);
	buf_putc(out, '}');
}

static void put_tracing(struct buf *out, const struct event *ev)
{
	if (ev->trace_id != NULL) {
		buf_puts(out, ",\"tracing\":{\"type\":\"X-Amzn-Trace-Id\",\"value\":");
		put_string(out, ev->trace_id);
		buf_putc(out, '}');
	}
	put_member(out, "tenantId", ev->tenant_id);
}

static void put_status(struct buf *out, const struct scene *s)
{
	buf_printf(out, ",\"status\":\"%s\"", lifecycle_status_name(s->what->status));
	put_member(out, "errorType", s->what->error_type);
}

static void put_request(struct buf *out, const struct scene *s)
{
	buf_puts(out, "{\"requestId\":");
	put_string(out, s->what->event->id);
}

static void put_init(struct buf *out, const struct scene *s)
{
	buf_printf(out, "{\"initializationType\":\"%s\",\"phase\":\"%s\"", init_type_name(s->what->init_type),
		   init_phase_name(s->what->phase));
}

static void put_instance(struct buf *out, const struct scene *s)
{
	buf_puts(out, "\"functionName\":");
	put_string(out, s->facts->function_name);
	put_member(out, "functionVersion", s->facts->version);
	put_member(out, "instanceId", s->facts->instance_id);
	buf_printf(out, ",\"instanceMaxMemory\":%u}", s->facts->memory_mb);
}

static void put_duration(struct buf *out, const struct scene *s)
{
	buf_puts(out, ",\"metrics\":{");
	put_ms(out, "durationMs", s->what->now_us - s->what->started_us);
	buf_putc(out, '}');
}

static void init_start(struct buf *out, const struct scene *s)
{
	put_init(out, s);
	buf_putc(out, ',');
	put_instance(out, s);
}

static void init_runtime_done(struct buf *out, const struct scene *s)
{
	put_init(out, s);
	put_status(out, s);
	buf_putc(out, '}');
}

static void init_report(struct buf *out, const struct scene *s)
{
	put_init(out, s);
	put_status(out, s);
	put_duration(out, s);
	buf_putc(out, '}');
}

static void restore_start(struct buf *out, const struct scene *s)
{
	buf_putc(out, '{');
	put_instance(out, s);
}

static void restore_runtime_done(struct buf *out, const struct scene *s)
{
	buf_printf(out, "{\"status\":\"%s\"", lifecycle_status_name(s->what->status));
	put_member(out, "errorType", s->what->error_type);
	buf_putc(out, '}');
}

static void restore_report(struct buf *out, const struct scene *s)
{
	buf_printf(out, "{\"status\":\"%s\"", lifecycle_status_name(s->what->status));
	put_member(out, "errorType", s->what->error_type);
	put_duration(out, s);
	buf_putc(out, '}');
}

static void put_events(struct buf *out, unsigned events)
{
	buf_printf(out, ",\"events\":[%s%s%s]", events & EXT_INVOKE ? "\"INVOKE\"" : "",
		   events == (EXT_INVOKE | EXT_SHUTDOWN) ? "," : "", events & EXT_SHUTDOWN ? "\"SHUTDOWN\"" : "");
}

static void extension(struct buf *out, const struct scene *s)
{
	const struct extension *x = s->what->extension;

	buf_puts(out, "{\"name\":");
	put_string(out, x->name);
	put_member(out, "state", ext_state_name(x->state));
	put_events(out, x->events);
	put_member(out, "errorType", x->error_type[0] != '\0' ? x->error_type : NULL);
	buf_putc(out, '}');
}

static void start(struct buf *out, const struct scene *s)
{
	put_request(out, s);
	put_member(out, "version", s->facts->version);
	put_tracing(out, s->what->event);
	buf_putc(out, '}');
}

static void start_logs(struct buf *out, const struct scene *s)
{
	put_request(out, s);
	put_member(out, "version", s->facts->version);
	buf_putc(out, '}');
}

static void put_runtime_spans(struct buf *out, const struct scene *s)
{
	const struct lifecycle *w = s->what;

	if (w->response_us < 0 || w->answered_us < 0) {
		return;
	}
	buf_puts(out, ",\"spans\":[");
	put_span(out, s, "responseLatency", w->started_us, w->response_us);
	buf_putc(out, ',');
	put_span(out, s, "responseDuration", w->response_us, w->answered_us);
	buf_putc(out, ',');
	put_span(out, s, "runtimeOverhead", w->answered_us, w->now_us);
	buf_putc(out, ']');
}

static void runtime_done(struct buf *out, const struct scene *s)
{
	put_request(out, s);
	put_status(out, s);
	buf_puts(out, ",\"metrics\":{");
	put_ms(out, "durationMs", s->what->now_us - s->what->started_us);
	if (s->what->answered_us >= 0) {
		buf_printf(out, ",\"producedBytes\":%zu", s->what->produced);
	}
	buf_putc(out, '}');
	put_runtime_spans(out, s);
	put_tracing(out, s->what->event);
	buf_putc(out, '}');
}

/* The older API knows success, failure and timeout only. */
static void runtime_done_logs(struct buf *out, const struct scene *s)
{
	enum lifecycle_status status = s->what->status == LC_ERROR ? LC_FAILURE : s->what->status;

	put_request(out, s);
	buf_printf(out, ",\"status\":\"%s\"}", lifecycle_status_name(status));
}

static void put_report_metrics(struct buf *out, const struct scene *s)
{
	const struct lifecycle *w = s->what;
	int64_t us = w->now_us > w->started_us ? w->now_us - w->started_us : 0;

	buf_puts(out, ",\"metrics\":{");
	put_ms(out, "durationMs", us);
	if (w->init_type == INIT_MANAGED) {
		buf_putc(out, '}');
		return;
	}
	buf_printf(out, ",\"billedDurationMs\":%lld,\"memorySizeMB\":%u,\"maxMemoryUsedMB\":%llu",
		   (long long)((us + 999) / 1000), s->facts->memory_mb,
		   (unsigned long long)((s->used_bytes + (1 << 20) - 1) >> 20));
	if (w->init_us >= 0) {
		buf_putc(out, ',');
		put_ms(out, "initDurationMs", w->init_us);
	}
	if (w->restore_us >= 0) {
		buf_putc(out, ',');
		put_ms(out, "restoreDurationMs", w->restore_us);
		buf_printf(out, ",\"billedRestoreDurationMs\":%lld", (long long)((w->restore_us + 999) / 1000));
	}
	buf_putc(out, '}');
}

static void report(struct buf *out, const struct scene *s)
{
	put_request(out, s);
	put_report_metrics(out, s);
	put_status(out, s);
	if (s->what->runtime_done_us >= 0) {
		buf_puts(out, ",\"spans\":[");
		put_span(out, s, "extensionOverhead", s->what->runtime_done_us, s->what->now_us);
		buf_putc(out, ']');
	}
	put_tracing(out, s->what->event);
	buf_putc(out, '}');
}

static void report_logs(struct buf *out, const struct scene *s)
{
	put_request(out, s);
	put_report_metrics(out, s);
	buf_putc(out, '}');
}

static void fault_logs(struct buf *out, const struct scene *s)
{
	put_string(out, s->what->text);
}

static const struct shape shapes[LC_COUNT] = {
	[LC_INIT_START] = { "platform.initStart", init_start, NULL, false },
	[LC_EXTENSION] = { "platform.extension", extension, extension, false },
	[LC_INIT_RUNTIME_DONE] = { "platform.initRuntimeDone", init_runtime_done, NULL, false },
	[LC_INIT_REPORT] = { "platform.initReport", init_report, NULL, false },
	[LC_RESTORE_START] = { "platform.restoreStart", restore_start, NULL, false },
	[LC_RESTORE_RUNTIME_DONE] = { "platform.restoreRuntimeDone", restore_runtime_done, NULL, false },
	[LC_RESTORE_REPORT] = { "platform.restoreReport", restore_report, NULL, false },
	[LC_START] = { "platform.start", start, start_logs, false },
	[LC_RUNTIME_DONE] = { "platform.runtimeDone", runtime_done, runtime_done_logs, true },
	[LC_REPORT] = { "platform.report", report, report_logs, false },
	[LC_FAULT] = { "platform.fault", NULL, fault_logs, false },
};

static void begin(struct buf *out, const char *type, int64_t wall_ms)
{
	char stamp[CLOCK_STAMP_LEN];

	buf_printf(out, "{\"time\":\"%s\",\"type\":\"%s\",\"record\":", clock_stamp(wall_ms, stamp), type);
}

/* Closes the envelope; the text becomes that of the forms. */
static void finish(struct telemetry_event *ev, unsigned forms, struct buf *out)
{
	struct blob *text;

	buf_putc(out, '}');
	text = buf_to_blob(out);
	for (unsigned f = 0; f < FORM_COUNT; f++) {
		if ((forms & 1u << f) != 0) {
			ev->text[f] = blob_ref(text);
		}
	}
	blob_unref(text);
}

static void render(struct telemetry_event *ev, unsigned forms, const char *type, record_fn fn, const struct scene *s)
{
	struct buf out = BUF_INIT;

	if (forms == 0 || fn == NULL) {
		return;
	}
	begin(&out, type, s->wall_ms);
	fn(&out, s);
	finish(ev, forms, &out);
}

static void init(struct telemetry_event *ev, enum telemetry_type type)
{
	memset(ev, 0, sizeof(*ev));
	ev->type = type;
}

void telemetry_event_lifecycle(struct telemetry_event *ev, unsigned forms, const struct telemetry_facts *facts,
			       const struct lifecycle *what, uint64_t used_bytes, int64_t wall_ms)
{
	const struct shape *shape = &shapes[what->kind];
	const struct scene s = { facts, what, used_bytes, wall_ms };
	unsigned logs = forms & (shape->logs_2021 ? 1u << FORM_LOGS_2021 : LOGS_FORMS);

	init(ev, TELEMETRY_PLATFORM);
	render(ev, forms & TELEMETRY_FORMS, shape->type, shape->telemetry, &s);
	render(ev, logs, shape->type, shape->logs, &s);
}

void telemetry_event_end(struct telemetry_event *ev, unsigned forms, const char *request_id, int64_t wall_ms)
{
	struct buf out = BUF_INIT;

	init(ev, TELEMETRY_PLATFORM);
	if ((forms & LOGS_FORMS) == 0) {
		return;
	}
	begin(&out, "platform.end", wall_ms);
	buf_puts(&out, "{\"requestId\":");
	put_string(&out, request_id);
	buf_putc(&out, '}');
	finish(ev, forms & LOGS_FORMS, &out);
}

static void subscription(struct telemetry_event *ev, unsigned forms, const char *event_type,
			 const char *extension_name, unsigned types, int64_t wall_ms)
{
	static const char *const names[] = { "platform", "function", "extension" };
	struct buf out = BUF_INIT;
	const char *separator = "";

	if (forms == 0) {
		return;
	}
	begin(&out, event_type, wall_ms);
	buf_puts(&out, "{\"name\":");
	put_string(&out, extension_name);
	buf_puts(&out, ",\"state\":\"Subscribed\",\"types\":[");
	for (unsigned i = 0; i < countof(names); i++) {
		if ((types & 1u << i) != 0) {
			buf_printf(&out, "%s\"%s\"", separator, names[i]);
			separator = ",";
		}
	}
	buf_puts(&out, "]}");
	finish(ev, forms, &out);
}

void telemetry_event_subscription(struct telemetry_event *ev, unsigned forms, const char *extension_name,
				  unsigned types, int64_t wall_ms)
{
	init(ev, TELEMETRY_PLATFORM);
	subscription(ev, forms & TELEMETRY_FORMS, "platform.telemetrySubscription", extension_name, types, wall_ms);
	subscription(ev, forms & LOGS_FORMS, "platform.logsSubscription", extension_name, types, wall_ms);
}

void telemetry_event_dropped(struct telemetry_event *ev, unsigned forms, int64_t wall_ms, uint64_t events,
			     uint64_t bytes)
{
	struct buf out = BUF_INIT;

	init(ev, TELEMETRY_PLATFORM);
	begin(&out, "platform.logsDropped", wall_ms);
	buf_printf(&out,
		   "{\"droppedBytes\":%llu,\"droppedRecords\":%llu,\"reason\":\"Some logs were dropped because the "
		   "downstream consumer is slower than the logs production rate\"}",
		   (unsigned long long)bytes, (unsigned long long)events);
	finish(ev, forms, &out);
}

/* A JSON object as it is; line breaks can only stand between its tokens, and would end a line of NDJSON. */
static void put_object(struct buf *out, const char *text, size_t len)
{
	char *to = buf_room(out, len);

	for (size_t i = 0; i < len; i++) {
		to[i] = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
	}
	buf_added(out, len);
}

void telemetry_event_log(struct telemetry_event *ev, unsigned forms, enum telemetry_type type, int64_t wall_ms,
			 const char *line, size_t len, bool is_object)
{
	const char *name = type == TELEMETRY_EXTENSION ? "extension" : "function";
	unsigned object_forms = is_object ? forms & 1u << FORM_TELEMETRY_JSON : 0;
	struct buf out = BUF_INIT;

	init(ev, type);
	if (object_forms != 0) {
		begin(&out, name, wall_ms);
		put_object(&out, line, len);
		finish(ev, object_forms, &out);
	}
	if ((forms & ~object_forms) != 0) {
		begin(&out, name, wall_ms);
		text_json_string(&out, line, len);
		finish(ev, forms & ~object_forms, &out);
	}
}
