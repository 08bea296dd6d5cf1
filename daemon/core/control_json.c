/* SPDX-License-Identifier: Apache-2.0 */
/* Rendering of state, invocations and events. */
#include "core/control_json.h"

#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "core/dispatch_control.h"

static void add_text(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, ",\"%s\":", name);
	if (value == NULL || *value == '\0') {
		buf_puts(out, "null");
	} else {
		text_json_string(out, value, strlen(value));
	}
}

static void add_bool(struct buf *out, const char *name, bool value)
{
	buf_printf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

/* us < 0: null. */
static void add_ms(struct buf *out, const char *name, int64_t us)
{
	if (us < 0) {
		buf_printf(out, ",\"%s\":null", name);
	} else {
		buf_printf(out, ",\"%s\":%.3f", name, (double)us / 1000);
	}
}

static bool is_utf8(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len) {
		unsigned char c = (unsigned char)s[i++];
		size_t more = c < 0x80 ? 0 : (c & 0xe0) == 0xc0 && c >= 0xc2 ? 1 : (c & 0xf0) == 0xe0 ? 2 : 3;

		if (c >= 0x80 && (c < 0xc2 || c > 0xf4)) {
			return false;
		}
		for (; more > 0; more--, i++) {
			if (i == len || ((unsigned char)s[i] & 0xc0) != 0x80) {
				return false;
			}
		}
	}
	return true;
}

/* "name": text, or "nameBase64" when it is none. */
static void add_body(struct buf *out, const char *name, const struct blob *body)
{
	if (body == NULL) {
		buf_printf(out, ",\"%s\":null", name);
	} else if (is_utf8(body->data, body->len)) {
		buf_printf(out, ",\"%s\":", name);
		text_json_string(out, body->data, body->len);
	} else {
		buf_printf(out, ",\"%sBase64\":\"", name);
		text_base64(out, body->data, body->len);
		buf_putc(out, '"');
	}
}

/* --- state --- */

/* 0: null. */
static void add_pid(struct buf *out, int pid)
{
	if (pid > 0) {
		buf_printf(out, ",\"pid\":%d", pid);
	} else {
		buf_puts(out, ",\"pid\":null");
	}
}

static void add_extension(struct buf *out, const struct extension *x, int pid)
{
	buf_puts(out, "{\"name\":");
	text_json_string(out, x->name, strlen(x->name));
	add_text(out, "id", x->id);
	add_pid(out, pid);
	add_text(out, "state", ext_state_name(x->state));
	add_bool(out, "external", x->external);
	buf_printf(out, ",\"events\":[%s%s%s]", (x->events & EXT_INVOKE) != 0 ? "\"INVOKE\"" : "",
		   x->events == (EXT_INVOKE | EXT_SHUTDOWN) ? "," : "",
		   (x->events & EXT_SHUTDOWN) != 0 ? "\"SHUTDOWN\"" : "");
	add_text(out, "errorType", x->error_type);
	buf_putc(out, '}');
}

static void add_init(struct buf *out, const struct journal_init *init)
{
	if (!init->known) {
		buf_puts(out, ",\"init\":null");
		return;
	}
	buf_printf(out, ",\"init\":{\"status\":\"%s\"", lifecycle_status_name(init->status));
	add_text(out, "errorType", init->error_type);
	add_ms(out, "durationMs", init->duration_us);
	buf_putc(out, '}');
}

static void add_environment(struct buf *out, const struct journal *j, const struct instance *inst,
			    const struct control_pids *pids, int64_t now_us)
{
	const struct extension_set *set = &inst->extensions;
	const struct event *running = dispatch_running(inst);

	buf_printf(out, "{\"environment\":%u", inst->slot);
	add_text(out, "state", inst_state_name(inst->state));
	add_text(out, "runtime", inst->state == INST_DEAD ? NULL : rt_state_name(inst->rt));
	add_pid(out, pids->runtime(inst));
	add_ms(out, "stateMs", inst->since_us > 0 ? now_us - inst->since_us : -1);
	add_bool(out, "frozen", inst->frozen);
	buf_printf(out, ",\"freezeEpoch\":%u", inst->epoch);
	add_text(out, "invocation", running != NULL ? running->id : NULL);
	add_text(out, "shutdownReason", inst->state == INST_STOPPING ? inst->shutdown : NULL);
	add_init(out, journal_init(j, inst->slot));
	buf_puts(out, ",\"extensions\":[");
	for (unsigned i = 0; i < set->count; i++) {
		buf_puts(out, i > 0 ? "," : "");
		add_extension(out, set->items[i], pids->extension(set->items[i]));
	}
	buf_puts(out, "]}");
}

void control_json_state(struct buf *out, const struct journal *j, struct dispatch *d, const struct control_pids *pids,
			int64_t now_us)
{
	buf_printf(out, "{\"phase\":\"%s\",\"environments\":[", control_phase_name(control_phase(d)));
	for (unsigned i = 0; i < dispatch_slots(d); i++) {
		const struct instance *inst = dispatch_instance(d, i);

		/* Slots are filled from the first on; one that was never used says nothing. */
		if (i == 0 || inst->state != INST_DEAD || journal_init(j, i)->known) {
			buf_puts(out, i > 0 ? "," : "");
			add_environment(out, j, inst, pids, now_us);
		}
	}
	buf_puts(out, "],\"counts\":{");
	for (unsigned i = 0; i < COUNT_COUNT; i++) {
		buf_printf(out, "%s\"%s\":%llu", i > 0 ? "," : "", journal_count_name((enum journal_count)i),
			   (unsigned long long)journal_count(j, (enum journal_count)i));
	}
	buf_printf(out, "},\"queued\":%zu,\"lastEvent\":%llu}", dispatch_pending(d),
		   (unsigned long long)journal_next_seq(j) - 1);
}

/* --- invocations --- */

static int64_t between(int64_t from_us, int64_t to_us)
{
	return from_us < 0 || to_us < 0 ? -1 : to_us - from_us;
}

void control_json_call(struct buf *out, const struct call *c)
{
	char stamp[CLOCK_STAMP_LEN];

	buf_printf(out, "{\"id\":\"%s\"", c->id);
	add_text(out, "state", call_state_name(c->state));
	add_text(out, "outcome", c->ended ? outcome_name(c->outcome) : NULL);
	add_bool(out, "functionError", c->ended && outcome_is_function_error(c->outcome));
	add_text(out, "errorType", c->error_type);
	add_bool(out, "abandoned", c->abandoned);
	if (c->slot >= 0) {
		buf_printf(out, ",\"environment\":%d", c->slot);
	} else {
		buf_puts(out, ",\"environment\":null");
	}
	add_text(out, "arn", c->arn);
	add_text(out, "traceId", c->trace_id);
	add_text(out, "queuedAt", clock_stamp(c->queued_ms, stamp));
	add_ms(out, "waitedMs", between(c->queued_us, c->started_us));
	add_ms(out, "durationMs", between(c->started_us, c->answered_us));
	add_ms(out, "runtimeMs", between(c->started_us, c->runtime_done_us));
	add_ms(out, "totalMs", c->state == CALL_FINISHED ? between(c->started_us, c->finished_us) : -1);
	add_ms(out, "initMs", c->init_us);
	add_ms(out, "extensionOverheadMs", c->extensions_us);
	add_body(out, "payload", c->payload);
	add_body(out, "result", c->result);
	buf_putc(out, '}');
}

void control_json_calls(struct buf *out, const struct journal *j, int state)
{
	const struct list *calls = journal_calls(j);
	const struct list *pos;
	const char *separator = "";

	buf_puts(out, "{\"invocations\":[");
	list_foreach(calls, pos) {
		const struct call *c = container_of(pos, struct call, link);

		if (state < 0 || c->state == (enum call_state)state) {
			buf_puts(out, separator);
			control_json_call(out, c);
			separator = ",\n";
		}
	}
	buf_puts(out, "]}");
}

/* --- telemetry --- */

void control_json_events(struct buf *out, const struct journal *j, const struct control_filter *f, uint64_t limit)
{
	const struct list *events = journal_events(j);
	const struct list *pos;
	const char *separator = "";
	uint64_t next = journal_next_seq(j) - 1;
	uint64_t n = 0;

	buf_puts(out, "{\"events\":[");
	list_foreach(events, pos) {
		const struct capture *e = container_of(pos, struct capture, link);

		if (!control_filter_takes(f, e)) {
			continue;
		}
		if (n == limit) {
			break;
		}
		buf_printf(out, "%s{\"seq\":%llu,\"environment\":%u,\"event\":", separator,
			   (unsigned long long)e->seq, e->slot);
		buf_append(out, e->text->data, e->text->len);
		buf_putc(out, '}');
		separator = ",\n";
		n++;
		next = n == limit ? e->seq : next;
	}
	buf_printf(out, "],\"next\":%llu,\"dropped\":%llu}", (unsigned long long)next,
		   (unsigned long long)journal_dropped_events(j));
}
