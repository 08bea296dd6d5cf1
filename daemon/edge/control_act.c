/* SPDX-License-Identifier: Apache-2.0 */
/* What the control surface does to invocations and environments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/dispatch_control.h"
#include "edge/api_reply.h"
#include "edge/config.h"
#include "edge/control_priv.h"
#include "edge/invoke_request.h"
#include "io/httpd.h"

/* --- invocations --- */

/* Nobody waits for it but the journal. */
struct own_call {
	struct invocation inv;
	struct list link; // control::calls
	bool submitting;
	bool over; /* while it was being submitted */
	enum outcome_kind how;
};

static void free_call(struct own_call *own)
{
	list_unlink(&own->link);
	invocation_fini(&own->inv);
	free(own);
}

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct own_call *own = container_of(inv, struct own_call, inv);

	if (own->submitting) {
		own->over = true;
		own->how = out->kind;
	} else {
		free_call(own);
	}
}

static const struct invocation_ops own_ops = { .done = on_done };

static void reply_submitted(struct httpd_req *req, const struct own_call *own)
{
	struct buf out = BUF_INIT;

	if (own->over && own->how == OUTCOME_THROTTLED) {
		api_reply_error(req, 429, "TooManyRequests", "MAX_PENDING invocations wait already");
	} else if (own->over && own->how == OUTCOME_SHUTDOWN) {
		api_reply_error(req, 503, "ShuttingDown", "the daemon ends");
	} else {
		buf_printf(&out, "{\"id\":\"%s\"}", own->inv.event->id);
		control_reply(req, 202, &out);
	}
}

void control_submit(struct control *c, struct httpd_req *req)
{
	struct invoke_error error;
	struct event *ev = invoke_request_read(c->deps.cfg, req, CALL_INVOKE, NULL, 0, &error);
	struct own_call *own;

	if (ev == NULL) {
		api_reply_error(req, error.status, error.type, error.text);
		return;
	}
	if (ev->type != INVOKE_REQUEST_RESPONSE) {
		event_unref(ev);
		api_reply_error(
			req, 400, "BadRequest",
			"X-Amz-Invocation-Type: expected RequestResponse; nobody waits for the answer anyway");
		return;
	}
	own = xcalloc(1, sizeof(*own));
	invocation_init(&own->inv, &own_ops, ev);
	list_push_back(&c->calls, &own->link);
	own->submitting = true;
	dispatch_submit(c->deps.dispatch, &own->inv, loop_now_us(c->deps.loop));
	own->submitting = false;
	reply_submitted(req, own);
	if (own->over) {
		free_call(own);
	}
}

void control_drop_calls(struct control *c)
{
	while (!list_empty(&c->calls)) {
		struct own_call *own = list_first(&c->calls, struct own_call, link);

		dispatch_cancel(c->deps.dispatch, &own->inv, loop_now_us(c->deps.loop));
		free_call(own);
	}
}

/* --- environments --- */

struct act {
	struct control *home;
	struct httpd_req *req;
	struct instance *inst;
	const struct control_params *params;
	int64_t now_us;
};

static void refuse(const struct act *a, const char *needs)
{
	char text[200];

	snprintf(text, sizeof(text), "environment %u is %s%s: this needs one that %s", a->inst->slot,
		 inst_state_name(a->inst->state), dispatch_running(a->inst) != NULL ? " with an event" : "", needs);
	api_reply_error(a->req, 409, "Conflict", text);
}

static void finish(const struct act *a, bool ok, const char *needs)
{
	if (ok) {
		control_reply_state(a->home, a->req);
	} else {
		refuse(a, needs);
	}
}

static void do_shutdown(const struct act *a)
{
	static const struct {
		const char *name;
		enum stop_reason why;
	} reasons[] = { { "spindown", STOP_SHUTDOWN }, { "timeout", STOP_TIMEOUT }, { "failure", STOP_FAILURE } };
	const char *reason = control_param(a->params, "reason");

	for (size_t i = 0; i < countof(reasons); i++) {
		/* AWS's texts are lower case, what tests write need not be. */
		if (reason == NULL || strcasecmp(reason, reasons[i].name) == 0) {
			finish(a, dispatch_trigger_end(a->home->deps.dispatch, a->inst, reasons[i].why, a->now_us),
			       "is initialised and has no event (timeout and reset are for the others)");
			return;
		}
	}
	api_reply_error(a->req, 400, "BadRequest", "reason: expected spindown, timeout or failure");
}

static void do_timeout(const struct act *a)
{
	finish(a, dispatch_trigger_timeout(a->home->deps.dispatch, a->inst, a->now_us),
	       "initialises or works on an event");
}

static void do_reset(const struct act *a)
{
	finish(a, dispatch_trigger_reset(a->home->deps.dispatch, a->inst, a->now_us),
	       "lives and does not end already");
}

static void do_freeze(const struct act *a)
{
	finish(a, dispatch_trigger_freeze(a->home->deps.dispatch, a->inst, true, a->now_us), "is idle or a snapshot");
}

static void do_thaw(const struct act *a)
{
	finish(a, dispatch_trigger_freeze(a->home->deps.dispatch, a->inst, false, a->now_us),
	       "is idle or a snapshot");
}

static const struct {
	const char *name;
	void (*fn)(const struct act *a);
	const char *params;
} actions[] = {
	{ "shutdown", do_shutdown, "reason" }, { "timeout", do_timeout, "" }, { "reset", do_reset, "" },
	{ "freeze", do_freeze, "" },	       { "thaw", do_thaw, "" },
};

static struct instance *find_instance(struct control *c, const char *slot)
{
	uint64_t n;

	return text_to_u64(slot, 0, dispatch_slots(c->deps.dispatch) - 1, &n)
		       ? dispatch_instance(c->deps.dispatch, (unsigned)n)
		       : NULL;
}

void control_act(struct control *c, struct httpd_req *req, const struct control_params *params, const char *slot,
		 const char *action)
{
	struct act a = { c, req, find_instance(c, slot), params, loop_now_us(c->deps.loop) };
	struct err err = ERR_INIT;

	if (a.inst == NULL) {
		api_reply_error(req, 404, "NotFound", "there is no such environment: they are numbered from 0");
		return;
	}
	for (size_t i = 0; i < countof(actions); i++) {
		if (strcmp(actions[i].name, action) != 0) {
			continue;
		}
		if (control_params_only(params, actions[i].params, &err) != 0) {
			api_reply_error(req, 400, "BadRequest", err.msg);
			return;
		}
		log_info("control: %s of environment %s", action, slot);
		actions[i].fn(&a);
		return;
	}
	api_reply_error(req, 404, "NotFound", "there is no such action: shutdown, timeout, reset, freeze, thaw");
}

void control_restore(struct control *c, struct httpd_req *req)
{
	unsigned count = dispatch_restore(c->deps.dispatch, loop_now_us(c->deps.loop));
	struct buf out = BUF_INIT;

	if (count == 0) {
		api_reply_error(req, 409, "Conflict", "no environment waits in restore/next");
		return;
	}
	log_info("control: restored environments=%u", count);
	buf_printf(&out, "{\"restored\":%u}", count);
	control_reply(req, 200, &out);
}
