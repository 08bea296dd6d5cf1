/* SPDX-License-Identifier: Apache-2.0 */
/* lambda-server: the Invoke API in front of AMQP queues, for functions that run on many machines. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "edge/amqp_settings.h"
#include "edge/config.h"
#include "edge/invoke_api.h"
#include "edge/queue_invoker.h"
#include "edge/startup.h"
#include "io/standard.h"
#include "loop/loop.h"
#include "loop/signals.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

/* Time for the last replies to reach callers that read slowly. */
static const int64_t flush_us = 2 * 1000 * 1000;

struct server {
	struct config cfg;
	struct amqp_settings amqp;
	struct loop *loop;
	struct signals *signals;
	struct queue_invoker *invoker;
	struct invoke_api *invoke_api;
	struct loop_hook end_hook;
	struct loop_timer end_timer;
	bool draining;
	bool flushing;
	int exit_code;
};

/* Calls that wait for a reply have their own timeouts; callers that do not read get a short time after that. */
static void stop_when_done(void *ctx)
{
	struct server *s = ctx;

	if (invoke_api_busy(s->invoke_api) == 0) {
		loop_stop(s->loop);
	} else if (!s->flushing && queue_invoker_running(s->invoker) == 0) {
		s->flushing = true;
		loop_timer_set(s->loop, &s->end_timer, loop_now_us(s->loop) + flush_us);
	}
}

static void on_end_timer(void *ctx)
{
	struct server *s = ctx;

	log_warn("callers that do not read their replies were cut off count=%u", invoke_api_busy(s->invoke_api));
	loop_stop(s->loop);
}

static void on_signal(void *ctx, int signo)
{
	struct server *s = ctx;

	if (signo == SIGCHLD) {
		return;
	}
	if (s->draining) {
		log_warn("second signal, ending at once signal=%d", signo);
		s->exit_code = 1;
		loop_stop(s->loop);
		return;
	}
	log_info("draining signal=%d running=%u", signo, queue_invoker_running(s->invoker));
	s->draining = true;
	startup_tell_stopping(&s->cfg);
	loop_hook_add(s->loop, &s->end_hook, stop_when_done, s);
	invoke_api_quiesce(s->invoke_api);
	loop_wake(s->loop);
}

static void on_failed(void *ctx, const char *reason)
{
	struct server *s = ctx;

	if (s->draining) {
		log_warn("AMQP no connection to the broker reason=\"%s\"", reason);
		return;
	}
	log_error("AMQP_URI: no connection to the broker, attempts=%u reason=\"%s\"", s->amqp.uri.connection_attempts,
		  reason);
	s->exit_code = 1;
	loop_stop(s->loop);
}

static int build(struct server *s, struct err *err)
{
	struct queue_invoker_deps deps = { .cfg = &s->cfg, .settings = &s->amqp, .failed = on_failed, .ctx = s };

	s->loop = loop_new();
	s->signals = s->loop != NULL ? signals_new(s->loop, on_signal, s) : NULL;
	if (s->signals == NULL) {
		return err_set(err, 1, "event loop: %s", strerror(errno));
	}
	loop_timer_init(&s->end_timer, on_end_timer, s);
	deps.loop = s->loop;
	s->invoker = queue_invoker_new(&deps, err);
	if (s->invoker == NULL) {
		return -1;
	}
	s->invoke_api = invoke_api_new(s->loop, &s->cfg, queue_invoker_invoker(s->invoker), err);
	return s->invoke_api != NULL ? 0 : err_wrap(err, "Invoke API");
}

static void tell_ready(const struct server *s)
{
	struct buf line = BUF_INIT;

	buf_puts(&line, "invoke=");
	address_put(&line, s->cfg.invoke_host, invoke_api_port(s->invoke_api));
	log_info("listening %s", line.data);
	buf_putc(&line, '\n');
	startup_tell_ready(&s->cfg, line.data, line.len);
	buf_fini(&line);
}

/* Accepts a half-built server. */
static void tear_down(struct server *s)
{
	invoke_api_free(s->invoke_api);
	queue_invoker_free(s->invoker);
	signals_free(s->signals);
	loop_free(s->loop);
	amqp_settings_fini(&s->amqp);
	config_fini(&s->cfg);
}

static int serve(struct server *s, struct err *err)
{
	int r;

	if (startup_check_ready_fd(&s->cfg, err) != 0 || amqp_settings_load(&s->cfg, &s->amqp, err) != 0) {
		return -1;
	}
	startup_raise_descriptor_limit();
	if (build(s, err) != 0) {
		return -1;
	}
	tell_ready(s);
	r = loop_run(s->loop);
	return r == 0 ? 0 : err_set(err, 1, "event loop: %s", strerror(-r));
}

static int act(struct server *s, struct err *err)
{
	switch (s->cfg.action) {
	case CONFIG_HELP:
		printf("usage: lambda-server [--log-level LEVEL] [--runtime-interface-emulator-address HOST:PORT]\n\n"
		       "Serves the AWS Lambda Invoke API and passes invocations on to functions that run under\n"
		       "lambda-runtime-api-daemon elsewhere, by the RabbitMQ queue that is named after each "
		       "function.\n\n"
		       "Environment:\n");
		config_print_help(stdout, CONFIG_SERVER);
		return standard_flush(err);
	case CONFIG_VERSION:
		printf("lambda-server %s\n", VERSION);
		return standard_flush(err);
	case CONFIG_RUN:
	case CONFIG_COPY_SELF:
		break;
	}
	return serve(s, err);
}

int main(int argc, char **argv)
{
	struct server s = { .exit_code = 0 };
	struct err err = ERR_INIT;

	standard_open();
	signals_block();
	log_setup(LOG_INFO, false);
	if (config_load_gateway(&s.cfg, argc, argv, &err) != 0) {
		fprintf(stderr, "lambda-server: %s\n", err.msg);
		config_fini(&s.cfg);
		return err.code;
	}
	log_setup(s.cfg.log_level, s.cfg.json);
	if (act(&s, &err) != 0) {
		fprintf(stderr, "lambda-server: %s\n", err.msg);
		s.exit_code = err.code;
	}
	tear_down(&s);
	return s.exit_code;
}
