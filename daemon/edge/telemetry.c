/* SPDX-License-Identifier: Apache-2.0 */
/* From occurrences and lines to telemetry events. */
#include "edge/telemetry.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/dispatch.h"
#include "core/telemetry_event.h"
#include "edge/config.h"
#include "edge/memory_watch.h"
#include "edge/supervisor.h"
#include "edge/telemetry_send.h"
#include "io/httpc.h"
#include "io/json.h"
#include "loop/loop.h"

/* A listener that does not answer gets the next try after this; what happens meanwhile waits in bounded memory. */
static const int64_t send_timeout_us = 30 * 1000 * 1000;

/* One execution environment. */
struct scene {
	struct telemetry_hub *hub;
	struct telemetry *telemetry; /* NULL before its first start */
	struct host *host;
	struct loop_timer timer;
	struct telemetry_facts facts;
	char instance_id[UUID_LEN];
	bool live; /* recording, or there are subscribers */
};

struct telemetry_hub {
	struct loop *loop;
	const struct config *cfg;
	struct httpc *http;			   /* made when the first subscriber wants HTTP */
	struct scene *scenes;			   /* by slot, cfg->max_concurrency of them */
	const struct telemetry_follower *follower; /* NULL = nobody */
};

/* What a subscription's sender belongs to. */
struct route_out {
	struct scene *scene;
	struct telemetry_sub *sub;
	struct telemetry_sender *sender;
	bool failing; /* said so in the log */
};

/* --- delivery --- */

static void on_sent(void *ctx, const char *error)
{
	struct route_out *out = ctx;
	struct loop *loop = out->scene->hub->loop;

	if (error != NULL && !out->failing) {
		log_warn("telemetry not delivered, trying again extension=%s port=%u error=\"%s\"",
			 telemetry_sub_name(out->sub), telemetry_sub_want(out->sub)->port, error);
	}
	out->failing = error != NULL;
	telemetry_sent(out->sub, error == NULL, loop_now_us(loop), clock_wall_ms());
}

static struct httpc *http_client(struct telemetry_hub *hub)
{
	struct httpc_options options = { .ca_file = NULL };
	struct err err = ERR_INIT;

	if (hub->http == NULL) {
		hub->http = httpc_new(hub->loop, &options, &err);
	}
	if (hub->http == NULL) {
		log_error("no HTTP client for telemetry: %s", err.msg);
	}
	return hub->http;
}

static void on_send(void *ctx, struct telemetry_sub *sub, struct blob *body)
{
	struct scene *scene = ctx;
	struct route_out *out = *telemetry_sub_data(sub);

	if (out == NULL) {
		out = xcalloc(1, sizeof(*out));
		out->scene = scene;
		out->sub = sub;
		out->sender = telemetry_sender_new(scene->hub->loop, scene->hub->http, telemetry_sub_want(sub),
						   send_timeout_us, on_sent, out);
		*telemetry_sub_data(sub) = out;
	}
	telemetry_sender_send(out->sender, body);
}

static void on_gone(void *ctx, struct telemetry_sub *sub)
{
	struct route_out *out = *telemetry_sub_data(sub);

	(void)ctx;
	if (out != NULL) {
		telemetry_sender_free(out->sender);
		free(out);
		*telemetry_sub_data(sub) = NULL;
	}
}

static void on_pause(void *ctx, struct telemetry_sub *sub, bool pause)
{
	struct route_out *out = *telemetry_sub_data(sub);

	(void)ctx;
	if (out != NULL) {
		telemetry_sender_pause(out->sender, pause);
	}
}

static void on_rearm(void *ctx, int64_t at_us)
{
	struct scene *scene = ctx;

	if (at_us == INT64_MAX) {
		loop_timer_clear(scene->hub->loop, &scene->timer);
	} else {
		loop_timer_set(scene->hub->loop, &scene->timer, at_us);
	}
}

static void on_timer(void *ctx)
{
	struct scene *scene = ctx;

	telemetry_tick(scene->telemetry, loop_now_us(scene->hub->loop));
}

static const struct telemetry_ops scene_ops = {
	.send = on_send, .gone = on_gone, .pause = on_pause, .rearm = on_rearm
};

/* --- events --- */

static unsigned wants(const struct scene *scene, enum telemetry_type type)
{
	unsigned followed = scene->hub->follower != NULL ? 1u << FORM_TELEMETRY_JSON : 0;

	return telemetry_wants(scene->telemetry, type) | followed;
}

static void emit(struct scene *scene, struct telemetry_event *ev)
{
	const struct telemetry_follower *follower = scene->hub->follower;

	if (follower != NULL && ev->text[FORM_TELEMETRY_JSON] != NULL) {
		follower->event(follower->ctx, scene->host->inst, ev->text[FORM_TELEMETRY_JSON]);
	}
	telemetry_emit(scene->telemetry, ev, loop_now_us(scene->hub->loop));
}

/* Lines and frames of the runtime and of extensions. */
static void on_log(void *ctx, const struct output_log *log)
{
	struct scene *scene = ctx;
	enum telemetry_type type = log->extension != NULL ? TELEMETRY_EXTENSION : TELEMETRY_FUNCTION;
	unsigned forms = wants(scene, type);
	bool object = false;
	struct telemetry_event ev;

	if (forms == 0) {
		return;
	}
	if ((forms & 1u << FORM_TELEMETRY_JSON) != 0 && (log->json || scene->hub->cfg->log_json)) {
		object = json_text_is_object(log->line, log->len);
	}
	telemetry_event_log(&ev, forms, type, log->wall_ms, log->line, log->len, object);
	emit(scene, &ev);
}

/* Nobody pays for lines that nobody wants. */
static void refresh_tap(struct scene *scene)
{
	unsigned logs = wants(scene, TELEMETRY_FUNCTION) | wants(scene, TELEMETRY_EXTENSION);

	scene->live = logs != 0 || wants(scene, TELEMETRY_PLATFORM) != 0;
	scene->host->tap.fn = logs != 0 ? on_log : NULL;
	scene->host->tap.ctx = scene;
}

static void begin(struct scene *scene, struct instance *inst)
{
	const struct config *cfg = scene->hub->cfg;

	if (scene->telemetry == NULL) {
		scene->telemetry = telemetry_new(&scene_ops, scene);
		loop_timer_init(&scene->timer, on_timer, scene);
	}
	scene->host = inst->host;
	text_uuid(scene->instance_id);
	scene->facts.function_name = cfg->function_name;
	scene->facts.version = cfg->version;
	scene->facts.instance_id = scene->instance_id;
	scene->facts.memory_mb = (unsigned)cfg->memory_mb;
	telemetry_begin(scene->telemetry);
	refresh_tap(scene);
}

static void say(struct scene *scene, const struct lifecycle *what)
{
	unsigned forms = wants(scene, TELEMETRY_PLATFORM);
	int64_t wall_ms = clock_wall_ms() - (clock_mono_us() - what->now_us) / 1000;
	struct telemetry_event ev;
	uint64_t used = 0;

	if (forms == 0) {
		return;
	}
	if (what->kind == LC_REPORT) {
		used = memory_watch_finish(scene->host, what->now_us - what->started_us, what->now_us);
		telemetry_event_end(&ev, forms, what->event->id, wall_ms);
		emit(scene, &ev);
	}
	telemetry_event_lifecycle(&ev, forms, &scene->facts, what, used, wall_ms);
	emit(scene, &ev);
}

static void end(struct scene *scene)
{
	const struct telemetry_figures *f = telemetry_figures(scene->telemetry);

	telemetry_end(scene->telemetry);
	refresh_tap(scene);
	if (f->failures > 0 || f->dropped_events > 0) {
		log_info("telemetry so far events=%llu failures=%llu dropped=%llu",
			 (unsigned long long)f->sent_events, (unsigned long long)f->failures,
			 (unsigned long long)f->dropped_events);
	}
}

static void act(struct scene *scene, const struct lifecycle *what)
{
	struct telemetry *t = scene->telemetry;

	switch (what->kind) {
	case LC_INIT_REPORT:
		telemetry_close(t);
		refresh_tap(scene);
		break;
	case LC_FROZEN:
		telemetry_pause(t, true, what->now_us);
		break;
	case LC_THAWED:
		telemetry_pause(t, false, what->now_us);
		break;
	case LC_SHUTDOWN:
		telemetry_flush(t, what->now_us);
		break;
	case LC_GONE:
		end(scene);
		break;
	case LC_INIT_START:
	case LC_EXTENSION:
	case LC_INIT_RUNTIME_DONE:
	case LC_REGISTERED:
	case LC_RESTORE_START:
	case LC_RESTORE_RUNTIME_DONE:
	case LC_RESTORE_REPORT:
	case LC_START:
	case LC_RUNTIME_DONE:
	case LC_REPORT:
	case LC_FAULT:
	case LC_COUNT:
		break;
	}
}

static void on_lifecycle(void *ctx, struct instance *inst, const struct lifecycle *what)
{
	struct telemetry_hub *hub = ctx;
	struct scene *scene = &hub->scenes[inst->slot];

	if (what->kind == LC_INIT_START) {
		begin(scene, inst);
	}
	if (hub->follower != NULL) {
		hub->follower->lifecycle(hub->follower->ctx, inst, what);
	}
	if (!scene->live) {
		return;
	}
	/* What was written before comes before. At LC_START that was read before the event was handed over, and what is
	 * there now is of the event; before LC_REPORT there was LC_RUNTIME_DONE. */
	if (scene->host->tap.fn != NULL && what->kind != LC_START &&
	    (what->kind != LC_REPORT || telemetry_hub_managed(hub))) {
		output_collect(&scene->host->output);
	}
	say(scene, what);
	act(scene, what);
}

/* --- subscriptions --- */

enum telemetry_verdict telemetry_hub_subscribe(struct telemetry_hub *hub, struct host *h, const char *extension,
					       const struct telemetry_want *want)
{
	struct scene *scene = &hub->scenes[h->inst->slot];
	enum telemetry_verdict verdict;
	struct telemetry_event ev;

	if (!telemetry_hub_open(hub, h) || (!want->tcp && http_client(hub) == NULL)) {
		return TELEMETRY_CLOSED;
	}
	verdict = telemetry_subscribe(scene->telemetry, extension, want, loop_now_us(hub->loop));
	if (verdict == TELEMETRY_SUBSCRIBED) {
		telemetry_event_subscription(&ev, wants(scene, TELEMETRY_PLATFORM), extension, want->types,
					     clock_wall_ms());
		emit(scene, &ev);
	}
	return verdict;
}

bool telemetry_hub_managed(const struct telemetry_hub *hub)
{
	return hub->cfg->init_type == INIT_MANAGED;
}

bool telemetry_hub_open(const struct telemetry_hub *hub, const struct host *h)
{
	const struct scene *scene = &hub->scenes[h->inst->slot];

	return scene->telemetry != NULL && telemetry_open(scene->telemetry);
}

void telemetry_hub_follow(struct telemetry_hub *hub, const struct telemetry_follower *follower)
{
	hub->follower = follower;
}

struct telemetry_hub *telemetry_hub_new(struct loop *loop, const struct config *cfg, struct dispatch *d)
{
	struct telemetry_hub *hub = xcalloc(1, sizeof(*hub));

	hub->loop = loop;
	hub->cfg = cfg;
	hub->scenes = xcalloc(cfg->max_concurrency, sizeof(*hub->scenes));
	for (unsigned i = 0; i < cfg->max_concurrency; i++) {
		hub->scenes[i].hub = hub;
	}
	dispatch_observe(d, on_lifecycle, hub);
	return hub;
}

void telemetry_hub_free(struct telemetry_hub *hub)
{
	if (hub == NULL) {
		return;
	}
	for (unsigned i = 0; i < hub->cfg->max_concurrency; i++) {
		telemetry_free(hub->scenes[i].telemetry);
	}
	httpc_free(hub->http);
	free(hub->scenes);
	free(hub);
}
