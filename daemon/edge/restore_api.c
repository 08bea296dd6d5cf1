/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, statuses and bodies of SnapStart. */
#include "edge/restore_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/dispatch.h"
#include "edge/api_reply.h"
#include "edge/child_env.h"
#include "edge/config.h"
#include "edge/runtime_api.h"
#include "edge/supervisor.h"
#include "io/httpd.h"
#include "io/json.h"
#include "io/route.h"
#include "loop/loop.h"

/* The daemon does not know when its own expire; clients ask again in time. */
static const int64_t credentials_ms = 30 * 60 * 1000;

struct restore_api {
	struct loop *loop;
	struct dispatch *dispatch;
};

/* A parked restore/next. */
struct waiter {
	struct poll poll;
	struct restore_api *api;
	struct instance *inst;
	struct httpd_req *req;
};

static int on_deliver(struct poll *p, const struct event *ev, int64_t deadline_us)
{
	struct waiter *w = container_of(p, struct waiter, poll);
	struct httpd_req *req = w->req;
	bool alive = httpd_req_alive(req);

	(void)ev;
	(void)deadline_us;
	free(w);
	return httpd_reply(req, 200, NULL, 0, NULL) == 0 && alive ? 0 : -1;
}

static const struct poll_ops waiter_ops = { .deliver = on_deliver };

static void on_waiter_gone(void *owner)
{
	struct waiter *w = owner;

	dispatch_poll_gone(w->api->dispatch, w->inst, &w->poll, loop_now_us(w->api->loop));
	free(w);
}

static void on_next(struct restore_api *api, struct httpd_req *req, struct instance *inst)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	w->poll.ops = &waiter_ops;
	w->api = api;
	w->inst = inst;
	w->req = req;
	httpd_req_own(req, w, on_waiter_gone);
	if (dispatch_restore_poll(api->dispatch, inst, &w->poll, loop_now_us(api->loop)) != RT_OK) {
		api_reply_bad_state(req, inst->rt, "RestoreReady");
		free(w);
	}
}

static void on_error(struct restore_api *api, struct httpd_req *req, struct instance *inst)
{
	char error_type[80];
	struct blob *body;
	const char *type;
	enum rt_verdict v;

	if (api_reply_cut_body(req, MAX_RESPONSE_BODY)) {
		return;
	}
	body = httpd_req_take_body(req);
	type = json_text_is_valid(body->data, body->len) ? JSON_TYPE : "application/octet-stream";
	fault_normalise_type(httpd_req_header(req, "Lambda-Runtime-Function-Error-Type"), error_type,
			     sizeof(error_type));
	v = dispatch_restore_error(api->dispatch, inst, body, type, error_type, loop_now_us(api->loop));
	blob_unref(body);
	if (v == RT_OK) {
		api_reply_accepted(req);
	} else {
		api_reply_bad_state(req, inst->rt, rt_state_name(RT_RESTORE_ERROR));
	}
}

static void add_member(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s\"%s\":", out->len > 0 ? "," : "{", name);
	text_json_string(out, value, strlen(value));
}

static void on_credentials(struct httpd_req *req)
{
	const struct host *h = httpd_req_tag(req);
	const char *given = httpd_req_header(req, "Authorization");
	const char *key = child_env_value(environ, "AWS_ACCESS_KEY_ID");
	const char *secret = child_env_value(environ, "AWS_SECRET_ACCESS_KEY");
	const char *token = child_env_value(environ, "AWS_SESSION_TOKEN");
	const struct httpd_header headers[] = { { "Content-Type", JSON_TYPE } };
	char stamp[CLOCK_STAMP_LEN];
	struct buf out = BUF_INIT;

	if (token == NULL) {
		token = child_env_value(environ, "AWS_SECURITY_TOKEN"); /* its old name */
	}
	if (given == NULL || h->token[0] == '\0' || strcmp(given, h->token) != 0 || key == NULL || secret == NULL) {
		api_reply_text(req, 404, "text/plain; charset=utf-8",
			       "cannot get credentials for the provided token\n");
		return;
	}
	add_member(&out, "AccessKeyId", key);
	add_member(&out, "SecretAccessKey", secret);
	add_member(&out, "Token", token != NULL ? token : "");
	add_member(&out, "Expiration", clock_stamp(clock_wall_ms() + credentials_ms, stamp));
	buf_putc(&out, '}');
	httpd_reply(req, 200, headers, countof(headers), buf_to_blob(&out));
}

enum { NEXT, ERROR, CREDENTIALS };

static const struct route routes[] = {
	{ "GET", "/2018-06-01/runtime/restore/next", NEXT },
	{ "POST", "/2018-06-01/runtime/restore/error", ERROR },
	{ "GET", "/2021-04-23/credentials", CREDENTIALS },
};

static bool on_request(void *ctx, struct httpd_req *req)
{
	struct restore_api *api = ctx;
	const struct host *h = httpd_req_tag(req);
	struct route_match m;

	route_find(routes, countof(routes), httpd_req_method(req), httpd_req_path(req), &m);
	if (m.result == ROUTE_NO_PATH) {
		return false;
	}
	if (m.result != ROUTE_FOUND) {
		api_reply_no_route(req, &m);
	} else if (m.id == NEXT) {
		on_next(api, req, h->inst);
	} else if (m.id == ERROR) {
		on_error(api, req, h->inst);
	} else {
		on_credentials(req);
	}
	return true;
}

struct restore_api *restore_api_new(struct loop *loop, struct runtime_api *runtime_api, struct dispatch *d)
{
	struct restore_api *api = xcalloc(1, sizeof(*api));

	api->loop = loop;
	api->dispatch = d;
	runtime_api_add(runtime_api, on_request, api);
	return api;
}

void restore_api_free(struct restore_api *api)
{
	free(api);
}
