/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between the broker and the runtime's debug port. */
#include <string.h>

#include "base/text.h"
#include "edge/debug_target.h"
#include "edge/debugger_priv.h"
#include "io/sock.h"

#define PIECE_MAX ((size_t)64 * 1024)

/* What debuggers send when their breakpoints are set: Chrome DevTools Protocol, Debug Adapter Protocol. */
static const char cdp_ready[] = "\"Runtime.runIfWaitingForDebugger\"";
static const char cdp_enable[] = "\"Debugger.enable\"";
static const char dap_ready[] = "\"configurationDone\"";
static const char dap_header[] = "Content-Length: ";
/* Commands that mean something here are short. */
static const size_t command_max = 1024;

static bool has(const char *data, size_t len, const char *word)
{
	return len > 0 && memmem(data, len, word, strlen(word)) != NULL;
}

/* --- broker to runtime --- */

/* DAP's messages are not cut out of the stream; a word that is split between two pieces must be found all the same. */
static void sniff(struct debugger *d, const char *data, size_t len)
{
	size_t keep = sizeof(dap_ready) - 2;

	if (d->release != RELEASE_WAITING || d->configured) {
		return;
	}
	buf_append(&d->sniffed, data, len);
	d->configured = has(d->sniffed.data, d->sniffed.len, dap_ready);
	d->will_say_ready = d->will_say_ready || has(d->sniffed.data, d->sniffed.len, dap_header);
	if (d->sniffed.len > keep) {
		buf_consume(&d->sniffed, d->sniffed.len - keep);
	}
}

static void to_target(struct debugger *d, const char *data, size_t len)
{
	if (!d->target_open) {
		/* The broker's connection is paused; this is what had been read with the news of the debugger. */
		buf_append(&d->early, &len, sizeof(len));
		buf_append(&d->early, data, len);
		return;
	}
	if (d->settings->tcp) {
		sniff(d, data, len);
	} else if (len <= command_max) {
		d->configured = d->configured || has(data, len, cdp_ready);
		d->debugger_enabled = d->debugger_enabled || has(data, len, cdp_enable);
	}
	d->has_spoken = true;
	debug_target_send(d->target, data, len);
	if (d->broker != NULL && debug_target_queued(d->target) > SOCK_HIGH) {
		ws_pause(d->broker, true);
	}
	debugger_heard(d);
}

void debug_flow_opened(struct debugger *d)
{
	struct buf early = d->early;
	size_t at = 0;
	size_t len;

	buf_init(&d->early, 0);
	while (at < early.len) {
		memcpy(&len, early.data + at, sizeof(len));
		at += sizeof(len);
		to_target(d, early.data + at, len);
		at += len;
	}
	buf_fini(&early);
}

static void on_broker_piece(void *ctx, const struct ws_piece *piece)
{
	struct debugger *d = ctx;

	if (piece->binary) {
		if (d->settings->tcp && piece->len > 0) {
			to_target(d, piece->data, piece->len);
		}
		return;
	}
	if (piece->first) {
		wire_begin(&d->reader);
		buf_clear(&d->to_target);
	}
	if (!wire_feed(&d->reader, piece->data, piece->len, &d->to_target) ||
	    (piece->last && !wire_end(&d->reader))) {
		debugger_give_up(d, WS_BAD_DATA, "the broker sent something else than a debug message");
		return;
	}
	if (d->to_target.len > DEBUG_MESSAGE_MAX) {
		debugger_give_up(d, WS_TOO_BIG, "the debugger sent a message over the limit");
		return;
	}
	if (!piece->last) {
		return;
	}
	if (wire_type(&d->reader) == WIRE_CONNECTED) {
		debugger_user_joined(d);
	} else if (wire_type(&d->reader) == WIRE_PAYLOAD && !d->settings->tcp) {
		to_target(d, d->to_target.data != NULL ? d->to_target.data : "", d->to_target.len);
	}
	if (d->to_target.cap > PIECE_MAX) {
		buf_fini(&d->to_target);
	}
}

static void on_broker_space(void *ctx)
{
	struct debugger *d = ctx;

	if (d->target_open) {
		debug_target_pause(d->target, false);
	}
}

static void on_broker_closed(void *ctx, unsigned code, const char *reason)
{
	struct debugger *d = ctx;

	d->broker = NULL;
	debugger_broker_closed(d, code, reason);
}

const struct ws_ops debug_broker_ops = {
	.on_piece = on_broker_piece,
	.on_space = on_broker_space,
	.on_closed = on_broker_closed,
};

/* --- runtime to broker --- */

static void send_broker(struct debugger *d, const struct ws_piece *piece)
{
	ws_send(d->broker, piece);
	if (d->target_open && ws_queued(d->broker) > SOCK_HIGH) {
		debug_target_pause(d->target, true);
	}
}

static void wrap(struct debugger *d, const struct ws_piece *in)
{
	struct ws_piece out = { .last = in->last };

	if (in->first) {
		buf_clear(&d->to_broker);
		wire_open(&d->to_broker);
		d->broker_begun = false;
	}
	text_json_escape(&d->to_broker, in->data, in->len);
	if (in->last) {
		wire_shut(&d->to_broker);
	}
	if (in->last || d->to_broker.len >= PIECE_MAX) {
		out.first = !d->broker_begun;
		out.data = d->to_broker.data;
		out.len = d->to_broker.len;
		d->broker_begun = true;
		send_broker(d, &out);
		buf_clear(&d->to_broker);
	}
}

static void on_target_piece(void *ctx, const struct ws_piece *piece)
{
	struct debugger *d = ctx;

	if (d->broker == NULL) {
		return;
	}
	if (d->settings->tcp) {
		send_broker(d, piece);
	} else {
		wrap(d, piece);
	}
}

static void on_target_space(void *ctx)
{
	struct debugger *d = ctx;

	if (d->broker != NULL) {
		ws_pause(d->broker, false);
	}
}

static void on_target_open(void *ctx, const char *path)
{
	debugger_target_opened(ctx, path);
}

static void on_target_closed(void *ctx, const char *why)
{
	debugger_target_closed(ctx, why);
}

const struct debug_target_ops debug_target_callbacks = {
	.on_open = on_target_open,
	.on_piece = on_target_piece,
	.on_space = on_target_space,
	.on_closed = on_target_closed,
};

void debug_flow_reset(struct debugger *d)
{
	debug_flow_fini(d);
	wire_reader_init(&d->reader);
	buf_init(&d->to_target, 0);
	buf_init(&d->to_broker, 0);
	buf_init(&d->early, 0);
	buf_init(&d->sniffed, 0);
	d->broker_begun = false;
}

void debug_flow_fini(struct debugger *d)
{
	wire_reader_fini(&d->reader);
	buf_fini(&d->to_target);
	buf_fini(&d->to_broker);
	buf_fini(&d->early);
	buf_fini(&d->sniffed);
}
