/* SPDX-License-Identifier: Apache-2.0 */
/* Routes and replies of the Invoke API. */
#include "edge/invoke_api.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/function_name.h"
#include "core/invocation.h"
#include "edge/config.h"
#include "edge/function_info.h"
#include "edge/invoke_request.h"
#include "edge/invoke_stream.h"
#include "edge/invoker.h"
#include "io/event_stream.h"
#include "io/httpd.h"
#include "io/route.h"
#include "loop/loop.h"

/* Descriptors that the rest of the daemon needs: a handful, and per runtime its pipes, listener and connections. */
static const uint64_t reserved_fds = 128;
static const uint64_t fds_per_runtime = 8;
/* Of a managed instance: its connection, and its log's two. */
static const uint64_t fds_per_worker = 3;
/* All AWS headers together stay below 16 KiB. libmicrohttpd keeps this much for every connection that ever sent a second
 * request, and the headers of the reply have to fit in too. */
static const size_t max_head = 32 * 1024;
/* Long enough for every keep-alive pool, short enough that forgotten connections do not pile up. */
static const int64_t idle_timeout_us = (int64_t)600 * 1000 * 1000;
/* With this much of a stream waiting for its caller the runtime has to wait, too. */
static const size_t stream_ahead = 256 * 1024;

struct invoke_api {
	struct loop *loop;
	const struct config *cfg;
	struct invoker *invoker;
	struct httpd *server;
	struct httpd_listener *listener;
	struct function_info info;
};

/* How a caller wants its answer. */
enum form {
	FORM_WHOLE,
	FORM_RAW,    /* bytes as they come, if the function streams; the emulator's form */
	FORM_FRAMED, /* InvokeWithResponseStream's events */
};

enum {
	INVOKE,
	INVOKE_ASYNC,
	INVOKE_STREAM,
	HEALTH,
	READY,
	METRICS,
	LIST_FUNCTIONS,
	GET_FUNCTION,
	GET_CONFIGURATION,
	OPENFAAS
};

/* A caller that waits for its invocation. */
struct caller {
	struct invocation inv;
	struct invoke_api *api;
	struct httpd_req *req;
	enum form form;
	bool cross_origin; /* from a web page that is allowed to */
	bool invoke_async; /* InvokeAsync of 2014-11-13: the status is in the body, too */
};

#define HEADERS_MAX 12

/* Headers of one reply; the CORS ones come with it. */
struct reply {
	struct httpd_header headers[HEADERS_MAX];
	size_t count;
};

static void add_header(struct reply *r, const char *name, const char *value)
{
	if (value != NULL && r->count < HEADERS_MAX) {
		r->headers[r->count].name = name;
		r->headers[r->count++].value = value;
	}
}

static void add_cors(const struct invoke_api *api, struct reply *r, bool cross_origin)
{
	if (!cross_origin) {
		return;
	}
	add_header(r, "Access-Control-Allow-Origin", api->cfg->cors_allow_origin);
	add_header(
		r, "Access-Control-Expose-Headers",
		"X-Amz-Function-Error, X-Amz-Executed-Version, X-Amz-Log-Result, x-amzn-RequestId, x-amzn-ErrorType");
	add_header(r, "Vary", "Origin");
}

static void send_reply(struct httpd_req *req, int status, const struct reply *r, struct blob *body)
{
	/* A caller that has gone in the meantime has nothing more to be told. */
	(void)httpd_reply(req, status, r->headers, r->count, body);
}

static void reply_error(const struct invoke_api *api, struct httpd_req *req, bool cross_origin, const char *id,
			const struct invoke_error *e)
{
	struct reply r = { .count = 0 };
	struct buf body = BUF_INIT;

	invoke_error_body(e, &body);
	add_header(&r, "Content-Type", "application/json");
	add_header(&r, "x-amzn-ErrorType", e->type);
	add_header(&r, "x-amzn-RequestId", id);
	add_header(&r, "Retry-After", e->status == 429 || e->status == 503 ? "1" : NULL);
	add_cors(api, &r, cross_origin);
	send_reply(req, e->status, &r, buf_to_blob(&body));
}

/* --- invocations --- */

/* What all answers of the function have. */
static void add_outcome(const struct caller *c, struct reply *r, const struct outcome *out)
{
	const struct event *ev = c->inv.event;
	const char *type = out->content_type != NULL ? out->content_type : "application/json";

	add_header(r, "Content-Type", c->form == FORM_FRAMED ? EVENT_STREAM_TYPE : type);
	add_header(r, "x-amzn-RequestId", out->id != NULL ? out->id : ev->id);
	add_header(r, "X-Amz-Executed-Version", out->version != NULL ? out->version : c->api->cfg->version);
	add_header(r, "X-Amzn-Trace-Id", ev->trace_id);
	add_cors(c->api, r, c->cross_origin);
}

static void reply_outcome(const struct caller *c, const struct outcome *out)
{
	struct reply r = { .count = 0 };
	struct buf tail = BUF_INIT;

	add_outcome(c, &r, out);
	if (c->form == FORM_FRAMED) {
		struct buf frames = BUF_INIT;

		invoke_stream_whole(&frames, out);
		send_reply(c->req, 200, &r, buf_to_blob(&frames));
		return;
	}
	add_header(&r, "X-Amz-Function-Error", outcome_is_function_error(out->kind) ? "Unhandled" : NULL);
	if (out->log_tail != NULL) {
		text_base64(&tail, out->log_tail->data, out->log_tail->len);
		add_header(&r, "X-Amz-Log-Result", tail.data);
	}
	send_reply(c->req, 200, &r, blob_ref(out->body));
	buf_fini(&tail);
}

static void on_writable(void *owner)
{
	struct caller *c = owner;

	invocation_pause(&c->inv, false);
}

static void on_begin(struct invocation *inv, const struct outcome *head)
{
	const struct caller *c = container_of(inv, struct caller, inv);
	struct reply r = { .count = 0 };

	add_outcome(c, &r, head);
	httpd_reply_begin(c->req, 200, r.headers, r.count, on_writable);
}

static void on_piece(struct invocation *inv, const char *data, size_t len)
{
	const struct caller *c = container_of(inv, struct caller, inv);
	struct buf frame = BUF_INIT;
	size_t waits;

	if (c->form == FORM_FRAMED) {
		event_stream_chunk(&frame, data, len);
		waits = httpd_reply_write(c->req, frame.data, frame.len);
		buf_fini(&frame);
	} else {
		waits = httpd_reply_write(c->req, data, len);
	}
	if (waits > stream_ahead) {
		invocation_pause(inv, true);
	}
}

static void end_stream(const struct caller *c, const struct outcome *out)
{
	struct buf frame = BUF_INIT;

	if (c->form == FORM_FRAMED) {
		invoke_stream_complete(&frame, out);
		(void)httpd_reply_write(c->req, frame.data, frame.len);
		buf_fini(&frame);
		httpd_reply_end(c->req);
	} else if (out->kind == OUTCOME_RESPONSE) {
		httpd_reply_end(c->req);
	} else {
		/* Bytes have no other way to say that they are not all. */
		httpd_reply_abort(c->req);
	}
}

static void reply_accepted(const struct caller *c, const struct outcome *out)
{
	const struct event *ev = c->inv.event;
	struct reply r = { .count = 0 };

	add_header(&r, "x-amzn-RequestId", out->id != NULL ? out->id : ev->id);
	add_header(&r, "X-Amzn-Trace-Id", ev->trace_id);
	if (ev->type == INVOKE_DRY_RUN) {
		add_header(&r, "X-Amz-Executed-Version", out->version != NULL ? out->version : c->api->cfg->version);
	}
	add_cors(c->api, &r, c->cross_origin);
	if (c->invoke_async) {
		add_header(&r, "Content-Type", "application/json");
	}
	send_reply(c->req, ev->type == INVOKE_DRY_RUN ? 204 : 202, &r,
		   c->invoke_async ? blob_static("{\"Status\":202}") : NULL);
}

static void reply_refused(const struct caller *c, enum outcome_kind kind)
{
	struct invoke_error e;

	if (kind == OUTCOME_THROTTLED) {
		invoke_error_set(&e, 429, "TooManyRequestsException", false, "Rate Exceeded.");
		/* Which of the two limits it was: MAX_PENDING, or that of the queue of events. */
		e.reason = c->inv.event->type == INVOKE_EVENT ? "FunctionInvocationRateLimitExceeded"
							      : "ConcurrentInvocationLimitExceeded";
	} else if (kind == OUTCOME_NO_FUNCTION) {
		invoke_error_set(&e, 404, "ResourceNotFoundException", true, "Function not found: %s",
				 c->inv.event->arn);
	} else if (kind == OUTCOME_UNAVAILABLE) {
		invoke_error_set(&e, 503, "ServiceException", true, "%s",
				 c->api->cfg->gateway ? "The message broker cannot be reached."
						      : "The event could not be stored.");
	} else {
		invoke_error_set(&e, 500, "ServiceException", true, "The daemon is shutting down.");
	}
	reply_error(c->api, c->req, c->cross_origin, c->inv.event->id, &e);
}

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct caller *c = container_of(inv, struct caller, inv);

	if (out->streamed) {
		end_stream(c, out);
	} else if (out->kind == OUTCOME_RESPONSE || outcome_is_function_error(out->kind)) {
		reply_outcome(c, out);
	} else if (out->kind == OUTCOME_ACCEPTED) {
		reply_accepted(c, out);
	} else {
		reply_refused(c, out->kind);
	}
	invocation_fini(inv);
	free(c);
}

static const struct invocation_ops caller_ops = { .done = on_done };
static const struct invocation_ops stream_ops = { .done = on_done, .begin = on_begin, .piece = on_piece };

static void on_caller_gone(void *owner)
{
	struct caller *c = owner;

	c->api->invoker->cancel(c->api->invoker, &c->inv);
	invocation_fini(&c->inv);
	free(c);
}

static enum form form_of(const struct httpd_req *req, enum invoke_call call)
{
	const char *mode = httpd_req_header(req, "Lambda-Runtime-Function-Response-Mode");

	if (call == CALL_STREAM) {
		return FORM_FRAMED;
	}
	return mode != NULL && strcmp(mode, "streaming") == 0 ? FORM_RAW : FORM_WHOLE;
}

static void invoke(struct invoke_api *api, struct httpd_req *req, bool cross_origin, const struct route_match *m)
{
	static const enum invoke_call calls[] = {
		[INVOKE] = CALL_INVOKE,
		[OPENFAAS] = CALL_INVOKE,
		[INVOKE_ASYNC] = CALL_INVOKE_ASYNC,
		[INVOKE_STREAM] = CALL_STREAM,
	};
	enum invoke_call call = calls[m->id];
	struct invoke_error e;
	bool has_name = m->id != OPENFAAS;
	struct event *ev = invoke_request_read(api->cfg, req, call, has_name ? m->capture[0].ptr : NULL,
					       has_name ? m->capture[0].len : 0, &e);
	struct caller *c;

	if (ev == NULL) {
		char id[UUID_LEN];

		text_uuid(id);
		reply_error(api, req, cross_origin, id, &e);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->api = api;
	c->req = req;
	c->cross_origin = cross_origin;
	c->invoke_async = call == CALL_INVOKE_ASYNC;
	c->form = form_of(req, call);
	invocation_init(&c->inv, c->form == FORM_WHOLE ? &caller_ops : &stream_ops, ev);
	httpd_req_own(req, c, on_caller_gone);
	api->invoker->submit(api->invoker, &c->inv);
}

/* --- the rest --- */

static void reply_text(struct httpd_req *req, int status, const char *type, struct blob *body)
{
	struct reply r = { .count = 0 };

	add_header(&r, "Content-Type", type);
	send_reply(req, status, &r, body);
}

static void reply_ready(const struct invoke_api *api, struct httpd_req *req)
{
	bool ready = api->invoker->ready(api->invoker);

	reply_text(req, ready ? 200 : 503, "text/plain", blob_static(ready ? "OK" : "not ready"));
}

static void reply_metrics(const struct invoke_api *api, struct httpd_req *req)
{
	struct buf text = BUF_INIT;

	api->invoker->metrics(api->invoker, &text);
	reply_text(req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_to_blob(&text));
}

/* name: the raw path segment; NULL = all functions. */
static void reply_info(const struct invoke_api *api, struct httpd_req *req, bool cross_origin, bool whole,
		       const char *name, size_t name_len)
{
	struct function_name fn = { "", "" };
	struct buf document = BUF_INIT;
	struct reply r = { .count = 0 };
	struct invoke_error e;
	char id[UUID_LEN];

	text_uuid(id);
	if (name != NULL && invoke_request_read_name(api->cfg, req, name, name_len, &fn, &e) != 0) {
		reply_error(api, req, cross_origin, id, &e);
		return;
	}
	if (name == NULL) {
		function_info_list(&api->info, &document);
	} else if (whole) {
		function_info_function(&api->info, fn.qualifier, &document);
	} else {
		function_info_configuration(&api->info, fn.qualifier, &document);
	}
	add_header(&r, "Content-Type", "application/json");
	add_header(&r, "x-amzn-RequestId", id);
	add_cors(api, &r, cross_origin);
	send_reply(req, 200, &r, buf_to_blob(&document));
}

/* A web page that the reader has open must not be able to run functions on the reader's machine. Browsers send Origin
 * with every cross-origin request and with every POST. */
static bool origin_is_allowed(const struct invoke_api *api, const char *origin)
{
	const char *allowed = api->cfg->cors_allow_origin;

	return allowed != NULL && (strcmp(allowed, "*") == 0 || strcmp(allowed, origin) == 0);
}

static void reply_preflight(const struct invoke_api *api, struct httpd_req *req)
{
	struct reply r = { .count = 0 };

	add_cors(api, &r, true);
	add_header(&r, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
	add_header(&r, "Access-Control-Allow-Headers", httpd_req_header(req, "Access-Control-Request-Headers"));
	add_header(&r, "Access-Control-Max-Age", "600");
	send_reply(req, 204, &r, NULL);
}

/* true: the request was answered. */
static bool handle_origin(struct invoke_api *api, struct httpd_req *req, bool *cross_origin)
{
	const char *origin = httpd_req_header(req, "Origin");

	*cross_origin = origin != NULL;
	if (origin == NULL) {
		return false;
	}
	if (!origin_is_allowed(api, origin)) {
		struct invoke_error e;

		invoke_error_set(&e, 403, "AccessDeniedException", true,
				 "Origin %.128s is not allowed; CORS_ALLOW_ORIGIN names the one that is.", origin);
		reply_error(api, req, false, NULL, &e);
		return true;
	}
	if (strcmp(httpd_req_method(req), "OPTIONS") == 0) {
		reply_preflight(api, req);
		return true;
	}
	return false;
}

static const struct route routes[] = {
	{ "POST", "/2015-03-31/functions/{name}/invocations", INVOKE },
	{ "POST", "/2014-11-13/functions/{name}/invoke-async", INVOKE_ASYNC },
	{ "POST", "/2014-11-13/functions/{name}/invoke-async/", INVOKE_ASYNC },
	{ "POST", "/2021-11-15/functions/{name}/response-streaming-invocations", INVOKE_STREAM },
	{ "GET", "/_/health", HEALTH },
	{ "HEAD", "/_/health", HEALTH },
	{ "GET", "/_/ready", READY },
	{ "HEAD", "/_/ready", READY },
	{ "GET", "/metrics", METRICS },
	/* A gateway does not know what is behind it: it ends here. */
	{ "GET", "/2015-03-31/functions", LIST_FUNCTIONS },
	{ "GET", "/2015-03-31/functions/", LIST_FUNCTIONS },
	{ "GET", "/2015-03-31/functions/{name}", GET_FUNCTION },
	{ "GET", "/2015-03-31/functions/{name}/configuration", GET_CONFIGURATION },
	{ "POST", "/", OPENFAAS }, // last: left out unless ENABLE_OPENFAAS
};
static const size_t local_routes = 5;

static void reply_no_route(struct httpd_req *req, const struct route_match *m)
{
	struct reply r = { .count = 0 };

	if (m->result == ROUTE_WRONG_METHOD) {
		add_header(&r, "Allow", m->allow);
		send_reply(req, 405, &r, NULL);
	} else {
		reply_text(req, 404, "text/plain; charset=utf-8", blob_static("404 page not found\n"));
	}
}

static void on_request(void *ctx, struct httpd_req *req)
{
	struct invoke_api *api = ctx;
	size_t count = countof(routes) - (api->cfg->gateway ? local_routes : api->cfg->openfaas ? 0 : 1);
	struct route_match m;
	bool cross_origin;

	if (handle_origin(api, req, &cross_origin)) {
		return;
	}
	route_find(routes, count, httpd_req_method(req), httpd_req_path(req), &m);
	if (m.result != ROUTE_FOUND) {
		reply_no_route(req, &m);
	} else if (m.id == INVOKE || m.id == INVOKE_ASYNC || m.id == INVOKE_STREAM || m.id == OPENFAAS) {
		invoke(api, req, cross_origin, &m);
	} else if (m.id == LIST_FUNCTIONS) {
		reply_info(api, req, cross_origin, false, NULL, 0);
	} else if (m.id == GET_FUNCTION || m.id == GET_CONFIGURATION) {
		reply_info(api, req, cross_origin, m.id == GET_FUNCTION, m.capture[0].ptr, m.capture[0].len);
	} else if (m.id == READY) {
		reply_ready(api, req);
	} else if (m.id == METRICS) {
		reply_metrics(api, req);
	} else {
		reply_text(req, 200, "text/plain", blob_static("OK"));
	}
}

static unsigned max_connections(const struct config *cfg)
{
	uint64_t reserved = reserved_fds +
			    (fds_per_runtime + fds_per_worker * cfg->managed_concurrency) * cfg->max_concurrency;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
		return 100000;
	}
	return limit.rlim_cur > reserved * 2 ? (unsigned)(limit.rlim_cur - reserved) : (unsigned)(limit.rlim_cur / 2);
}

struct invoke_api *invoke_api_new(struct loop *loop, const struct config *cfg, struct invoker *invoker,
				  struct err *err)
{
	struct invoke_api *api = xcalloc(1, sizeof(*api));
	const struct httpd_opts opts = {
		.max_head = max_head,
		.max_body = MAX_REQUEST_BODY,
		.max_conns = max_connections(cfg),
		.idle_timeout_us = idle_timeout_us,
		.on_request = on_request,
		.ctx = api,
	};

	api->loop = loop;
	api->cfg = cfg;
	api->invoker = invoker;
	if (!cfg->gateway) {
		function_info_init(&api->info, cfg, clock_wall_ms());
	}
	api->server = httpd_mhd_new(loop, &opts);
	if (api->server == NULL) {
		err_set(err, 1, "the HTTP server of the Invoke API could not be started");
		free(api);
		return NULL;
	}
	api->listener = httpd_listen(api->server, cfg->invoke_host, (uint16_t)cfg->invoke_port, NULL, err);
	if (api->listener == NULL) {
		invoke_api_free(api);
		return NULL;
	}
	return api;
}

void invoke_api_free(struct invoke_api *api)
{
	if (api != NULL) {
		httpd_free(api->server);
		free(api);
	}
}

uint16_t invoke_api_port(const struct invoke_api *api)
{
	return httpd_listener_port(api->listener);
}

void invoke_api_quiesce(struct invoke_api *api)
{
	httpd_quiesce(api->server);
}

unsigned invoke_api_busy(const struct invoke_api *api)
{
	return httpd_busy(api->server);
}
