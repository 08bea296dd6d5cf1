/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, statuses and bodies of the Extensions API. */
#include "edge/extensions_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/dispatch.h"
#include "edge/api_reply.h"
#include "edge/config.h"
#include "edge/runtime_api.h"
#include "edge/supervisor.h"
#include "io/httpd.h"
#include "io/json.h"
#include "io/route.h"
#include "loop/loop.h"

struct extensions_api {
	struct loop *loop;
	const struct config *cfg;
	struct dispatch *dispatch;
};

/* A parked event/next. */
struct waiter {
	struct ext_poll poll;
	struct extensions_api *api;
	struct httpd_req *req;
};

static struct instance *instance_of(const struct httpd_req *req)
{
	const struct host *h = httpd_req_tag(req);

	return h->inst;
}

static void refuse(struct httpd_req *req, const char *type, const char *message)
{
	api_reply_error(req, 403, type, message);
}

struct extension *extensions_api_caller(struct httpd_req *req, const char *unknown)
{
	const char *id = httpd_req_header(req, "Lambda-Extension-Identifier");
	struct extension *x;
	char text[128];

	if (id == NULL || *id == '\0') {
		refuse(req, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header");
		return NULL;
	}
	if (!text_is_uuid(id)) {
		refuse(req, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier");
		return NULL;
	}
	x = extension_find(&instance_of(req)->extensions, id);
	if (x == NULL) {
		snprintf(text, sizeof(text), "Unknown extension %s", id);
		refuse(req, "Extension.UnknownExtensionIdentifier", unknown != NULL ? unknown : text);
	}
	return x;
}

static void refuse_state(struct httpd_req *req, const struct extension *x, const char *to)
{
	char text[EXTENSION_NAME_LEN + 128];

	snprintf(text, sizeof(text),
		 "State transition from %s to %s failed for extension %s. Error: State transition is not allowed",
		 ext_state_name(x->state), to, x->name);
	refuse(req, "Extension.InvalidExtensionState", text);
}

/* --- register --- */

/* false: req has been answered. */
static bool read_events(const struct extensions_api *api, struct httpd_req *req, bool external, unsigned *events)
{
	struct blob *body = httpd_req_take_body(req);
	struct json_strings names = { NULL, 0 };
	struct json_strings keys = { NULL, 0 };
	bool managed = api->cfg->init_type == INIT_MANAGED;
	struct err err = ERR_INIT;
	char text[128] = "";

	if (json_strings_of(body->data, body->len, "events", &names, &err) != 0 ||
	    json_strings_of(body->data, body->len, "configurationKeys", &keys, &err) != 0) {
		refuse(req, "InvalidRequestFormat", err.msg);
		goto out;
	}
	if (keys.count > 0) {
		snprintf(text, sizeof(text), "%s",
			 "configurationKeys are deprecated; use environment variables instead");
		refuse(req, "InvalidRequestFormat", text);
	}
	if (managed && !external && names.count > 0 && text[0] == '\0') {
		snprintf(text, sizeof(text), "%s", "No events allowed for internal extensions");
		refuse(req, "Extension.InvalidEventType", text);
	}
	for (size_t i = 0; i < names.count && text[0] == '\0'; i++) {
		if (!managed && strcmp(names.items[i], "INVOKE") == 0) {
			*events |= EXT_INVOKE;
		} else if (strcmp(names.items[i], "SHUTDOWN") != 0) {
			snprintf(text, sizeof(text), "%.64s: ErrorInvalidEventType", names.items[i]);
			refuse(req, "Extension.InvalidEventType", text);
		} else if (!external) {
			snprintf(text, sizeof(text), "%s", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension");
			refuse(req, "Extension.InvalidEventType", text);
		} else {
			*events |= EXT_SHUTDOWN;
		}
	}
out:
	json_strings_free(&names);
	json_strings_free(&keys);
	blob_unref(body);
	return text[0] == '\0' && err.msg[0] == '\0';
}

static void add_member(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s\"%s\":", out->len > 0 ? "," : "{", name);
	text_json_string(out, value, strlen(value));
}

/* The header is a comma-separated list of features. */
static bool wants_account(const struct httpd_req *req)
{
	const char *features = httpd_req_header(req, "Lambda-Extension-Accept-Feature");

	while (features != NULL) {
		const char *end;

		features += strspn(features, " \t,");
		end = features + strcspn(features, " \t,");
		if (end - features == 9 && strncmp(features, "accountId", 9) == 0) {
			return true;
		}
		features = *end != '\0' ? end : NULL;
	}
	return false;
}

static void reply_registered(const struct extensions_api *api, struct httpd_req *req, const struct extension *x)
{
	const struct httpd_header headers[] = {
		{ "Content-Type", JSON_TYPE },
		{ "Lambda-Extension-Identifier", x->id },
	};
	struct buf out = BUF_INIT;

	if (wants_account(req)) {
		add_member(&out, "accountId", api->cfg->account_id);
	}
	add_member(&out, "functionName", api->cfg->function_name);
	add_member(&out, "functionVersion", api->cfg->version);
	add_member(&out, "handler", api->cfg->handler != NULL ? api->cfg->handler : "");
	buf_putc(&out, '}');
	httpd_reply(req, 200, headers, countof(headers), buf_to_blob(&out));
}

static void reply_register_verdict(struct httpd_req *req, enum ext_verdict v, const char *name)
{
	const struct extension *x = extension_named(&instance_of(req)->extensions, name);

	if (v == EXT_CLOSED) {
		refuse(req, "Extension.RegistrationClosed", "Extension registration closed already");
	} else if (v == EXT_TOO_MANY) {
		refuse(req, "Extension.TooManyExtensions", "Extension limit (10) reached");
	} else if (v == EXT_NO_NAME) {
		refuse(req, "Extension.InvalidExtensionName", "Extension name of more than 255 bytes");
	} else if (x != NULL && x->external) {
		refuse_state(req, x, "Registered");
	} else {
		refuse(req, "Extension.InvalidExtensionState", "Extension with this name already registered");
	}
}

static void on_register(struct extensions_api *api, struct httpd_req *req)
{
	const char *name = httpd_req_header(req, "Lambda-Extension-Name");
	struct instance *inst = instance_of(req);
	struct extension *x = NULL;
	unsigned events = 0;
	enum ext_verdict v;

	if (name == NULL || *name == '\0') {
		refuse(req, "Extension.InvalidExtensionName", "Empty extension name");
		return;
	}
	if (api_reply_cut_body(req, MAX_RESPONSE_BODY)) {
		return;
	}
	x = extension_named(&inst->extensions, name);
	if (!read_events(api, req, x != NULL && x->external, &events)) {
		return;
	}
	v = dispatch_register(api->dispatch, inst, name, events, &x, loop_now_us(api->loop));
	if (v != EXT_OK) {
		reply_register_verdict(req, v, name);
		return;
	}
	log_info("extension registered name=%s kind=%s events=%s%s", x->name, x->external ? "external" : "internal",
		 (events & EXT_INVOKE) != 0 ? "INVOKE," : "", (events & EXT_SHUTDOWN) != 0 ? "SHUTDOWN" : "");
	reply_registered(api, req, x);
}

/* --- event/next --- */

static struct blob *message_body(const struct ext_message *m, int64_t deadline_ms)
{
	struct buf out = BUF_INIT;
	const struct event *ev = m->event;

	if (m->type == EXT_SHUTDOWN) {
		buf_printf(&out, "{\"eventType\":\"SHUTDOWN\",\"deadlineMs\":%lld,\"shutdownReason\":\"%s\"}",
			   (long long)deadline_ms, m->reason);
		return buf_to_blob(&out);
	}
	buf_printf(&out, "{\"eventType\":\"INVOKE\",\"deadlineMs\":%lld,\"requestId\":\"%s\",\"invokedFunctionArn\":",
		   (long long)deadline_ms, ev->id);
	text_json_string(&out, ev->arn != NULL ? ev->arn : "", ev->arn != NULL ? strlen(ev->arn) : 0);
	if (ev->trace_id != NULL) {
		buf_puts(&out, ",\"tracing\":{\"type\":\"X-Amzn-Trace-Id\",\"value\":");
		text_json_string(&out, ev->trace_id, strlen(ev->trace_id));
		buf_putc(&out, '}');
	}
	buf_putc(&out, '}');
	return buf_to_blob(&out);
}

static int on_deliver(struct ext_poll *p, const struct ext_message *m)
{
	struct waiter *w = container_of(p, struct waiter, poll);
	struct httpd_req *req = w->req;
	char id[UUID_LEN];
	const struct httpd_header headers[] = {
		{ "Content-Type", JSON_TYPE },
		{ "Lambda-Extension-Event-Identifier", id },
	};
	struct loop *loop = w->api->loop;
	int64_t deadline_ms = m->type == EXT_INVOKE ? runtime_api_deadline_ms(loop, m->event, m->deadline_us)
						    : loop_wall_ms(loop, m->deadline_us);

	free(w);
	if (!httpd_req_alive(req)) {
		httpd_reply(req, 200, NULL, 0, NULL);
		return -1;
	}
	text_uuid(id);
	return httpd_reply(req, 200, headers, countof(headers), message_body(m, deadline_ms));
}

static const struct ext_poll_ops waiter_ops = { .deliver = on_deliver };

static void on_waiter_gone(void *owner)
{
	struct waiter *w = owner;

	extension_poll_gone(&w->poll);
	free(w);
}

static void on_next(struct extensions_api *api, struct httpd_req *req)
{
	struct extension *x = extensions_api_caller(req, NULL);
	struct waiter *w;

	if (x == NULL) {
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->poll.ops = &waiter_ops;
	w->api = api;
	w->req = req;
	httpd_req_own(req, w, on_waiter_gone);
	if (dispatch_extension_poll(api->dispatch, instance_of(req), x, &w->poll, loop_now_us(api->loop)) != EXT_OK) {
		refuse_state(req, x, "Ready");
		free(w);
	}
}

/* --- init/error and exit/error --- */

static void on_error(struct extensions_api *api, struct httpd_req *req, bool init)
{
	const char *type = httpd_req_header(req, "Lambda-Extension-Function-Error-Type");
	struct extension *x = extensions_api_caller(req, "Unknown Lambda-Extension-Identifier");

	if (x == NULL || api_reply_cut_body(req, MAX_RESPONSE_BODY)) {
		return;
	}
	if (type == NULL || *type == '\0') {
		refuse(req, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found");
		return;
	}
	log_warn("extension reported an error name=%s phase=%s type=%.100s", x->name, init ? "init" : "exit", type);
	if (dispatch_extension_error(api->dispatch, instance_of(req), x, init, type, loop_now_us(api->loop)) !=
	    EXT_OK) {
		refuse_state(req, x, init ? "InitError" : "ExitError");
		return;
	}
	api_reply_accepted(req);
}

/* --- routing --- */

enum { REGISTER, NEXT, INIT_ERROR, EXIT_ERROR };

static const struct route routes[] = {
	{ "POST", "/2020-01-01/extension/register", REGISTER },
	{ "GET", "/2020-01-01/extension/event/next", NEXT },
	{ "POST", "/2020-01-01/extension/init/error", INIT_ERROR },
	{ "POST", "/2020-01-01/extension/exit/error", EXIT_ERROR },
};

static bool on_request(void *ctx, struct httpd_req *req)
{
	struct extensions_api *api = ctx;
	struct route_match m;

	route_find(routes, countof(routes), httpd_req_method(req), httpd_req_path(req), &m);
	if (m.result == ROUTE_NO_PATH) {
		return false;
	}
	if (m.result != ROUTE_FOUND) {
		api_reply_no_route(req, &m);
	} else if (m.id == REGISTER) {
		on_register(api, req);
	} else if (m.id == NEXT) {
		on_next(api, req);
	} else {
		on_error(api, req, m.id == INIT_ERROR);
	}
	return true;
}

struct extensions_api *extensions_api_new(struct loop *loop, const struct config *cfg,
					  struct runtime_api *runtime_api, struct dispatch *d)
{
	struct extensions_api *api = xcalloc(1, sizeof(*api));

	api->loop = loop;
	api->cfg = cfg;
	api->dispatch = d;
	runtime_api_add(runtime_api, on_request, api);
	return api;
}

void extensions_api_free(struct extensions_api *api)
{
	free(api);
}
