/* SPDX-License-Identifier: Apache-2.0 */
/* Debug sessions: from the hold of an event to its end. */
#include "edge/debugger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/dispatch.h"
#include "debug/access.h"
#include "debug/broker.h"
#include "edge/config.h"
#include "edge/debug_stop.h"
#include "edge/debug_target.h"
#include "edge/debugger_priv.h"
#include "io/httpd.h"
#include "io/tls.h"
#include "io/ws_dial.h"

/* Between two attempts to reach the broker. */
static const int64_t retry_us = 1000 * 1000;
/* A debugger that never says that it is ready is taken to be when it has been silent for so long ... */
static const int64_t quiet_us = 1000 * 1000;
/* ... or has not said a word for so long: its machine may be busy ... */
static const int64_t mute_us = 5 * 1000 * 1000;
/* ... or has talked for so long. */
static const int64_t talk_us = 10 * 1000 * 1000;
/* A timeout that was off runs at least this long when it is on again. */
static const int64_t left_min_us = 1000 * 1000;

/* What the runtime has said before its answer may come on the other connection after it. */
static const int64_t ending_us = 250 * 1000;

static void wait_for_debugger(struct debugger *d);

/* --- the held event --- */

static void hand_over(struct debugger *d)
{
	struct httpd_req *req = d->req;

	d->release = RELEASE_DONE;
	d->holding = false;
	d->req = NULL;
	loop_timer_clear(d->loop, &d->quiet);
	if (req != NULL) {
		/* If it has gone its exit will be noticed, or it polls again and gets the event then. */
		(void)d->hand(d->loop, req, d->event, d->deadline_us);
	}
}

static void on_runtime_gone(void *owner)
{
	struct debugger *d = owner;

	d->req = NULL;
}

static void on_stop_prepared(void *ctx)
{
	struct debugger *d = ctx;

	d->stop_ready = true;
	if (d->release == RELEASE_STOP) {
		hand_over(d);
	} else {
		debugger_heard(d);
	}
}

/* The debugger is ready. */
static void release(struct debugger *d)
{
	if (!d->holding || !d->attached || !d->stop_ready || d->release != RELEASE_WAITING) {
		return;
	}
	/* Nobody would go on from a stop that nobody hears of. */
	if (d->settings->stop_at_handler && d->debugger_enabled && d->stop != NULL && debug_stop_set(d->stop)) {
		d->release = RELEASE_STOP;
	} else {
		hand_over(d);
	}
}

static void on_quiet(void *ctx)
{
	release(ctx);
}

void debugger_heard(struct debugger *d)
{
	int64_t now = loop_now_us(d->loop);
	int64_t at = now + (d->has_spoken ? quiet_us : mute_us);

	if (!d->holding || !d->attached || !d->target_open || d->release != RELEASE_WAITING) {
		return;
	}
	if (d->configured) {
		release(d);
		return;
	}
	if (d->will_say_ready) {
		loop_timer_clear(d->loop, &d->quiet);
		return;
	}
	loop_timer_set(d->loop, &d->quiet, at < d->attached_us + talk_us ? at : d->attached_us + talk_us);
}

/* --- the timeout --- */

static void timeout_off(struct debugger *d)
{
	if (d->deadline_us == INT64_MAX) {
		return;
	}
	d->left_us = d->deadline_us - loop_now_us(d->loop);
	dispatch_set_deadline(d->dispatch, d->inst, INT64_MAX);
}

static void timeout_on(struct debugger *d)
{
	int64_t left = d->left_us > left_min_us ? d->left_us : left_min_us;

	if (d->deadline_us == INT64_MAX) {
		return; /* the event has no timeout */
	}
	d->deadline_us = loop_now_us(d->loop) + left;
	dispatch_set_deadline(d->dispatch, d->inst, d->deadline_us);
}

static void detach(struct debugger *d)
{
	if (d->attached) {
		d->attached = false;
		timeout_on(d);
	}
}

/* --- the session --- */

static void close_target(struct debugger *d)
{
	debug_target_close(d->target);
	debug_stop_free(d->stop);
	d->target = NULL;
	d->target_open = false;
	d->stop = NULL;
	d->stop_ready = false;
	d->configured = false;
	d->will_say_ready = false;
	d->debugger_enabled = false;
}

static void close_session(struct debugger *d, unsigned code, const char *reason)
{
	loop_timer_clear(d->loop, &d->ending);
	loop_timer_clear(d->loop, &d->retry);
	loop_timer_clear(d->loop, &d->quiet);
	d->is_ending = false;
	ws_dial_cancel(d->dial);
	d->dial = NULL;
	if (d->broker != NULL) {
		ws_close(d->broker, code, reason);
		d->broker = NULL;
	}
	close_target(d);
	detach(d);
	if (d->release == RELEASE_STOP) {
		d->release = RELEASE_WAITING;
	}
}

static void wait_again(struct debugger *d, int64_t in_us)
{
	if (d->inst != NULL && !d->draining) {
		loop_timer_set(d->loop, &d->retry, loop_now_us(d->loop) + in_us);
	}
}

static void on_retry(void *ctx)
{
	wait_for_debugger(ctx);
}

static void on_dialled(void *ctx, struct ws *ws, const char *why)
{
	struct debugger *d = ctx;
	const struct debug_settings *s = d->settings;

	d->dial = NULL;
	d->broker = ws;
	if (ws != NULL) {
		ws_group(ws, &d->sockets);
		ws_keepalive(ws, BROKER_KEEPALIVE_US);
		log_info("waiting for a debugger id=%s requestId=%s", s->key, d->event->id);
		return;
	}
	if (!d->complained) {
		log_warn("the debug broker cannot be reached, will try again address=%s:%u reason=\"%s\"",
			 s->broker_host != NULL ? s->broker_host : "127.0.0.1", s->broker_port, why);
	}
	d->complained = true;
	wait_again(d, retry_us);
}

static void wait_for_debugger(struct debugger *d)
{
	const struct debug_settings *s = d->settings;
	int64_t left_us = d->deadline_us - loop_now_us(d->loop);
	const char *token = d->own != NULL ? d->own_token : s->token;
	char *authorization = token != NULL ? xasprintf("Bearer %s", token) : NULL;
	char left_ms[24];
	const struct httpd_header headers[] = {
		{ "Lambda-Debug-Mode", s->tcp ? "tcp" : "inspector" },
		{ "Lambda-Debug-Function", d->cfg->function_name },
		{ "Lambda-Debug-Request-Id", d->event->id },
		{ "Lambda-Debug-Remaining-Ms", left_ms },
		{ "Authorization", authorization },
	};
	const struct ws_target where = {
		.host = d->own != NULL ? "127.0.0.1" : s->broker_host,
		.port = d->own != NULL ? broker_lambda_port(d->own) : s->broker_port,
		.path = s->key,
		.headers = headers,
		.count = countof(headers),
		.tls = d->tls,
	};

	snprintf(left_ms, sizeof(left_ms), "%lld", (long long)(left_us > 0 ? left_us / 1000 : 0));
	debug_flow_reset(d);
	d->dial = ws_dial_start(d->loop, &where, &debug_broker_ops, on_dialled, d);
	if (authorization != NULL) {
		explicit_bzero(authorization, strlen(authorization));
	}
	free(authorization);
}

void debugger_user_joined(struct debugger *d)
{
	/* No second one, and none for an invocation that has just ended: its session is on its way out. */
	if (d->attached || d->target != NULL || d->event == NULL) {
		return;
	}
	log_info("debugger attached id=%s requestId=%s", d->settings->key, d->event->id);
	d->attached = true;
	d->attached_us = loop_now_us(d->loop);
	d->has_spoken = false;
	timeout_off(d);
	/* What the debugger says first waits in the socket until the runtime can be told. */
	ws_pause(d->broker, true);
	d->target = debug_target_open(d->loop, d->settings->tcp, d->settings->port, &debug_target_callbacks, d);
}

/* It waits for the debugger to leave, so what it has said can still be read. */
static void on_process_ending(void *ctx)
{
	struct debugger *d = ctx;

	log_info("the runtime ends, the debugger is let go id=%s", d->settings->key);
	d->is_ending = true;
	loop_timer_set(d->loop, &d->ending, loop_now_us(d->loop) + ending_us);
}

void debugger_target_opened(struct debugger *d, const char *path)
{
	const struct debug_stop_opts opts = {
		.port = d->settings->port,
		.path = path,
		.handler = d->cfg->handler,
		.node_options = d->settings->node_options,
		.prepared = on_stop_prepared,
		.ending = on_process_ending,
		.ctx = d,
	};

	d->target_open = true;
	d->stop_ready = d->settings->tcp || !d->holding;
	/* A function that runs already has passed its beginning. */
	if (d->holding && !d->settings->tcp) {
		d->stop = debug_stop_new(d->loop, &opts);
	}
	ws_pause(d->broker, false);
	debug_flow_opened(d);
	debugger_heard(d);
}

void debugger_target_closed(struct debugger *d, const char *why)
{
	bool was_open = d->target_open;

	d->target = NULL;
	d->target_open = false;
	log_info("debug session ended id=%s reason=\"%s\"", d->settings->key, why);
	close_session(d, WS_NORMAL, "the runtime has closed its debug port");
	if (!was_open && d->holding) {
		log_error("the runtime has no debug port, so it runs undebugged (DEBUGGER_MODE=%s) reason=\"%s\"",
			  d->cfg->debugger_mode, why);
		hand_over(d);
	}
	wait_again(d, retry_us);
}

void debugger_broker_closed(struct debugger *d, unsigned code, const char *reason)
{
	bool had_debugger = d->attached;

	if (had_debugger) {
		log_info("debugger detached id=%s reason=\"%s\"", d->settings->key, reason);
	} else if (!d->complained && !d->is_ending) {
		log_warn("the debug broker has closed the connection, will try again id=%s code=%u reason=\"%s\"",
			 d->settings->key, code, reason);
		d->complained = true;
	}
	close_session(d, WS_NORMAL, "");
	/* Another one may come, also to a function that runs already. */
	wait_again(d, had_debugger ? 0 : retry_us);
}

void debugger_give_up(struct debugger *d, unsigned code, const char *why)
{
	log_warn("debug session ended id=%s reason=\"%s\"", d->settings->key, why);
	close_session(d, code, why);
	wait_again(d, retry_us);
}

/* --- the outside --- */

bool debugger_hold(struct debugger *d, struct instance *inst, struct httpd_req *req, const struct event *ev,
		   int64_t deadline_us, debugger_hand_fn hand)
{
	bool again = d != NULL && d->inst == inst && d->event == ev;

	if (d == NULL || d->draining || (again && !d->holding)) {
		return false;
	}
	if (d->inst != NULL && !again) {
		debugger_finished(d, d->inst);
	}
	httpd_req_own(req, d, on_runtime_gone);
	d->req = req;
	if (again) {
		return true;
	}
	d->inst = inst;
	d->event = event_ref((struct event *)(uintptr_t)ev); /* only its count changes */
	d->hand = hand;
	d->holding = true;
	d->deadline_us = deadline_us;
	d->release = RELEASE_WAITING;
	d->complained = false;
	if (!d->is_ending) {
		/* Not from within: core is handing over, and must not be called back by a failure. */
		loop_timer_set(d->loop, &d->retry, loop_now_us(d->loop));
	}
	return true;
}

static void on_ending(void *ctx)
{
	struct debugger *d = ctx;

	close_session(d, WS_NORMAL, "the invocation has ended");
	wait_again(d, 0);
}

void debugger_finished(struct debugger *d, struct instance *inst)
{
	if (d == NULL || d->inst != inst) {
		return;
	}
	detach(d);
	d->holding = false;
	/* A held /next of a process that was killed: its connection is closed by whoever reaps it. */
	if (d->req != NULL) {
		httpd_req_own(d->req, NULL, NULL);
		d->req = NULL;
	}
	event_unref(d->event);
	d->event = NULL;
	d->inst = NULL;
	if (d->broker != NULL && d->target_open) {
		d->is_ending = true;
		loop_timer_set(d->loop, &d->ending, loop_now_us(d->loop) + ending_us);
	} else {
		close_session(d, WS_NORMAL, "the invocation has ended");
	}
}

void debugger_drain(struct debugger *d)
{
	if (d == NULL || d->draining) {
		return;
	}
	d->draining = true;
	close_session(d, WS_GOING_AWAY, "the daemon ends");
	sock_group_end(&d->sockets);
	if (d->holding) {
		hand_over(d);
	}
}

static int start_own_broker(struct debugger *d, struct err *err)
{
	const struct debug_settings *s = d->settings;
	struct broker_opts opts = {
		.lambda_host = "127.0.0.1",
		.lambda_token = d->own_token,
		.user_token = s->token,
		.max_message = BROKER_MAX_MESSAGE,
		.keepalive_us = BROKER_KEEPALIVE_US,
	};

	/* Other users of this machine must not pose as the function. */
	text_random_hex(d->own_token, 16);
	if (s->tcp) {
		d->own_tcp = (struct broker_tcp){ .host = s->listen_host, .port = s->listen_port, .key = s->key };
		opts.tcp = &d->own_tcp;
		opts.tcp_count = 1;
	} else {
		opts.user_host = s->listen_host;
		opts.user_port = s->listen_port;
	}
	d->own = broker_new(d->loop, &opts, err);
	if (d->own == NULL) {
		return err_wrap(err, "DEBUGGER_LISTEN");
	}
	if (!access_is_loopback(s->listen_host) && (s->tcp || s->token == NULL)) {
		log_warn("whoever reaches %s:%u can run any code in this function", s->listen_host, s->listen_port);
	}
	log_info("debuggers may connect to %s%s:%u%s", s->tcp ? "" : "http://", s->listen_host, s->listen_port,
		 s->tcp ? "" : "/");
	return 0;
}

struct debugger *debugger_new(struct loop *loop, const struct config *cfg, const struct debug_settings *settings,
			      struct err *err)
{
	struct debugger *d = xcalloc(1, sizeof(*d));

	d->loop = loop;
	d->cfg = cfg;
	d->settings = settings;
	sock_group_init(&d->sockets);
	loop_timer_init(&d->retry, on_retry, d);
	loop_timer_init(&d->quiet, on_quiet, d);
	loop_timer_init(&d->ending, on_ending, d);
	if (settings->broker_tls) {
		d->tls = tls_client_new(NULL, err);
		if (d->tls == NULL) {
			free(d);
			return NULL;
		}
	}
	if (settings->listen_host != NULL && start_own_broker(d, err) != 0) {
		free(d);
		return NULL;
	}
	return d;
}

void debugger_attach(struct debugger *d, struct dispatch *dispatch)
{
	if (d != NULL) {
		d->dispatch = dispatch;
	}
}

void debugger_free(struct debugger *d)
{
	if (d == NULL) {
		return;
	}
	if (d->inst != NULL) {
		debugger_finished(d, d->inst);
	}
	close_session(d, WS_GOING_AWAY, "the daemon ends");
	broker_free(d->own);
	tls_free(d->tls);
	debug_flow_fini(d);
	free(d);
}
