/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker's two addresses answer: who may come in, the page, and what Chrome's discovery asks for. */
#include <string.h>

#include "base/blob.h"
#include "base/log.h"
#include "base/text.h"
#include "debug/access.h"
#include "debug/broker_priv.h"
#include "io/httpd.h"
#include "io/ws_handshake.h"

/* The frontend that Chrome has built in for Node.js. */
#define DEVTOOLS_URL "devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&"

#define TEXT_TYPE "text/plain; charset=utf-8"
#define JSON_TYPE "application/json; charset=utf-8"

static void reply(struct httpd_req *req, int status, const char *type, struct blob *body)
{
	const struct httpd_header headers[] = {
		{ "Content-Type", type },
		{ "Cache-Control", "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
	};

	httpd_reply(req, status, headers, countof(headers), body);
}

static void reply_text(struct httpd_req *req, int status, const char *text)
{
	reply(req, status, TEXT_TYPE, blob_static(text));
}

/* --- plain requests --- */

static void send_page(struct broker *b, struct httpd_req *req)
{
	const struct httpd_header headers[] = {
		{ "Content-Type", "text/html; charset=utf-8" },
		{ "Cache-Control", "no-cache" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "X-Frame-Options", "DENY" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Content-Security-Policy",
		  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
		  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
	};

	(void)b;
	httpd_reply(req, 200, headers, countof(headers), blob_copy(broker_page, broker_page_len));
}

static void send_events(struct broker *b, struct httpd_req *req)
{
	feed_join(b->feed, req);
}

static void list_session(const struct session *s, const char *host, struct buf *out)
{
	const char *scheme = s->broker->opts.tls != NULL ? "wss" : "ws";
	struct buf text = BUF_INIT;

	buf_puts(out, "{\"description\":\"AWS Lambda function\",\"id\":");
	text_json_string(out, s->key, strlen(s->key));
	buf_puts(out, ",\"title\":");
	text_json_string(out, s->name[0] != '\0' ? s->name : s->key, strlen(s->name[0] != '\0' ? s->name : s->key));
	buf_puts(out, ",\"type\":\"node\",\"url\":\"file://\"");
	/* As Chrome does it: no address while somebody is there. */
	if (!session_has_user(s)) {
		buf_printf(&text, "%s://%s%s", scheme, host, s->key);
		buf_puts(out, ",\"webSocketDebuggerUrl\":");
		text_json_string(out, text.data, text.len);
		buf_clear(&text);
		buf_printf(&text, DEVTOOLS_URL "%s=%s%s", scheme, host, s->key);
		buf_puts(out, ",\"devtoolsFrontendUrl\":");
		text_json_string(out, text.data, text.len);
		buf_fini(&text);
	}
	buf_puts(out, "}");
}

static void send_list(struct broker *b, struct httpd_req *req)
{
	const char *host = httpd_req_header(req, "Host");
	struct buf out = BUF_INIT;
	const char *comma = "";
	struct list *pos;

	buf_puts(&out, "[");
	list_foreach(&b->sessions, pos) {
		const struct session *s = container_of(pos, struct session, link);

		if (s->mode == MODE_INSPECTOR) {
			buf_puts(&out, comma);
			list_session(s, host != NULL ? host : "", &out);
			comma = ",";
		}
	}
	buf_puts(&out, "]\n");
	reply(req, 200, JSON_TYPE, buf_to_blob(&out));
}

static void send_version(struct broker *b, struct httpd_req *req)
{
	(void)b;
	reply(req, 200, JSON_TYPE, blob_static("{\"Browser\":\"debug-broker\",\"Protocol-Version\":\"1.1\"}\n"));
}

static void metric(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, type, name,
		   (unsigned long long)value);
}

static void send_metrics(struct broker *b, struct httpd_req *req)
{
	const struct broker_stats *st = &b->stats;
	struct buf out = BUF_INIT;
	unsigned users = 0;
	struct list *pos;

	list_foreach(&b->sessions, pos) {
		users += session_has_user(container_of(pos, struct session, link));
	}
	metric(&out, "debug_broker_functions", "gauge", "Functions connected now.", b->session_count);
	metric(&out, "debug_broker_debuggers", "gauge", "Debuggers connected now.", users);
	metric(&out, "debug_broker_sockets", "gauge", "WebSockets open now, closing ones included.", b->sockets.open);
	metric(&out, "debug_broker_functions_total", "counter", "Functions that have connected.", st->functions);
	metric(&out, "debug_broker_debuggers_total", "counter", "Debuggers that have connected.", st->debuggers);
	metric(&out, "debug_broker_refused_total", "counter",
	       "Connections with nobody to pair with, or one too many.", st->refused);
	metric(&out, "debug_broker_denied_total", "counter", "Requests without the right token, host or origin.",
	       st->denied);
	metric(&out, "debug_broker_to_debugger_bytes_total", "counter", "Bytes for debuggers.", st->to_user_bytes);
	metric(&out, "debug_broker_to_function_bytes_total", "counter", "Bytes for functions.", st->to_lambda_bytes);
	reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_to_blob(&out));
}

static const struct place {
	const char *path;
	void (*send)(struct broker *b, struct httpd_req *req);
	bool open; /* tells nothing, so it needs no token */
} places[] = {
	{ "/", send_page, true },
	{ "/events", send_events, false },
	{ "/json", send_list, false },
	{ "/json/list", send_list, false },
	{ "/json/version", send_version, false },
	{ "/metrics", send_metrics, false },
};

static const struct place *find_place(const char *path)
{
	for (size_t i = 0; i < countof(places); i++) {
		if (strcmp(places[i].path, path) == 0) {
			return &places[i];
		}
	}
	return NULL;
}

static void reply_upgrade(struct httpd_req *req)
{
	const struct httpd_header headers[] = {
		{ "Upgrade", "websocket" },
		{ "Sec-WebSocket-Version", "13" },
		{ "Content-Type", TEXT_TYPE },
	};

	httpd_reply(req, 426, headers, countof(headers), blob_static("Upgrade Required\n"));
}

/* --- who may come in --- */

static void deny(struct broker *b, struct httpd_req *req, int status, const char *text)
{
	b->stats.denied++;
	log_warn("debug connection denied path=%s reason=\"%.*s\"", httpd_req_path(req), (int)strlen(text) - 1, text);
	reply_text(req, status, text);
}

static bool token_fits(const struct httpd_req *req, const char *token)
{
	return access_token_fits(token, httpd_req_header(req, "Authorization"), httpd_req_query(req));
}

/* false: the request was answered. */
static bool user_may_enter(struct broker *b, struct httpd_req *req)
{
	const char *host = httpd_req_header(req, "Host");

	if (b->opts.user_token == NULL && !b->opts.any_host_name && !access_host_is_local(host)) {
		deny(b, req, 403, "this broker answers to addresses and localhost only\n");
		return false;
	}
	if (!access_origin_is_ours(httpd_req_header(req, "Origin"), host)) {
		deny(b, req, 403, "web pages of other origins may not debug\n");
		return false;
	}
	return true;
}

static void on_user_request(struct broker *b, struct httpd_req *req, bool upgrade, const char *key)
{
	const struct place *place = upgrade ? NULL : find_place(httpd_req_path(req));

	if (!user_may_enter(b, req)) {
		return;
	}
	if (!upgrade && place == NULL) {
		reply_upgrade(req);
	} else if ((place == NULL || !place->open) && !token_fits(req, b->opts.user_token)) {
		deny(b, req, 401, "the token is missing or wrong\n");
	} else if (upgrade) {
		session_join(b, req, key);
	} else if (strcmp(httpd_req_method(req), "GET") != 0) {
		reply_text(req, 405, "GET only\n");
	} else {
		place->send(b, req);
	}
}

static void on_lambda_request(struct broker *b, struct httpd_req *req, bool upgrade, const char *key)
{
	if (!upgrade) {
		reply_upgrade(req);
	} else if (httpd_req_header(req, "Origin") != NULL) {
		deny(b, req, 403, "a web page is no function\n");
	} else if (!token_fits(req, b->opts.lambda_token)) {
		deny(b, req, 401, "the token is missing or wrong\n");
	} else {
		session_add(b, req, key);
	}
}

void broker_on_request(void *ctx, struct httpd_req *req)
{
	struct broker *b = ctx;
	enum ws_ask ask = ws_asked(req);
	struct buf key = BUF_INIT;

	if (strcmp(httpd_req_path(req), "/_/health") == 0 && ask == WS_ASK_NOT) {
		reply_text(req, 200, "OK");
		return;
	}
	if (ask == WS_ASK_BAD_VERSION) {
		reply_upgrade(req);
		return;
	}
	if (ask == WS_ASK_MALFORMED) {
		reply_text(req, 400, "malformed WebSocket handshake\n");
		return;
	}
	access_key(&key, httpd_req_path(req), httpd_req_query(req));
	if (key.len > BROKER_MAX_KEY) {
		reply_text(req, 414, "the id is too long\n");
	} else if (httpd_req_tag(req) == &b->user) {
		on_user_request(b, req, ask == WS_ASK_OK, key.data);
	} else {
		on_lambda_request(b, req, ask == WS_ASK_OK, key.data);
	}
	buf_fini(&key);
}
