/* SPDX-License-Identifier: Apache-2.0 */
/* Long-polls: parked until what they wait for is so, or their time is up. */
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/control_json.h"
#include "core/control_wait.h"
#include "edge/api_reply.h"
#include "edge/control_priv.h"
#include "io/httpd.h"

/* Events in one answer at most; there are `next` and another request for the rest. */
static const uint64_t events_max = 1000;

struct parked {
	struct list link; // control::waits
	struct control *home;
	struct control_wait wait;
	struct httpd_req *req;
	struct loop_timer timer;
};

static void free_parked(struct parked *p)
{
	loop_timer_clear(p->home->deps.loop, &p->timer);
	list_unlink(&p->link);
	control_wait_fini(&p->wait);
	free(p);
}

static void on_gone(void *owner)
{
	free_parked(owner);
}

static void reply_met(struct control *c, struct httpd_req *req, const struct control_wait *w)
{
	struct buf out = BUF_INIT;

	switch (w->kind) {
	case WAIT_INVOCATION:
		control_json_call(&out, journal_call(c->journal, w->name));
		break;
	case WAIT_TELEMETRY:
		control_json_events(&out, c->journal, &w->filter, events_max);
		break;
	case WAIT_PHASE:
	case WAIT_ENVIRONMENT:
	case WAIT_EXTENSION:
	case WAIT_EXTENSIONS:
	case WAIT_FROZEN:
	case WAIT_COUNT:
	case WAIT_KIND_COUNT:
		control_render_state(c, &out);
		break;
	}
	control_reply(req, 200, &out);
}

static void reply_late(struct control *c, const struct parked *p)
{
	const struct control_params *params = &p->wait.params;
	struct buf text = BUF_INIT;
	struct buf out = BUF_INIT;

	buf_printf(&text, "not so within %.3f s:", (double)p->wait.timeout_us / 1000000);
	for (size_t i = 0; i < params->count; i++) {
		buf_printf(&text, " %s=%s", params->items[i].name, params->items[i].value);
	}
	buf_puts(&out, "{\"errorMessage\":");
	text_json_string(&out, text.data, text.len);
	buf_puts(&out, ",\"errorType\":\"Timeout\",\"state\":");
	control_render_state(c, &out);
	buf_putc(&out, '}');
	buf_fini(&text);
	control_reply(p->req, 408, &out);
}

static void on_timer(void *ctx)
{
	struct parked *p = ctx;

	reply_late(p->home, p);
	free_parked(p);
}

/* true: it was answered. */
static bool settle(struct control *c, struct httpd_req *req, struct control_wait *w)
{
	switch (control_wait_check(w, c->journal, c->deps.dispatch)) {
	case CONTROL_MET:
		reply_met(c, req, w);
		return true;
	case CONTROL_LOST:
		api_reply_error(req, 404, "NotFound", "no invocation with this id is known (any more)");
		return true;
	case CONTROL_WAIT_ON:
		break;
	}
	return false;
}

void control_park(struct control *c, struct httpd_req *req, struct control_params *params)
{
	struct parked *p = xcalloc(1, sizeof(*p));
	struct err err = ERR_INIT;

	p->home = c;
	p->req = req;
	list_init(&p->link);
	loop_timer_init(&p->timer, on_timer, p);
	if (control_wait_init(&p->wait, params, c->deps.dispatch, &err) != 0) {
		api_reply_error(req, 400, "BadRequest", err.msg);
		free_parked(p);
		return;
	}
	if (settle(c, req, &p->wait)) {
		free_parked(p);
		return;
	}
	list_push_back(&c->waits, &p->link);
	httpd_req_own(req, p, on_gone);
	loop_timer_set(c->deps.loop, &p->timer, loop_now_us(c->deps.loop) + p->wait.timeout_us);
}

void control_check_waits(struct control *c)
{
	struct list *pos, *tmp;

	list_foreach_safe(&c->waits, pos, tmp) {
		struct parked *p = container_of(pos, struct parked, link);

		if (settle(c, p->req, &p->wait)) {
			free_parked(p);
		}
	}
}

void control_drop_waits(struct control *c)
{
	while (!list_empty(&c->waits)) {
		struct parked *p = list_first(&c->waits, struct parked, link);

		api_reply_error(p->req, 503, "ShuttingDown", "the daemon ends");
		free_parked(p);
	}
}
