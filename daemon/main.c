/* SPDX-License-Identifier: Apache-2.0 */
/* lambda-runtime-api-daemon: the composition root. Builds the parts, runs the loop, takes the parts down again. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "core/dispatch.h"
#include "edge/amqp_bridge.h"
#include "edge/amqp_settings.h"
#include "edge/async.h"
#include "edge/config.h"
#include "edge/control.h"
#include "edge/control_socket.h"
#include "edge/debug_settings.h"
#include "edge/debugger.h"
#include "edge/extension_host.h"
#include "edge/extensions_api.h"
#include "edge/function_url.h"
#include "edge/invoke_api.h"
#include "edge/local_invoker.h"
#include "edge/restore_api.h"
#include "edge/runtime_api.h"
#include "edge/sandbox_names.h"
#include "edge/self_copy.h"
#include "edge/sources.h"
#include "edge/sqs_event_settings.h"
#include "edge/startup.h"
#include "edge/supervisor.h"
#include "edge/telemetry.h"
#include "edge/telemetry_api.h"
#include "edge/url_settings.h"
#include "io/child.h"
#include "io/guard.h"
#include "io/sink.h"
#include "io/standard.h"
#include "loop/loop.h"
#include "loop/signals.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

/* Time for the last replies to reach callers that read slowly, and for the output to be taken. */
static const int64_t flush_us = 2 * 1000 * 1000;
/* The same for a broker: to stop delivering, and to confirm the last replies. */
static const int64_t broker_us = 5 * 1000 * 1000;
/* The same for answers that are on their way to a queue. */
static const int64_t settle_us = 15 * 1000 * 1000;

struct daemon {
	struct config cfg;
	struct guard *guard;
	struct loop *loop;
	struct signals *signals;
	struct children *children;
	struct sink *sink;
	struct runtime_api *runtime_api;
	struct supervisor *supervisor;
	struct extensions_api *extensions_api; /* NULL when extensions are switched off */
	struct telemetry_hub *telemetry;       /* the same, unless there is a control surface */
	struct restore_api *restore_api;       /* NULL without SnapStart */
	struct control *control;	       /* NULL without CONTROL_SOCKET */
	struct local_invoker invoker;
	struct async *async;
	struct invoke_api *invoke_api;
	struct url_settings url_settings;
	struct sqs_event_settings sqs_events;
	struct function_url *url; /* NULL = off */
	struct amqp_settings amqp;
	struct debug_settings debug;
	struct debugger *debugger;  /* NULL: DEBUGGER_ACTIVE is not set */
	struct amqp_bridge *bridge; /* NULL = AMQP is off */
	struct sources *sources;    /* NULL = none but the Invoke API */
	struct loop_hook end_hook;
	struct loop_timer end_timer;
	struct loop_timer quiet_timer;
	bool draining;
	bool hurried; /* by a second signal */
	bool bridge_quiet;
	bool async_quiet;
	bool drained;
	int exit_code;
};

static unsigned busy_callers(const struct daemon *d)
{
	return invoke_api_busy(d->invoke_api) + function_url_busy(d->url);
}

static void stop_when_flushed(void *ctx)
{
	struct daemon *d = ctx;

	if (d->drained && busy_callers(d) == 0 && sources_busy(d->sources) == 0 && async_busy(d->async) == 0 &&
	    (d->bridge == NULL || !amqp_bridge_busy(d->bridge))) {
		loop_stop(d->loop);
	}
}

static void on_end_timer(void *ctx)
{
	struct daemon *d = ctx;

	if (busy_callers(d) > 0) {
		log_warn("callers that do not read their replies were cut off count=%u", busy_callers(d));
	}
	if (d->bridge != NULL && amqp_bridge_busy(d->bridge)) {
		log_warn("AMQP the broker did not confirm the last replies: it delivers their requests again");
	}
	if (sources_busy(d->sources) > 0) {
		log_warn("messages or batches could not be settled and will be delivered again count=%u",
			 sources_busy(d->sources));
	}
	loop_stop(d->loop);
}

static int64_t end_wait_us(const struct daemon *d)
{
	/* Without a spool ASYNC_DRAIN_TIMEOUT has passed by now. */
	if (sources_busy(d->sources) > 0 || (d->cfg.async_spool_dir != NULL && async_busy(d->async) > 0)) {
		return settle_us;
	}
	return d->bridge != NULL ? broker_us : flush_us;
}

static void on_drained(void *ctx)
{
	struct daemon *d = ctx;

	d->drained = true;
	loop_timer_set(d->loop, &d->end_timer, loop_now_us(d->loop) + end_wait_us(d));
	loop_wake(d->loop);
}

/* When both that have to be heard before have said that nothing more comes of them. */
static void drain(struct daemon *d)
{
	if (!d->bridge_quiet || !d->async_quiet) {
		return;
	}
	loop_timer_clear(d->loop, &d->quiet_timer);
	dispatch_drain(supervisor_dispatch(d->supervisor), loop_now_us(d->loop));
}

/* Only now is it known what the broker has given us. */
static void on_bridge_quiet(void *ctx)
{
	struct daemon *d = ctx;

	d->bridge_quiet = true;
	loop_timer_clear(d->loop, &d->quiet_timer);
	drain(d);
}

static void on_async_quiet(void *ctx)
{
	struct daemon *d = ctx;

	d->async_quiet = true;
	drain(d);
}

static void on_quiet_timer(void *ctx)
{
	log_warn("AMQP the broker does not answer: draining without it");
	on_bridge_quiet(ctx);
}

static void on_bridge_idle(void *ctx)
{
	struct daemon *d = ctx;

	loop_wake(d->loop);
}

static void on_bridge_failed(void *ctx, const char *reason)
{
	struct daemon *d = ctx;

	if (d->draining) {
		/* There is nothing to answer then, and the timers end the drain. */
		log_warn("AMQP no connection to the broker reason=\"%s\"", reason);
		return;
	}
	log_error("AMQP_URI: no connection to the broker, attempts=%u reason=\"%s\"", d->amqp.uri.connection_attempts,
		  reason);
	d->exit_code = 1;
	loop_stop(d->loop);
}

static void begin_drain(struct daemon *d, int signo)
{
	log_info("draining signal=%d", signo);
	d->draining = true;
	startup_tell_stopping(&d->cfg);
	loop_hook_add(d->loop, &d->end_hook, stop_when_flushed, d);
	invoke_api_quiesce(d->invoke_api);
	function_url_quiesce(d->url);
	debugger_drain(d->debugger);
	sources_drain(d->sources);
	d->bridge_quiet = d->bridge == NULL;
	if (d->bridge != NULL) {
		amqp_bridge_quiesce(d->bridge);
		loop_timer_set(d->loop, &d->quiet_timer, loop_now_us(d->loop) + broker_us);
	}
	async_drain(d->async);
}

static void on_runtime_lost(void *ctx)
{
	struct daemon *d = ctx;

	sources_runtime_lost(d->sources);
}

static void restore(struct daemon *d)
{
	unsigned count = dispatch_restore(supervisor_dispatch(d->supervisor), loop_now_us(d->loop));

	log_info("restored by SIGUSR1 environments=%u", count);
}

static void on_signal(void *ctx, int signo)
{
	struct daemon *d = ctx;

	if (signo == SIGCHLD) {
		children_reap(d->children);
	} else if (signo == SIGUSR1) {
		restore(d);
	} else if (!d->draining) {
		begin_drain(d, signo);
	} else {
		log_warn("second signal, ending at once signal=%d", signo);
		d->hurried = true;
		d->exit_code = 1;
		loop_stop(d->loop);
	}
}

static void on_space(void *ctx)
{
	struct daemon *d = ctx;

	supervisor_resume_output(d->supervisor);
}

static void tell_ready(const struct daemon *d)
{
	const char *url_host = d->url_settings.host != NULL ? d->url_settings.host : d->cfg.invoke_host;
	struct buf line = BUF_INIT;

	buf_puts(&line, "invoke=");
	address_put(&line, d->cfg.invoke_host, invoke_api_port(d->invoke_api));
	buf_printf(&line, " runtime=%s", supervisor_runtime_address(d->supervisor));
	if (d->url != NULL) {
		buf_puts(&line, " url=");
		address_put(&line, url_host, function_url_port(d->url));
	}
	if (d->control != NULL) {
		buf_printf(&line, " control=%s", control_shown_address(d->control));
	}
	log_info("listening %s", line.data);
	buf_putc(&line, '\n');
	startup_tell_ready(&d->cfg, line.data, line.len);
	buf_fini(&line);
}

static int build_bridge(struct daemon *d, struct err *err)
{
	const struct amqp_bridge_deps deps = {
		.loop = d->loop,
		.dispatch = supervisor_dispatch(d->supervisor),
		.cfg = &d->cfg,
		.settings = &d->amqp,
		.failed = on_bridge_failed,
		.quiet = on_bridge_quiet,
		.idle = on_bridge_idle,
		.ctx = d,
	};

	d->bridge = amqp_bridge_new(&deps, err);
	d->invoker.bridge = d->bridge;
	/* Messages may be waiting already. */
	dispatch_prestart(deps.dispatch, loop_now_us(d->loop));
	return d->bridge != NULL ? 0 : -1;
}

static int build_debugger(struct daemon *d, struct err *err)
{
	if (!d->debug.active) {
		return 0;
	}
	d->debugger = debugger_new(d->loop, &d->cfg, &d->debug, err);
	runtime_api_debug(d->runtime_api, d->debugger);
	return d->debugger != NULL ? 0 : -1;
}

static int build_async(struct daemon *d, struct err *err)
{
	const struct async_deps deps = {
		.loop = d->loop,
		.children = d->children,
		.guard = d->guard,
		.cfg = &d->cfg,
		.amqp = &d->amqp,
		.inner = &d->invoker.invoker,
		.quiet = on_async_quiet,
		.ctx = d,
	};

	d->async = async_new(&deps, err);
	return d->async != NULL ? 0 : -1;
}

static int build_sources(struct daemon *d, struct err *err)
{
	const struct sources_deps deps = {
		.loop = d->loop,
		.children = d->children,
		.guard = d->guard,
		.cfg = &d->cfg,
		.events = &d->sqs_events,
		.dispatch = supervisor_dispatch(d->supervisor),
		.runtime_api = supervisor_runtime_address(d->supervisor),
	};

	if (!sources_wanted(&d->cfg, &d->sqs_events)) {
		return 0;
	}
	d->sources = sources_new(&deps, err);
	d->invoker.sources = d->sources;
	return d->sources != NULL ? 0 : -1;
}

/* On the listeners of the Runtime API. */
static void build_more_apis(struct daemon *d)
{
	struct dispatch *dispatch = supervisor_dispatch(d->supervisor);

	if (!extensions_disabled()) {
		d->extensions_api = extensions_api_new(d->loop, &d->cfg, d->runtime_api, dispatch);
	}
	if (!extensions_disabled() || d->cfg.control_socket != NULL) {
		d->telemetry = telemetry_hub_new(d->loop, &d->cfg, dispatch);
	}
	if (!extensions_disabled()) {
		runtime_api_add(d->runtime_api, telemetry_api_request, d->telemetry);
	}
	if (d->cfg.init_type == INIT_SNAP_START) {
		d->restore_api = restore_api_new(d->loop, d->runtime_api, dispatch);
	}
}

static int build_control(struct daemon *d, struct err *err)
{
	const struct control_deps deps = {
		.loop = d->loop,
		.cfg = &d->cfg,
		.dispatch = supervisor_dispatch(d->supervisor),
		.telemetry = d->telemetry,
	};

	if (d->cfg.control_socket == NULL) {
		return 0;
	}
	d->control = control_new(&deps, err);
	return d->control != NULL ? 0 : -1;
}

static int build(struct daemon *d, struct err *err)
{
	struct supervisor_deps deps = {
		.cfg = &d->cfg, .drained = on_drained, .runtime_lost = on_runtime_lost, .ctx = d
	};

	d->loop = loop_new();
	d->children = d->loop != NULL ? children_new(d->loop, guard_pid(d->guard)) : NULL;
	d->signals = d->loop != NULL ? signals_new(d->loop, on_signal, d) : NULL;
	if (d->children == NULL || d->signals == NULL) {
		return err_set(err, 1, "event loop: %s", strerror(errno));
	}
	loop_timer_init(&d->end_timer, on_end_timer, d);
	loop_timer_init(&d->quiet_timer, on_quiet_timer, d);
	d->sink = sink_new(d->loop, STDOUT_FILENO, on_space, d);
	sink_allow_gaps(d->sink);
	d->runtime_api = runtime_api_new(d->loop);
	if (build_debugger(d, err) != 0) {
		return -1;
	}
	deps.loop = d->loop;
	deps.debugger = d->debugger;
	deps.children = d->children;
	deps.guard = d->guard;
	deps.runtime_api = runtime_api_server(d->runtime_api);
	deps.sink = d->sink;
	d->supervisor = supervisor_new(&deps, err);
	if (d->supervisor == NULL) {
		return err_wrap(err, "Runtime API");
	}
	runtime_api_attach(d->runtime_api, supervisor_dispatch(d->supervisor));
	debugger_attach(d->debugger, supervisor_dispatch(d->supervisor));
	build_more_apis(d);
	if (build_control(d, err) != 0) {
		return -1;
	}
	local_invoker_init(&d->invoker, d->loop, supervisor_dispatch(d->supervisor));
	if (build_async(d, err) != 0) {
		return -1;
	}
	d->invoke_api = invoke_api_new(d->loop, &d->cfg, async_invoker(d->async), err);
	if (d->invoke_api == NULL) {
		return err_wrap(err, "Invoke API");
	}
	if (d->url_settings.on) {
		d->url = function_url_new(d->loop, &d->cfg, &d->url_settings, &d->invoker.invoker, err);
		if (d->url == NULL) {
			return -1;
		}
	}
	sink_start(d->sink);
	if (d->cfg.init_type != INIT_ON_DEMAND) {
		dispatch_prestart(supervisor_dispatch(d->supervisor), loop_now_us(d->loop));
	}
	if (d->cfg.amqp_uri != NULL && build_bridge(d, err) != 0) {
		return -1;
	}
	return build_sources(d, err);
}

/* Accepts a half-built daemon. Servers go first: they hold references into the dispatcher. */
static void tear_down(struct daemon *d)
{
	invoke_api_free(d->invoke_api);
	function_url_free(d->url);
	async_free(d->async);
	amqp_bridge_free(d->bridge);
	sources_free(d->sources);
	control_free(d->control);
	runtime_api_free(d->runtime_api);
	debugger_free(d->debugger);
	extensions_api_free(d->extensions_api);
	restore_api_free(d->restore_api);
	supervisor_free(d->supervisor);
	telemetry_hub_free(d->telemetry);
	if (d->sink != NULL && !sink_empty(d->sink)) {
		signals_end_at_once();
	}
	sink_free(d->sink, d->hurried ? 0 : flush_us);
	children_free(d->children);
	signals_free(d->signals);
	loop_free(d->loop);
	guard_stop(d->guard);
	debug_settings_fini(&d->debug);
	amqp_settings_fini(&d->amqp);
	config_fini(&d->cfg);
}

static int load_debugger(struct daemon *d, struct err *err)
{
	if (debug_settings_load(&d->cfg, &d->debug, err) != 0) {
		return -1;
	}
	d->cfg.node_options = d->debug.node_options;
	if (d->debug.active && d->cfg.max_concurrency > 1) {
		/* The function id names one runtime. */
		log_warn("MAX_CONCURRENCY is 1 because DEBUGGER_ACTIVE is set");
		d->cfg.max_concurrency = 1;
	}
	return 0;
}

static int serve(struct daemon *d, struct err *err)
{
	int r;

	if (load_debugger(d, err) != 0 || url_settings_load(&d->url_settings, err) != 0 ||
	    sqs_event_settings_load(&d->sqs_events, err) != 0) {
		return -1;
	}
	if (d->cfg.amqp_uri != NULL && amqp_settings_load(&d->cfg, &d->amqp, err) != 0) {
		return -1;
	}
	startup_raise_descriptor_limit();
	sandbox_names_add(&d->cfg);
	d->guard = guard_start();
	if (build(d, err) != 0) {
		return -1;
	}
	tell_ready(d);
	sources_start(d->sources);
	async_start(d->async);
	r = loop_run(d->loop);
	if (r != 0) {
		return err_set(err, 1, "event loop: %s", strerror(-r));
	}
	return 0;
}

static void print_help(void)
{
	printf("usage: lambda-runtime-api-daemon [flags] [COMMAND [ARGS... HANDLER]]\n\n"
	       "Runs an AWS Lambda function on this machine: supervises its runtime, serves the Lambda Runtime API "
	       "to\n"
	       "it, and takes invocations by the Invoke API over HTTP. Without a COMMAND the first executable of\n"
	       "/var/task/bootstrap, /opt/bootstrap and /var/runtime/bootstrap is run.\n\n"
	       "Flags, at any position:\n"
	       "  --log-level LEVEL\n"
	       "  --runtime-api-address HOST:PORT\n"
	       "  --runtime-interface-emulator-address HOST:PORT   (the Invoke API)\n"
	       "  --enable-init-caching                            (SnapStart)\n"
	       "  --help, --version                                (before the command)\n\n"
	       "Environment:\n");
	config_print_help(stdout, CONFIG_DAEMON);
}

static int act(struct daemon *d, struct err *err)
{
	switch (d->cfg.action) {
	case CONFIG_HELP:
		print_help();
		return standard_flush(err);
	case CONFIG_VERSION:
		printf("lambda-runtime-api-daemon %s\n", VERSION);
		return standard_flush(err);
	case CONFIG_COPY_SELF:
		return self_copy("/tmp", err);
	case CONFIG_RUN:
		break;
	}
	if (startup_check_ready_fd(&d->cfg, err) != 0 || extension_host_check(&d->cfg, err) != 0 ||
	    control_address_check(&d->cfg, err) != 0) {
		return -1;
	}
	return serve(d, err);
}

int main(int argc, char **argv)
{
	struct daemon d = { .exit_code = 0 };
	struct err err = ERR_INIT;

	standard_open();
	signals_block();
	log_setup(LOG_INFO, false);
	if (config_load(&d.cfg, argc, argv, &err) != 0) {
		fprintf(stderr, "lambda-runtime-api-daemon: %s\n", err.msg);
		config_fini(&d.cfg);
		return err.code;
	}
	log_setup(d.cfg.log_level, d.cfg.json);
	if (act(&d, &err) != 0) {
		fprintf(stderr, "lambda-runtime-api-daemon: %s\n", err.msg);
		d.exit_code = err.code;
	}
	tear_down(&d);
	return d.exit_code;
}
