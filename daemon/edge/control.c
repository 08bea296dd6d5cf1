/* SPDX-License-Identifier: Apache-2.0 */
/* Lifetime, observation and routes of the control surface. */
#include "edge/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/control_json.h"
#include "core/control_wait.h"
#include "core/dispatch_control.h"
#include "debug/access.h"
#include "edge/api_reply.h"
#include "edge/config.h"
#include "edge/control_priv.h"
#include "edge/control_socket.h"
#include "edge/extension_host.h"
#include "edge/supervisor.h"
#include "io/httpd.h"
#include "io/route.h"

static const uint64_t events_default = 1000;

/* --- what happens --- */

/* It may happen at the end of a turn, after the hook that looks at the waits. */
static void look_again(struct control *c)
{
	if (!list_empty(&c->waits)) {
		loop_wake(c->deps.loop);
	}
}

static void on_queued(void *ctx, const struct event *ev)
{
	struct control *c = ctx;

	journal_queued(c->journal, ev, loop_now_us(c->deps.loop), clock_wall_ms());
	look_again(c);
}

static void on_ended(void *ctx, const struct event *ev, const struct outcome *out, const char *error_type)
{
	struct control *c = ctx;

	journal_ended(c->journal, ev, out, error_type, loop_now_us(c->deps.loop), clock_wall_ms());
	look_again(c);
}

static void on_cancelled(void *ctx, const struct event *ev)
{
	struct control *c = ctx;

	journal_cancelled(c->journal, ev, loop_now_us(c->deps.loop));
	look_again(c);
}

static const struct dispatch_watch watch = { .queued = on_queued, .ended = on_ended, .cancelled = on_cancelled };

static void on_lifecycle(void *ctx, struct instance *inst, const struct lifecycle *what)
{
	struct control *c = ctx;

	journal_lifecycle(c->journal, inst->slot, what);
	look_again(c);
}

static void on_event(void *ctx, struct instance *inst, struct blob *text)
{
	struct control *c = ctx;

	journal_event(c->journal, inst->slot, text);
	look_again(c);
}

static void on_turn_end(void *ctx)
{
	control_check_waits(ctx);
}

/* --- replies --- */

void control_reply(struct httpd_req *req, int status, struct buf *out)
{
	const struct httpd_header headers[] = { { "Content-Type", JSON_TYPE } };

	buf_putc(out, '\n');
	httpd_reply(req, status, headers, countof(headers), buf_to_blob(out));
}

static int runtime_pid(const struct instance *inst)
{
	const struct host *h = inst->host;

	return (int)h->child.pid;
}

static int extension_pid(const struct extension *x)
{
	const struct extension_host *e = x->host;

	return x->alive && e != NULL ? (int)e->child.pid : 0;
}

void control_render_state(struct control *c, struct buf *out)
{
	static const struct control_pids pids = { .runtime = runtime_pid, .extension = extension_pid };

	control_json_state(out, c->journal, c->deps.dispatch, &pids, loop_now_us(c->deps.loop));
}

void control_reply_state(struct control *c, struct httpd_req *req)
{
	struct buf out = BUF_INIT;

	control_render_state(c, &out);
	control_reply(req, 200, &out);
}

/* --- routes --- */

struct ask {
	struct control *home;
	struct httpd_req *req;
	struct control_params params;
	char capture[2][64];
};

static void bad_request(struct ask *a, const struct err *err)
{
	api_reply_error(a->req, 400, "BadRequest", err->msg);
}

static void get_state(struct ask *a)
{
	control_reply_state(a->home, a->req);
}

static void get_invocations(struct ask *a)
{
	const char *state = control_param(&a->params, "state");
	struct buf out = BUF_INIT;
	int wanted = -1;

	for (int i = 0; state != NULL && i < CALL_STATE_COUNT; i++) {
		wanted = strcmp(state, call_state_name((enum call_state)i)) == 0 ? i : wanted;
	}
	if (state != NULL && wanted < 0) {
		api_reply_error(a->req, 400, "BadRequest",
				"state: expected queued, running, answered, finished or cancelled");
		return;
	}
	control_json_calls(&out, a->home->journal, wanted);
	control_reply(a->req, 200, &out);
}

static void get_invocation(struct ask *a)
{
	const struct call *call = journal_call(a->home->journal, a->capture[0]);
	struct buf out = BUF_INIT;

	if (call == NULL) {
		api_reply_error(a->req, 404, "NotFound", "no invocation with this id is known (any more)");
		return;
	}
	control_json_call(&out, call);
	control_reply(a->req, 200, &out);
}

static void post_invocation(struct ask *a)
{
	control_submit(a->home, a->req);
}

static void get_wait(struct ask *a)
{
	control_park(a->home, a->req, &a->params);
}

static void get_telemetry(struct ask *a)
{
	struct control_filter filter;
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	uint64_t limit;

	if (control_filter_init(&filter, &a->params, a->home->deps.dispatch, &err) != 0 ||
	    control_param_u64(&a->params, "limit", JOURNAL_EVENTS, events_default, &limit, &err) != 0) {
		bad_request(a, &err);
		return;
	}
	control_json_events(&out, a->home->journal, &filter, limit > 0 ? limit : 1);
	control_reply(a->req, 200, &out);
}

static void delete_telemetry(struct ask *a)
{
	journal_clear_events(a->home->journal);
	control_reply_state(a->home, a->req);
}

static void post_action(struct ask *a)
{
	control_act(a->home, a->req, &a->params, a->capture[0], a->capture[1]);
}

static void post_restore(struct ask *a)
{
	control_restore(a->home, a->req);
}

static void get_routes(struct ask *a);

/* By the id of the route. params NULL: the handler looks itself. */
static const struct {
	void (*fn)(struct ask *a);
	const char *params;
} handlers[] = {
	{ get_routes, "" },
	{ get_state, "" },
	{ get_invocations, "state" },
	{ get_invocation, "" },
	{ post_invocation, "Qualifier" },
	{ get_wait, NULL },
	{ get_telemetry, "after type requestId contains environment limit" },
	{ delete_telemetry, "" },
	{ post_action, NULL },
	{ post_restore, "" },
};

static const struct route routes[] = {
	{ "GET", "/", 0 },
	{ "GET", "/state", 1 },
	{ "GET", "/invocations", 2 },
	{ "GET", "/invocations/{id}", 3 },
	{ "POST", "/invocations", 4 },
	{ "GET", "/wait", 5 },
	{ "GET", "/telemetry", 6 },
	{ "DELETE", "/telemetry", 7 },
	{ "POST", "/environments/{environment}/{action}", 8 },
	{ "POST", "/restore", 9 },
};

static void get_routes(struct ask *a)
{
	struct buf out = BUF_INIT;

	buf_puts(&out, "{\"routes\":[");
	for (size_t i = 0; i < countof(routes); i++) {
		buf_printf(&out, "%s\"%s %s\"", i > 0 ? "," : "", routes[i].method, routes[i].path);
	}
	buf_puts(&out, "]}");
	control_reply(a->req, 200, &out);
}

struct hosts {
	unsigned count;
	unsigned foreign;
};

static void count_host(void *ctx, const char *name, const char *value)
{
	struct hosts *hosts = ctx;

	if (strcasecmp(name, "Host") == 0) {
		hosts->count++;
		hosts->foreign += !access_is_loopback(value);
	}
}

/* A page in a browser on this machine must not get here, neither directly nor by a name of its own that leads to this
 * address. Over a unix socket none can. */
static bool is_from_a_page(const struct control *c, const struct hosts *hosts, const struct httpd_req *req)
{
	return httpd_req_header(req, "Origin") != NULL || (hosts->foreign > 0 && c->socket.path == NULL);
}

static void reply_no_route(struct httpd_req *req, const struct route_match *m)
{
	const struct httpd_header headers[] = { { "Content-Type", JSON_TYPE }, { "Allow", m->allow } };
	struct buf out = BUF_INIT;

	if (m->result == ROUTE_NO_PATH) {
		api_reply_error(req, 404, "NotFound", "there is no such path; GET / has them all");
		return;
	}
	buf_printf(&out, "{\"errorMessage\":\"expected %s\",\"errorType\":\"MethodNotAllowed\"}\n", m->allow);
	httpd_reply(req, 405, headers, countof(headers), buf_to_blob(&out));
}

static void answer(struct ask *a, int id)
{
	struct err err = ERR_INIT;

	if (control_params_parse(&a->params, httpd_req_query(a->req), &err) != 0 ||
	    (handlers[id].params != NULL && control_params_only(&a->params, handlers[id].params, &err) != 0)) {
		bad_request(a, &err);
	} else {
		handlers[id].fn(a);
	}
	control_params_fini(&a->params);
}

static void on_request(void *ctx, struct httpd_req *req)
{
	struct ask a = { .home = ctx, .req = req };
	struct hosts hosts = { 0, 0 };
	struct route_match m;

	httpd_req_each_header(req, count_host, &hosts);
	if (is_from_a_page(a.home, &hosts, req)) {
		api_reply_error(req, 403, "Forbidden", "the control surface is not for web pages");
		return;
	}
	if (hosts.count > 1) {
		api_reply_error(req, 400, "BadRequest", "Host: expected once");
		return;
	}
	/* What was meant to be sent may have said something else. */
	if (api_reply_cut_body(req, MAX_REQUEST_BODY)) {
		return;
	}
	route_find(routes, countof(routes), httpd_req_method(req), httpd_req_path(req), &m);
	if (m.result != ROUTE_FOUND) {
		reply_no_route(req, &m);
		return;
	}
	for (unsigned i = 0; i < m.captures; i++) {
		/* What is cut is not a name of ours. */
		snprintf(a.capture[i], sizeof(a.capture[i]), "%.*s",
			 (int)(m.capture[i].len < 63 ? m.capture[i].len : 63), m.capture[i].ptr);
	}
	answer(&a, m.id);
}

/* --- lifetime --- */

static int listen_there(struct control *c, struct err *err)
{
	struct control_address address;

	if (control_address_parse(&address, c->deps.cfg->control_socket, err) != 0) {
		return -1;
	}
	if (control_socket_listen(c->server, &address, &c->socket, c->shown, sizeof(c->shown), err) != 0) {
		return err_wrap(err, "CONTROL_SOCKET");
	}
	return 0;
}

struct control *control_new(const struct control_deps *deps, struct err *err)
{
	struct control *c = xcalloc(1, sizeof(*c));
	const struct httpd_opts opts = {
		.max_head = 16 * 1024,
		.max_body = MAX_REQUEST_BODY,
		.max_conns = 1000,
		.on_request = on_request,
		.ctx = c,
	};

	c->deps = *deps;
	c->journal = journal_new(dispatch_slots(deps->dispatch));
	list_init(&c->waits);
	list_init(&c->calls);
	c->server = httpd_http1_new(deps->loop, &opts);
	loop_hook_add(deps->loop, &c->hook, on_turn_end, c);
	dispatch_set_watch(deps->dispatch, &watch, c);
	c->follower = (struct telemetry_follower){ .lifecycle = on_lifecycle, .event = on_event, .ctx = c };
	telemetry_hub_follow(deps->telemetry, &c->follower);
	if (listen_there(c, err) != 0) {
		control_free(c);
		return NULL;
	}
	return c;
}

void control_free(struct control *c)
{
	if (c == NULL) {
		return;
	}
	telemetry_hub_follow(c->deps.telemetry, NULL);
	dispatch_set_watch(c->deps.dispatch, NULL, NULL);
	loop_hook_del(&c->hook);
	control_drop_waits(c);
	control_drop_calls(c);
	httpd_free(c->server);
	unix_socket_remove(&c->socket);
	journal_free(c->journal);
	free(c);
}

const char *control_shown_address(const struct control *c)
{
	return c->shown;
}
