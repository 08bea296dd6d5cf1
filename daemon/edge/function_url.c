/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests in, invocations through, HTTP responses out. */
#include "edge/function_url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/function_name.h"
#include "core/invocation.h"
#include "core/url_event.h"
#include "core/url_response.h"
#include "edge/config.h"
#include "edge/event_fields.h"
#include "edge/invoker.h"
#include "edge/url_cors.h"
#include "edge/url_fault.h"
#include "edge/url_settings.h"
#include "io/httpd.h"

/* What browsers send at most and URL_HEADERS_MAX of the reply, with the server's records of them. */
static const size_t max_head = 96 * 1024;
static const size_t max_reply_head = 32 * 1024;
static const rlim_t max_conns = 2000;
/* Of a stream, waiting for a client: then the runtime has to wait, too. */
static const size_t max_ahead = 256 * 1024;
/* As long as load balancers wait. */
static const int64_t idle_timeout_us = (int64_t)60 * 1000 * 1000;

struct function_url {
	const struct config *cfg;
	const struct url_settings *settings;
	struct invoker *invoker;
	struct httpd *server;
	struct httpd_listener *listener;
};

/* A request that waits for its invocation. */
struct visit {
	struct invocation inv;
	struct function_url *url;
	struct httpd_req *req;
	/* Of a streamed response: */
	struct url_prelude prelude;
	bool in_prelude;
	bool open; /* the reply has begun */
	bool paused;
	struct url_response *bare; /* goes without a body, and so with the end only */
};

static void free_visit(struct visit *v)
{
	if (v->bare != NULL) {
		url_response_fini(v->bare);
		free(v->bare);
	}
	url_prelude_fini(&v->prelude);
	invocation_fini(&v->inv);
	free(v);
}

/* --- replies --- */

/* Completes the fields; the headers borrow from them. ev: NULL = there was no invocation. */
static struct httpd_header *make_headers(const struct function_url *url, const struct httpd_req *req,
					 const struct event *ev, struct url_fields *fields)
{
	struct httpd_header *headers;

	if (ev != NULL) {
		url_fields_add(fields, "x-amzn-RequestId", ev->id);
		url_fields_add(fields, "X-Amzn-Trace-Id", ev->trace_id);
	}
	url_cors_add(url->settings, req, fields);
	headers = xcalloc(fields->count + 1, sizeof(*headers));
	for (size_t i = 0; i < fields->count; i++) {
		headers[i].name = fields->items[i].name;
		headers[i].value = fields->items[i].value;
	}
	return headers;
}

/* fields are finished, the body is moved. */
static void send_reply(const struct function_url *url, struct httpd_req *req, const struct event *ev, int status,
		       struct url_fields *fields, struct blob *body)
{
	struct httpd_header *headers = make_headers(url, req, ev, fields);

	/* A client that has gone in the meantime has nothing more to be told. */
	(void)httpd_reply(req, status, headers, fields->count, body);
	free(headers);
	url_fields_fini(fields);
}

static void reply_fault(const struct function_url *url, struct httpd_req *req, const struct event *ev,
			enum url_fault fault)
{
	struct url_fields fields;
	struct blob *body;
	int status;

	url_fields_init(&fields, true);
	status = url_fault_answer(url->settings->payload, fault, &fields, &body);
	send_reply(url, req, ev, status, &fields, body);
}

static void reply_not_understood(const struct visit *v, const char *reason)
{
	log_warn("the function's response is no HTTP response payload=%s id=%s: %s",
		 url_payload_name(v->url->settings->payload), v->inv.event->id, reason);
	reply_fault(v->url, v->req, v->inv.event, URL_FAULT_FUNCTION);
}

static bool has_prelude(const struct outcome *out)
{
	static const size_t len = sizeof(URL_INTEGRATION_TYPE) - 1;
	const char *type = out->content_type;

	/* Parameters may follow: frameworks add a charset to all that they send. */
	return type != NULL && strcspn(type, "; \t") == len && strncasecmp(type, URL_INTEGRATION_TYPE, len) == 0;
}

static int read_prelude(const struct url_prelude *p, struct url_response *r, struct err *err)
{
	return url_response_read_prelude(p->json.data != NULL ? p->json.data : "", p->json.len,
					 "application/octet-stream", r, err);
}

/* A streamed response that was waited for. */
static int read_with_prelude(const struct blob *result, struct url_response *r, struct err *err)
{
	struct url_prelude p;
	size_t used;
	int ok;

	url_prelude_init(&p);
	if (url_prelude_feed(&p, result->data, result->len, &used) != URL_PRELUDE_DONE) {
		buf_clear(&p.json);
	}
	ok = read_prelude(&p, r, err);
	if (ok == 0) {
		r->body = blob_copy(result->data + used, result->len - used);
	}
	url_prelude_fini(&p);
	return ok;
}

/* In a URL that streams, a response without a prelude is what it is. */
static void read_raw(const struct outcome *out, struct url_response *r)
{
	r->status = 200;
	r->body = blob_ref(out->body);
	url_fields_init(&r->headers, true);
	url_fields_add(&r->headers, "Content-Type",
		       out->content_type != NULL ? out->content_type : "application/octet-stream");
}

static void reply_response(const struct visit *v, const struct outcome *out)
{
	const struct url_settings *s = v->url->settings;
	struct url_response r;
	struct err err = ERR_INIT;
	int ok = 0;

	if (has_prelude(out)) {
		ok = read_with_prelude(out->body, &r, &err);
	} else if (s->streaming) {
		read_raw(out, &r);
	} else {
		ok = url_response_read(s->payload, out->body, &r, &err);
	}
	if (ok == 0) {
		send_reply(v->url, v->req, v->inv.event, r.status, &r.headers, blob_ref(r.body));
	} else {
		reply_not_understood(v, err.msg);
	}
	url_response_fini(&r);
}

/* --- streams --- */

static void on_writable(void *owner)
{
	struct visit *v = owner;

	if (v->paused) {
		v->paused = false;
		invocation_pause(&v->inv, false);
	}
}

static void begin_reply(struct visit *v, struct url_response *r)
{
	struct httpd_header *headers = make_headers(v->url, v->req, v->inv.event, &r->headers);

	v->open = true;
	httpd_reply_begin(v->req, r->status, headers, r->headers.count, on_writable);
	free(headers);
}

static void pass_on(struct visit *v, const char *data, size_t len)
{
	if (len > 0 && httpd_reply_write(v->req, data, len) > max_ahead && !v->paused) {
		v->paused = true;
		invocation_pause(&v->inv, true);
	}
}

static void on_begin(struct invocation *inv, const struct outcome *head)
{
	struct visit *v = container_of(inv, struct visit, inv);
	struct url_response r;

	if (has_prelude(head)) {
		v->in_prelude = true;
		return;
	}
	read_raw(head, &r);
	begin_reply(v, &r);
	url_response_fini(&r);
}

/* Nobody waits for the rest, which may be long in coming. v is gone. */
static void give_up(struct visit *v, const char *reason)
{
	reply_not_understood(v, reason);
	v->url->invoker->cancel(v->url->invoker, &v->inv);
	free_visit(v);
}

/* false: v is gone. */
static bool end_prelude(struct visit *v)
{
	struct err err = ERR_INIT;
	struct url_response r;

	v->in_prelude = false;
	if (read_prelude(&v->prelude, &r, &err) != 0) {
		url_response_fini(&r);
		give_up(v, err.msg);
		return false;
	}
	if (r.status == 204 || r.status == 304) {
		v->bare = xmemdup(&r, sizeof(r));
	} else {
		begin_reply(v, &r);
		url_response_fini(&r);
	}
	return true;
}

static void on_piece(struct invocation *inv, const char *data, size_t len)
{
	struct visit *v = container_of(inv, struct visit, inv);
	size_t used = 0;

	if (v->in_prelude) {
		enum url_prelude_state state = url_prelude_feed(&v->prelude, data, len, &used);

		if (state == URL_PRELUDE_BAD) {
			give_up(v, "expected JSON and eight NULs in front of the body");
			return;
		}
		if (state == URL_PRELUDE_DONE && !end_prelude(v)) {
			return;
		}
	}
	if (v->open) {
		pass_on(v, data + used, len - used);
	}
}

/* A client learns that the rest is missing by the missing end. */
static void end_stream(struct visit *v, const struct outcome *out)
{
	if (v->bare != NULL && out->kind == OUTCOME_RESPONSE) {
		send_reply(v->url, v->req, v->inv.event, v->bare->status, &v->bare->headers, NULL);
	} else if (v->bare != NULL) {
		reply_fault(v->url, v->req, v->inv.event, URL_FAULT_FUNCTION);
	} else if (!v->open) {
		reply_not_understood(v, "it ended within its prelude");
	} else if (out->kind == OUTCOME_RESPONSE) {
		httpd_reply_end(v->req);
	} else {
		log_info("the function's response broke off id=%s outcome=%s", v->inv.event->id,
			 outcome_name(out->kind));
		httpd_reply_abort(v->req);
	}
}

/* --- invocations --- */

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct visit *v = container_of(inv, struct visit, inv);

	if (out->streamed) {
		end_stream(v, out);
	} else if (out->kind == OUTCOME_RESPONSE) {
		reply_response(v, out);
	} else if (outcome_is_function_error(out->kind)) {
		reply_fault(v->url, v->req, inv->event, URL_FAULT_FUNCTION);
	} else if (out->kind == OUTCOME_THROTTLED) {
		reply_fault(v->url, v->req, inv->event, URL_FAULT_THROTTLED);
	} else {
		reply_fault(v->url, v->req, inv->event, URL_FAULT_ENDING);
	}
	free_visit(v);
}

static const struct invocation_ops whole_ops = { .done = on_done };
static const struct invocation_ops stream_ops = { .done = on_done, .begin = on_begin, .piece = on_piece };

static void on_gone(void *owner)
{
	struct visit *v = owner;

	v->url->invoker->cancel(v->url->invoker, &v->inv);
	free_visit(v);
}

/* --- requests --- */

struct headers {
	struct url_field *items;
	size_t count;
	size_t room;
};

static void on_header(void *ctx, const char *name, const char *value)
{
	struct headers *h = ctx;

	if (h->count == h->room) {
		h->room = h->room * 2 + 16;
		h->items = xrealloc(h->items, h->room * sizeof(*h->items));
	}
	h->items[h->count++] = (struct url_field){ name, value };
}

static void write_event(const struct function_url *url, struct httpd_req *req, const struct event *ev,
			struct buf *out)
{
	const struct config *cfg = url->cfg;
	struct blob *body = httpd_req_take_body(req);
	struct headers headers = { .items = NULL };
	char peer[HTTPD_PEER_LEN];
	struct url_request r = {
		.method = httpd_req_method(req),
		.path = httpd_req_path(req),
		.query = httpd_req_query(req),
		.body = body->data,
		.body_len = body->len,
		.source_ip = peer,
		.port = httpd_listener_port(url->listener),
		.request_id = ev->id,
		.trace_id = ev->trace_id,
		.function = cfg->function_name,
		.account_id = cfg->account_id,
		.region = cfg->region,
		.now_ms = clock_wall_ms(),
	};

	httpd_req_peer(req, peer);
	httpd_req_each_header(req, on_header, &headers);
	r.headers = headers.items;
	r.header_count = headers.count;
	url_event_write(url->settings->payload, &r, out);
	free(headers.items);
	blob_unref(body);
}

static struct event *make_event(const struct function_url *url, struct httpd_req *req)
{
	const struct config *cfg = url->cfg;
	struct event *ev = event_new();
	struct buf text = BUF_INIT;

	event_set_trace(ev, httpd_req_header(req, "X-Amzn-Trace-Id"));
	ev->arn = function_arn(cfg->region, cfg->account_id, cfg->function_name, "");
	write_event(url, req, ev, &text);
	ev->body = buf_to_blob(&text);
	return ev;
}

static void invoke(struct function_url *url, struct httpd_req *req)
{
	bool streaming = url->settings->streaming && strcmp(httpd_req_method(req), "HEAD") != 0;
	struct event *ev = make_event(url, req);
	struct visit *v;

	/* As base64 it has become larger. */
	if (ev->body->len > MAX_REQUEST_BODY) {
		reply_fault(url, req, ev, URL_FAULT_TOO_LARGE);
		event_unref(ev);
		return;
	}
	v = xcalloc(1, sizeof(*v));
	v->url = url;
	v->req = req;
	url_prelude_init(&v->prelude);
	invocation_init(&v->inv, streaming ? &stream_ops : &whole_ops, ev);
	httpd_req_own(req, v, on_gone);
	url->invoker->submit(url->invoker, &v->inv);
}

static void reply_preflight(const struct function_url *url, struct httpd_req *req)
{
	struct httpd_header headers[8];
	struct url_fields fields;
	size_t count;

	url_fields_init(&fields, true);
	url_cors_answer(url->settings, req, &fields);
	for (count = 0; count < fields.count && count < countof(headers); count++) {
		headers[count] = (struct httpd_header){ fields.items[count].name, fields.items[count].value };
	}
	(void)httpd_reply(req, 200, headers, count, NULL);
	url_fields_fini(&fields);
}

static void on_request(void *ctx, struct httpd_req *req)
{
	struct function_url *url = ctx;

	if (url_cors_is_preflight(url->settings, req)) {
		reply_preflight(url, req);
	} else if (httpd_req_body_state(req) == HTTPD_BODY_TOO_LARGE) {
		reply_fault(url, req, NULL, URL_FAULT_TOO_LARGE);
	} else if (httpd_req_body_state(req) == HTTPD_BODY_TRUNCATED) {
		reply_fault(url, req, NULL, URL_FAULT_TRUNCATED);
	} else {
		invoke(url, req);
	}
}

/* --- life --- */

/* A small share of the descriptors: browsers with idle connections must not shut out the Invoke API. */
static unsigned max_connections(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur / 8 > max_conns) {
		return (unsigned)max_conns;
	}
	return (unsigned)(limit.rlim_cur / 8 > 0 ? limit.rlim_cur / 8 : 1);
}

struct function_url *function_url_new(struct loop *loop, const struct config *cfg,
				      const struct url_settings *settings, struct invoker *invoker, struct err *err)
{
	struct function_url *url = xcalloc(1, sizeof(*url));
	const struct httpd_opts opts = {
		.max_head = max_head,
		.max_reply_head = max_reply_head,
		.max_body = MAX_REQUEST_BODY,
		.max_conns = max_connections(),
		.idle_timeout_us = idle_timeout_us,
		.on_request = on_request,
		.ctx = url,
	};
	const char *host = settings->host != NULL ? settings->host : cfg->invoke_host;

	url->cfg = cfg;
	url->settings = settings;
	url->invoker = invoker;
	url->server = httpd_mhd_new(loop, &opts);
	if (url->server == NULL) {
		err_set(err, 1, "the HTTP server could not be started");
	} else {
		url->listener = httpd_listen(url->server, host, (uint16_t)settings->port, NULL, err);
	}
	if (url->listener == NULL) {
		err_wrap(err, "function URL");
		function_url_free(url);
		return NULL;
	}
	return url;
}

void function_url_free(struct function_url *url)
{
	if (url != NULL) {
		httpd_free(url->server);
		free(url);
	}
}

void function_url_quiesce(struct function_url *url)
{
	if (url != NULL) {
		httpd_quiesce(url->server);
	}
}

unsigned function_url_busy(const struct function_url *url)
{
	return url != NULL ? httpd_busy(url->server) : 0;
}

uint16_t function_url_port(const struct function_url *url)
{
	return httpd_listener_port(url->listener);
}
