/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, statuses and bodies of the Runtime API. */
#include "edge/runtime_api.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/dispatch.h"
#include "edge/api_reply.h"
#include "edge/config.h"
#include "edge/debugger.h"
#include "edge/runtime_stream.h"
#include "edge/supervisor.h"
#include "io/httpd.h"
#include "io/json.h"
#include "io/route.h"

#define MORE_APIS 4

struct runtime_api {
	struct loop *loop;
	struct httpd *server;
	struct dispatch *dispatch;
	struct debugger *debugger; /* NULL = none */
	struct {
		api_handler_fn fn;
		void *ctx;
	} more[MORE_APIS];
	unsigned more_count;
};

/* A parked /next. */
struct waiter {
	struct poll poll;
	struct runtime_api *api;
	struct instance *inst;
	struct httpd_req *req;
};

struct call {
	struct runtime_api *api;
	struct httpd_req *req;
	struct instance *inst;
	const char *id; /* of .../invocation/{id}/..., else NULL */
};

#define CAUSE_TYPE "application/vnd.aws.lambda.error.cause+json"

static void reply_verdict(const struct call *c, enum rt_verdict verdict, const char *to)
{
	if (verdict == RT_OK) {
		api_reply_accepted(c->req);
	} else if (verdict == RT_INVALID_ID && dispatch_was_late(c->inst, c->id)) {
		api_reply_error(c->req, 410, "InvokeTimeout", "Invoke timeout");
	} else if (verdict == RT_INVALID_ID) {
		api_reply_error(c->req, 400, "InvalidRequestID", "Invalid request ID");
	} else {
		api_reply_bad_state(c->req, c->inst->rt, to);
	}
}

/* --- next --- */

int64_t runtime_api_deadline_ms(struct loop *loop, const struct event *ev, int64_t deadline_us)
{
	/* As good as none, and of a length that every client can read. */
	static const int64_t unlimited_ms = (int64_t)365 * 86400 * 1000;

	if (ev->deadline_ms > 0) {
		return ev->deadline_ms;
	}
	if (ev->unlimited) {
		return clock_wall_ms() + unlimited_ms;
	}
	return loop_wall_ms(loop, deadline_us);
}

/* Answers a /next with the event. */
static int hand(struct loop *loop, struct httpd_req *req, const struct event *ev, int64_t deadline_us)
{
	char deadline_ms[TEXT_U64_LEN];
	const struct httpd_header headers[] = {
		{ "Content-Type", ev->content_type != NULL ? ev->content_type : JSON_TYPE },
		{ "Lambda-Runtime-Aws-Request-Id", ev->id },
		{ "Lambda-Runtime-Deadline-Ms", deadline_ms },
		{ "Lambda-Runtime-Invoked-Function-Arn", ev->arn },
		{ "Lambda-Runtime-Trace-Id", ev->trace_id },
		{ "Lambda-Runtime-Client-Context", ev->client_context },
		{ "Lambda-Runtime-Cognito-Identity", ev->cognito_identity },
		{ "Lambda-Runtime-Aws-Tenant-Id", ev->tenant_id },
	};

	text_put_u64(deadline_ms, (uint64_t)runtime_api_deadline_ms(loop, ev, deadline_us));
	/* A peer that hung up after the loop last looked would swallow the event. */
	if (!httpd_req_alive(req)) {
		httpd_reply(req, 200, NULL, 0, NULL);
		return -1;
	}
	return httpd_reply(req, 200, headers, countof(headers), blob_ref(ev->body));
}

static int on_deliver(struct poll *p, const struct event *ev, int64_t deadline_us)
{
	struct waiter *w = container_of(p, struct waiter, poll);
	struct runtime_api *api = w->api;
	struct instance *inst = w->inst;
	struct httpd_req *req = w->req;

	free(w);
	if (debugger_hold(api->debugger, inst, req, ev, deadline_us, hand)) {
		return 0;
	}
	return hand(api->loop, req, ev, deadline_us);
}

static const struct poll_ops waiter_ops = { .deliver = on_deliver };

static void on_waiter_gone(void *owner)
{
	struct waiter *w = owner;

	dispatch_poll_gone(w->api->dispatch, w->inst, &w->poll, loop_now_us(w->api->loop));
	free(w);
}

static void on_next(const struct call *c)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	w->poll.ops = &waiter_ops;
	w->api = c->api;
	w->inst = c->inst;
	w->req = c->req;
	httpd_req_own(c->req, w, on_waiter_gone);
	if (dispatch_poll(c->api->dispatch, c->inst, &w->poll, loop_now_us(c->api->loop)) != RT_OK) {
		api_reply_bad_state(c->req, c->inst->rt, "Ready");
		free(w);
	}
}

/* --- response and error --- */

/* verdict: of dispatch_answer() or dispatch_fail(). */
static void reply_answered(const struct call *c, const struct answer *a, enum rt_verdict verdict, const char *to)
{
	if (a->kind == OUTCOME_TOO_LARGE && verdict == RT_OK) {
		api_reply_too_large(c->req, MAX_RESPONSE_BODY);
		return;
	}
	reply_verdict(c, verdict, to);
}

/* A handler that streams has done its work; its stream, cut off, is the end of the invocation whoever reads it. */
static void end_truncated_stream(const struct call *c)
{
	const char *mode = httpd_req_header(c->req, "Lambda-Runtime-Function-Response-Mode");
	const struct answer a = {
		.kind = OUTCOME_INVALID,
		.error_type = FAULT_TRUNCATED,
		.error_text = RUNTIME_TRUNCATED_TEXT,
	};

	if (mode != NULL && strcmp(mode, "streaming") == 0) {
		(void)!dispatch_answer(c->api->dispatch, c->inst, c->id, &a, loop_now_us(c->api->loop));
	}
}

/* verdict: on what the call wants. true: the call was answered, because it cannot be taken at all. */
static bool refuse_early(const struct call *c, enum rt_verdict verdict, const char *to)
{
	if (verdict != RT_OK) {
		reply_verdict(c, verdict, to);
		return true;
	}
	if (httpd_req_body_state(c->req) == HTTPD_BODY_TRUNCATED) {
		/* Else the invocation stays open: the runtime may try again, and if it is dead its exit says more. */
		end_truncated_stream(c);
		api_reply_truncated(c->req);
		return true;
	}
	return false;
}

static void on_response(const struct call *c)
{
	const char *mode = httpd_req_header(c->req, "Lambda-Runtime-Function-Response-Mode");
	struct answer a = {
		.kind = OUTCOME_RESPONSE,
		.content_type = runtime_content_type(c->req),
		.size = httpd_req_body_len(c->req),
	};
	struct late_error late = { .document = BUF_INIT };
	enum rt_verdict verdict;

	if (httpd_req_is_stream(c->req)) {
		runtime_stream_begin(c->api->loop, c->api->dispatch, c->inst, c->req, c->id);
		return;
	}
	if (refuse_early(c, dispatch_may_answer(c->inst, c->id), "InvocationResponse")) {
		return;
	}
	if (mode != NULL && strcmp(mode, "streaming") != 0) {
		a.kind = OUTCOME_INVALID;
		a.error_type = FAULT_INVALID_MODE;
		a.error_text = "Invalid function response mode";
		(void)!dispatch_answer(c->api->dispatch, c->inst, c->id, &a, loop_now_us(c->api->loop));
		api_reply_error(c->req, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
		return;
	}
	if (httpd_req_body_state(c->req) == HTTPD_BODY_TOO_LARGE) {
		a.kind = OUTCOME_TOO_LARGE;
	}
	a.body = httpd_req_take_body(c->req);
	if (!late_error_in_trailers(&late, c->req, &a) && mode != NULL && a.kind == OUTCOME_RESPONSE) {
		(void)late_error_in_body(&late, &a);
	}
	verdict = dispatch_answer(c->api->dispatch, c->inst, c->id, &a, loop_now_us(c->api->loop));
	reply_answered(c, &a, verdict, "InvocationResponse");
	blob_unref(a.body);
}

/* The document of an /error call as the caller will see it. One reference; *type is set to what it is. */
static struct blob *error_document(const struct call *c, const char **type)
{
	struct blob *body = httpd_req_take_body(c->req);
	struct blob *shown;

	*type = runtime_content_type(c->req);
	if (*type == NULL || strcmp(*type, CAUSE_TYPE) != 0) {
		return body;
	}
	shown = json_without_error_cause(body->data, body->len);
	blob_unref(body);
	*type = shown != NULL ? JSON_TYPE : RUNTIME_OCTETS_TYPE;
	return shown != NULL ? shown : blob_static("\"Invalid error body\"");
}

static void on_error(const struct call *c)
{
	struct dispatch *d = c->api->dispatch;
	char error_type[80];
	struct answer a = { .kind = OUTCOME_ERROR, .size = httpd_req_body_len(c->req), .error_type = error_type };
	enum rt_verdict verdict;

	if (refuse_early(c, dispatch_may_fail(d, c->inst, c->id), "InvocationErrorResponse")) {
		return;
	}
	fault_normalise_type(httpd_req_header(c->req, "Lambda-Runtime-Function-Error-Type"), error_type,
			     sizeof(error_type));
	if (httpd_req_body_state(c->req) == HTTPD_BODY_TOO_LARGE) {
		a.kind = OUTCOME_TOO_LARGE;
	}
	a.body = error_document(c, &a.content_type);
	verdict = dispatch_fail(d, c->inst, c->id, &a, loop_now_us(c->api->loop));
	reply_answered(c, &a, verdict, "InvocationErrorResponse");
	blob_unref(a.body);
}

static void on_init_error(const struct call *c)
{
	char error_type[80];
	enum rt_verdict verdict;
	struct blob *body;
	const char *type;

	if (api_reply_cut_body(c->req, MAX_RESPONSE_BODY)) {
		return;
	}
	body = httpd_req_take_body(c->req);
	type = json_text_is_valid(body->data, body->len) ? JSON_TYPE : RUNTIME_OCTETS_TYPE;
	fault_normalise_type(httpd_req_header(c->req, "Lambda-Runtime-Function-Error-Type"), error_type,
			     sizeof(error_type));
	verdict = dispatch_init_error(c->api->dispatch, c->inst, body, type, error_type, loop_now_us(c->api->loop));
	blob_unref(body);
	reply_verdict(c, verdict, "InitError");
}

static void on_ping(const struct call *c)
{
	api_reply_text(c->req, 200, "text/plain; charset=utf-8", "pong");
}

/* --- routing --- */

enum { PING, NEXT, RESPONSE, ERROR, INIT_ERROR };

static const struct route routes[] = {
	{ "GET", "/2018-06-01/runtime/invocation/next", NEXT },
	{ "POST", "/2018-06-01/runtime/invocation/{id}/response", RESPONSE },
	{ "POST", "/2018-06-01/runtime/invocation/{id}/error", ERROR },
	{ "POST", "/2018-06-01/runtime/init/error", INIT_ERROR },
	{ "GET", "/2018-06-01/ping", PING },
};

static void (*const handlers[])(const struct call *c) = {
	[PING] = on_ping,
	[NEXT] = on_next,
	[RESPONSE] = on_response,
	[ERROR] = on_error,
	[INIT_ERROR] = on_init_error,
};

/* Does one of the other APIs on this listener know the path? */
static bool handled_elsewhere(const struct runtime_api *api, struct httpd_req *req)
{
	for (unsigned i = 0; i < api->more_count; i++) {
		if (api->more[i].fn(api->more[i].ctx, req)) {
			return true;
		}
	}
	return false;
}

#define ID_MAX 64

/* Too long an id is no id of ours: cut, it does not match either. */
static void copy_id(char *id, const struct route_match *m)
{
	size_t len = m->capture[0].len < ID_MAX ? m->capture[0].len : ID_MAX - 1;

	memcpy(id, m->capture[0].ptr, len);
	id[len] = '\0';
}

static bool wants_stream(void *ctx, const struct httpd_req *req)
{
	const struct host *h = httpd_req_tag(req);
	struct route_match m;
	char id[ID_MAX];

	(void)ctx;
	if (!runtime_stream_is_meant(req)) {
		return false;
	}
	route_find(routes, countof(routes), httpd_req_method(req), httpd_req_path(req), &m);
	if (m.result != ROUTE_FOUND || m.id != RESPONSE) {
		return false;
	}
	copy_id(id, &m);
	return dispatch_wants_stream(h->inst, id);
}

static void on_request(void *ctx, struct httpd_req *req)
{
	struct runtime_api *api = ctx;
	struct host *h = httpd_req_tag(req);
	struct call c = { .api = api, .req = req, .inst = h->inst };
	struct route_match m;
	char id[ID_MAX];

	route_find(routes, countof(routes), httpd_req_method(req), httpd_req_path(req), &m);
	log_trace("runtime api pid=%d method=%s path=%s", (int)h->child.pid, httpd_req_method(req),
		  httpd_req_path(req));
	if (m.result == ROUTE_NO_PATH && handled_elsewhere(api, req)) {
		return;
	}
	if (m.result != ROUTE_FOUND) {
		api_reply_no_route(req, &m);
		return;
	}
	if (m.captures > 0) {
		copy_id(id, &m);
		c.id = id;
	}
	handlers[m.id](&c);
}

struct runtime_api *runtime_api_new(struct loop *loop)
{
	struct runtime_api *api = xcalloc(1, sizeof(*api));
	const struct httpd_opts opts = {
		.max_head = MAX_RUNTIME_HEAD + 64 * 1024,
		.max_body = MAX_RESPONSE_BODY,
		.max_conns = 10000,
		.on_request = on_request,
		.wants_stream = wants_stream,
		.ctx = api,
	};

	api->loop = loop;
	api->server = httpd_http1_new(loop, &opts);
	return api;
}

void runtime_api_free(struct runtime_api *api)
{
	if (api != NULL) {
		httpd_free(api->server);
		free(api);
	}
}

struct httpd *runtime_api_server(struct runtime_api *api)
{
	return api->server;
}

void runtime_api_attach(struct runtime_api *api, struct dispatch *d)
{
	api->dispatch = d;
}

void runtime_api_debug(struct runtime_api *api, struct debugger *debugger)
{
	api->debugger = debugger;
}

void runtime_api_add(struct runtime_api *api, api_handler_fn fn, void *ctx)
{
	assert(api->more_count < MORE_APIS);
	api->more[api->more_count].fn = fn;
	api->more[api->more_count].ctx = ctx;
	api->more_count++;
}
