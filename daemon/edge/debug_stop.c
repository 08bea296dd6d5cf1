/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping at the handler, by the Chrome DevTools Protocol. */
#include "edge/debug_stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/json.h"
#include "io/ws.h"
#include "io/ws_dial.h"
#include "loop/loop.h"

/* A runtime that does not answer in time is debugged without a stop. */
static const int64_t limit_us = 5 * 1000 * 1000;
/* Of each message: answers to us are short, and what else comes is not looked at. */
static const size_t message_max = 16 * 1024;

enum { ASK_ENABLE = 1, ASK_NOTIFY, ASK_HANDLER, ASK_STOP };

struct debug_stop {
	struct loop *loop;
	struct debug_stop_opts opts;
	struct ws_dial *dial;
	struct ws *ws;
	struct loop_timer timer;
	struct loop_grave grave;
	struct buf message;
	char *handler;
	char *node_options;
	char *object; /* id of the handler function in the process */
	bool waiting; /* prepared is owed */
};

/* Looks the handler up as runtime clients do; require() gives the module that they have loaded. ES modules need a Node.js that
 * can require() them (20.19, 22.12). */
static const char find_handler[] =
	"((r,h)=>{const p=r('path'),f=r('fs'),m=/^(.*\\/)?([^/]*?)\\.(.*)$/.exec(h);"
	"for(const d of[process.env.LAMBDA_TASK_ROOT||'.','.'])for(const e of['','.js','.mjs','.cjs']){"
	"const q=p.resolve(d,(m[1]||'')+m[2]+e);"
	"if(f.existsSync(q)&&f.statSync(q).isFile())return m[3].split('.').reduce((o,k)=>o[k],r(q))}})";

/* What the process does not need to know. */
static const char hide_options[] = "((o,h)=>{o=(o||'').replace(h,'').trim();if(o)process.env.NODE_OPTIONS=o;else "
				   "delete process.env.NODE_OPTIONS})";

static void stop_free(void *ctx)
{
	struct debug_stop *s = ctx;

	buf_fini(&s->message);
	free(s->handler);
	free(s->node_options);
	free(s->object);
	free(s);
}

void debug_stop_free(struct debug_stop *s)
{
	if (s == NULL) {
		return;
	}
	ws_dial_cancel(s->dial);
	s->dial = NULL;
	if (s->ws != NULL) {
		ws_close(s->ws, WS_NORMAL, "");
		s->ws = NULL;
	}
	loop_timer_clear(s->loop, &s->timer);
	loop_defer(s->loop, &s->grave, stop_free, s);
}

static void prepared(struct debug_stop *s)
{
	loop_timer_clear(s->loop, &s->timer);
	if (s->waiting) {
		s->waiting = false;
		s->opts.prepared(s->opts.ctx);
	}
}

static void on_timer(void *ctx)
{
	struct debug_stop *s = ctx;

	log_warn("the runtime does not stop at its handler reason=\"%s\"", "no answer of its inspector");
	prepared(s);
}

static void expect(struct debug_stop *s)
{
	s->waiting = true;
	loop_timer_set(s->loop, &s->timer, loop_now_us(s->loop) + limit_us);
}

static void send_text(struct debug_stop *s, const char *text, size_t len)
{
	const struct ws_piece piece = { .first = true, .last = true, .data = text, .len = len };

	ws_send(s->ws, &piece);
}

static void ask(struct debug_stop *s, int id, const char *method, const char *params)
{
	struct buf text = BUF_INIT;

	buf_printf(&text, "{\"id\":%d,\"method\":\"%s\",\"params\":%s}", id, method, params);
	send_text(s, text.data, text.len);
	buf_fini(&text);
}

static void ask_for_handler(struct debug_stop *s)
{
	struct buf code = BUF_INIT;
	struct buf params = BUF_INIT;

	buf_printf(&code, "%s(process.env.NODE_OPTIONS,", hide_options);
	text_json_string(&code, s->node_options, strlen(s->node_options));
	buf_puts(&code, ")");
	if (s->handler != NULL) {
		buf_printf(&code, ",%s(require,", find_handler);
		text_json_string(&code, s->handler, strlen(s->handler));
		buf_puts(&code, ")");
	}
	buf_puts(&params, "{\"includeCommandLineAPI\":true,\"silent\":true,\"expression\":");
	text_json_string(&params, code.data, code.len);
	buf_puts(&params, "}");
	ask(s, ASK_HANDLER, "Runtime.evaluate", params.data);
	buf_fini(&params);
	buf_fini(&code);
}

static void on_handler(struct debug_stop *s)
{
	struct json *answer = json_doc_read(s->message.data, s->message.len);
	const struct json *object = json_member(json_member(answer, "result"), "result");
	const char *type = json_member_string(object, "type");

	if (type != NULL && strcmp(type, "function") == 0) {
		s->object = xstrdup(json_member_string(object, "objectId"));
	}
	json_doc_free(answer);
	if (s->object == NULL) {
		log_info("the runtime does not stop at its handler reason=\"it was not found: %s\"",
			 s->handler != NULL ? s->handler : "no handler is configured");
	}
	prepared(s);
}

static void take_message(struct debug_stop *s)
{
	int id = 0;

	if (sscanf(s->message.data, "{\"id\":%d", &id) == 1) {
		if (id == ASK_HANDLER) {
			on_handler(s);
		} else if (id == ASK_STOP) {
			prepared(s);
		}
	} else if (text_starts(s->message.data, "{\"method\":\"NodeRuntime.waitingForDisconnect\"")) {
		s->opts.ending(s->opts.ctx);
	}
}

static void on_piece(void *ctx, const struct ws_piece *piece)
{
	struct debug_stop *s = ctx;

	if (piece->first) {
		buf_clear(&s->message);
	}
	(void)buf_append(&s->message, piece->data, piece->len);
	if (piece->last && s->message.len > 0) {
		take_message(s);
	}
}

static void on_closed(void *ctx, unsigned code, const char *reason)
{
	struct debug_stop *s = ctx;

	(void)code;
	(void)reason;
	s->ws = NULL;
	prepared(s);
}

static const struct ws_ops ws_ops = { .on_piece = on_piece, .on_closed = on_closed };

static void on_dialled(void *ctx, struct ws *ws, const char *why)
{
	struct debug_stop *s = ctx;

	s->dial = NULL;
	s->ws = ws;
	if (ws == NULL) {
		log_warn("the runtime does not stop at its handler reason=\"%s\"", why);
		prepared(s);
		return;
	}
	ask(s, ASK_NOTIFY, "NodeRuntime.notifyWhenWaitingForDisconnect", "{\"enabled\":true}");
	ask_for_handler(s);
}

struct debug_stop *debug_stop_new(struct loop *loop, const struct debug_stop_opts *opts)
{
	struct debug_stop *s = xcalloc(1, sizeof(*s));
	const struct ws_target where = { .host = "127.0.0.1", .port = opts->port, .path = opts->path };

	s->loop = loop;
	s->opts = *opts;
	s->handler = xstrdup(opts->handler);
	s->node_options = xstrdup(opts->node_options);
	buf_init(&s->message, message_max);
	loop_timer_init(&s->timer, on_timer, s);
	expect(s);
	s->dial = ws_dial_start(loop, &where, &ws_ops, on_dialled, s);
	return s;
}

bool debug_stop_set(struct debug_stop *s)
{
	struct buf params = BUF_INIT;

	if (s->object == NULL || s->ws == NULL) {
		return false;
	}
	ask(s, ASK_ENABLE, "Debugger.enable", "{}");
	buf_puts(&params, "{\"objectId\":");
	text_json_string(&params, s->object, strlen(s->object));
	buf_puts(&params, "}");
	ask(s, ASK_STOP, "Debugger.setBreakpointOnFunctionCall", params.data);
	buf_fini(&params);
	expect(s);
	return true;
}
