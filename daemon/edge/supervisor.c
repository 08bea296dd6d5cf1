/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, stopping and reporting of runtime processes. */
#include "edge/supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/report.h"
#include "edge/config.h"
#include "edge/debugger.h"
#include "edge/extension_host.h"
#include "edge/memory_watch.h"
#include "io/guard.h"
#include "io/httpd.h"
#include "io/sink.h"

static const int64_t sample_us = 50 * 1000;
static const int64_t sample_max_us = 1000 * 1000;
/* In the place of an event's id: the log tail of an init. */
static const char init_tail[] = "init";

struct supervisor {
	struct supervisor_deps deps;
	struct dispatch *dispatch;
	struct host *hosts; /* cfg->max_concurrency of them */
	struct report_style style;
	struct loop_timer tick;
	struct loop_timer sampler; /* armed while a runtime works */
	int64_t sample_wait_us;
	bool ending;
	bool no_extensions;
};

static void set_start_fault(const struct config *cfg, int errnum, struct fault *why)
{
	const char *command = cfg->command[0];

	if (errnum == ENOTDIR && cfg->cwd != NULL) {
		fault_set(why, FAULT_INVALID_WORKING_DIR, "chdir %s: no such file or directory", cfg->cwd);
	} else if (errnum == ENOENT && strchr(command, '/') == NULL) {
		fault_set(why, FAULT_INVALID_ENTRYPOINT, "exec: \"%s\": executable file not found in $PATH", command);
	} else {
		fault_exec(why, FAULT_INVALID_ENTRYPOINT, command, errnum);
	}
}

/* The address of a slot: the first as configured, later ones 127.0.0.2, 127.0.0.3, ... */
static const char *slot_host(const struct config *cfg, unsigned slot, char later[INET_ADDRSTRLEN])
{
	struct in_addr addr = { htonl(INADDR_LOOPBACK + slot) };

	return slot == 0 ? cfg->runtime_host : inet_ntop(AF_INET, &addr, later, INET_ADDRSTRLEN);
}

/* What a runtime has to connect to when we listen on host. */
static const char *reachable(const char *host)
{
	if (strcmp(host, "0.0.0.0") == 0) {
		return "127.0.0.1";
	}
	return strcmp(host, "::") == 0 ? "::1" : host;
}

static int open_listener(struct supervisor *s, struct host *h, struct err *err)
{
	const struct config *cfg = s->deps.cfg;
	char later[INET_ADDRSTRLEN];
	const char *host = slot_host(cfg, h->inst->slot, later);
	const char *shown;

	if (h->listener != NULL) {
		return 0;
	}
	h->listener = httpd_listen(s->deps.runtime_api, host, (uint16_t)cfg->runtime_port, h, err);
	if (h->listener == NULL && h->inst->slot > 0) {
		h->listener = httpd_listen(s->deps.runtime_api, host, 0, h, err);
	}
	if (h->listener == NULL) {
		return -1;
	}
	shown = reachable(host);
	h->api = xasprintf(strchr(shown, ':') != NULL ? "[%s]:%u" : "%s:%u", shown, httpd_listener_port(h->listener));
	return 0;
}

/* The workers of a managed instance take their logs to a socket; a descriptor could not be told apart in them. */
static void give_log_socket(struct host *h, char **env, struct child_spec *spec)
{
	int r = log_socket_open(&h->logs);

	if (r != 0) {
		log_warn("no log socket, the workers of the runtime share its stdout: %s", strerror(-r));
	}
	child_env_log_socket(env, h->logs.path);
	spec->fds[3] = -1;
}

static int spawn(struct supervisor *s, struct host *h)
{
	const struct config *cfg = s->deps.cfg;
	int ends[OUTPUT_STREAMS];
	char **env;
	struct child_spec spec = { .argv = cfg->command, .cwd = cfg->cwd };
	int r = output_open(&h->output, ends);

	if (r != 0) {
		return r;
	}
	env = child_env_new(cfg, h->api, h->log_stream, environ);
	if (cfg->init_type == INIT_SNAP_START) {
		text_random_hex(h->token, 16);
		child_env_move_credentials(env, h->api, h->token);
	}
	spec.envp = env;
	spec.fds[0] = s->deps.terminal ? STDIN_FILENO : -1;
	spec.fds[1] = s->deps.terminal ? STDERR_FILENO : ends[OUTPUT_STDOUT];
	spec.fds[2] = s->deps.terminal ? STDERR_FILENO : ends[OUTPUT_STDERR];
	spec.fds[3] = ends[OUTPUT_FRAMES];
	if (cfg->init_type == INIT_MANAGED) {
		give_log_socket(h, env, &spec);
	}
	guard_announce(s->deps.guard, h->log_stream);
	r = child_spawn(s->deps.children, &h->child, &spec);
	child_env_free(env);
	for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
		close(ends[i]);
	}
	if (r != 0) {
		guard_withdraw(s->deps.guard, h->log_stream);
		log_socket_close(&h->logs);
		output_close(&h->output);
	}
	return r;
}

/* The last process of an environment is gone: what it has left behind goes too. */
static void clear_environment(struct supervisor *s, struct host *h)
{
	if (!s->ending) {
		child_kill_strays(s->deps.children, GUARD_OTHER_MARK, h->log_stream);
	}
	httpd_listener_kick(h->listener);
}

static void on_extension_exit(struct host *h, struct extension *x, const struct child_exit *ex)
{
	struct supervisor *s = h->home;

	guard_unwatch(s->deps.guard, ex->pid);
	if (h->child.pid == 0 && extension_alive(&h->inst->extensions) == 1) {
		clear_environment(s, h);
	}
	dispatch_extension_exited(s->dispatch, h->inst, x, ex->signaled, ex->code, loop_now_us(s->deps.loop));
}

static int on_launch(void *ctx, struct instance *inst, struct fault *why)
{
	struct supervisor *s = ctx;
	struct host *h = inst->host;
	struct err err = ERR_INIT;

	if (open_listener(s, h, &err) != 0) {
		log_error("no Runtime API for another runtime: %s", err.msg);
		fault_set(why, FAULT_SANDBOX, "no Runtime API for the runtime: %s", err.msg);
		return -1;
	}
	memory_watch_reset(h);
	blob_unref(output_tail_take(&h->output, init_tail));
	output_tail_start(&h->output, init_tail);
	child_env_log_stream(s->deps.cfg, h->log_stream);
	if (s->no_extensions || extension_host_launch(&s->deps, h, on_extension_exit, why) == 0) {
		return 0;
	}
	log_error("extension not started: %s", why->text);
	return -1;
}

static int on_start(void *ctx, struct instance *inst, struct fault *why)
{
	struct supervisor *s = ctx;
	struct host *h = inst->host;
	int r;

	r = spawn(s, h);
	if (r != 0) {
		set_start_fault(s->deps.cfg, -r, why);
		log_error("runtime not started: %s", why->text);
		return -1;
	}
	h->retired = false;
	guard_watch(s->deps.guard, h->child.pid, h->log_stream);
	if (s->deps.terminal) {
		child_to_foreground(&h->child);
	}
	log_info("runtime started pid=%d api=%s", (int)h->child.pid, h->api);
	dispatch_spawned(s->dispatch, inst, loop_now_us(s->deps.loop));
	return 0;
}

static void on_kill_timer(void *ctx)
{
	struct host *h = ctx;

	child_stop(&h->child, 0);
}

static void on_stop(void *ctx, struct instance *inst, enum stop_reason why)
{
	static const char *const reasons[] = {
		[STOP_TIMEOUT] = "timeout",   [STOP_INIT_ERROR] = "init error", [STOP_RETIRE] = "idle",
		[STOP_SHUTDOWN] = "shutdown", [STOP_FAILURE] = "failure",
	};
	struct supervisor *s = ctx;
	struct host *h = inst->host;
	const struct extension *late = extension_running(&inst->extensions);

	h->retired = why == STOP_RETIRE;
	log_info("runtime stopping pid=%d reason=\"%s\"", (int)h->child.pid, reasons[why]);
	if (late != NULL && why == STOP_TIMEOUT) {
		log_warn("extension was not done with its event in time name=%s", late->name);
	}
	if (why == STOP_INIT_ERROR) {
		loop_timer_set(s->deps.loop, &h->kill_timer, loop_now_us(s->deps.loop) + inst->grace_us);
	} else {
		child_stop(&h->child, why == STOP_TIMEOUT ? 0 : inst->grace_us);
	}
}

static void on_kill(void *ctx, struct instance *inst, struct extension *x)
{
	(void)ctx;
	(void)inst;
	extension_host_kill(x);
}

static void on_freeze(void *ctx, struct instance *inst, bool frozen)
{
	struct host *h = inst->host;
	int signo = frozen ? SIGSTOP : SIGCONT;

	(void)ctx;
	child_signal(&h->child, signo);
	extension_host_signal(h, signo);
	log_debug("environment %s slot=%u epoch=%u", frozen ? "frozen" : "thawed", inst->slot, inst->epoch);
}

static void on_child_exit(struct child *c, const struct child_exit *ex)
{
	struct host *h = container_of(c, struct host, child);
	struct supervisor *s = h->home;
	struct instance *inst = h->inst;

	log_info("runtime ended pid=%d %s=%d", (int)ex->pid, ex->signaled ? "signal" : "status", ex->code);
	loop_timer_clear(s->deps.loop, &h->kill_timer);
	guard_unwatch(s->deps.guard, ex->pid);
	memory_watch_ended(h, ex->peak_bytes);
	if (!s->ending) {
		child_kill_strays(s->deps.children, s->deps.cfg->log_stream != NULL ? GUARD_OTHER_MARK : GUARD_MARK,
				  h->log_stream);
	}
	/* An answer it sent right before it ended is in a socket still, and counts. */
	httpd_listener_settle(h->listener);
	log_socket_close(&h->logs);
	output_close(&h->output);
	if (extension_alive(&inst->extensions) == 0) {
		httpd_listener_kick(h->listener);
	}
	dispatch_exited(s->dispatch, inst, ex->signaled, ex->code, loop_now_us(s->deps.loop));
}

static void write_lines(struct supervisor *s, struct host *h, const struct event *ev, const struct buf *lines,
			enum report_part part)
{
	if (s->deps.cfg->print_reports && part != REPORT_TAIL) {
		sink_write(s->deps.sink, lines->data, lines->len);
	}
	if (ev->want_tail && part != REPORT_OUTPUT) {
		output_tail_add(&h->output, ev->id, lines->data, lines->len);
	}
}

/* Reads what was written up to now, if anything is to be told apart by it. alone: no other event runs that might go on
 * with a line. */
static void collect_before(const struct supervisor *s, struct host *h, const struct event *ev, bool alone)
{
	if (s->deps.cfg->print_reports || ev->want_tail || output_is_watched(&h->output)) {
		output_collect(&h->output);
		if (alone) {
			output_end_lines(&h->output);
		}
	}
}

static void on_handing(void *ctx, struct instance *inst, const struct event *ev)
{
	struct host *h = inst->host;

	memory_watch_handing(h);
	collect_before(ctx, h, ev, inst->tasks.running == 0);
	blob_unref(output_tail_take(&h->output, init_tail));
}

static void on_handed(void *ctx, struct instance *inst, const struct event *ev)
{
	struct supervisor *s = ctx;
	struct host *h = inst->host;
	struct buf lines = BUF_INIT;
	char stamp[CLOCK_STAMP_LEN];

	if (s->deps.measured != NULL) {
		memory_watch_begin(h);
	}
	if (s->sample_wait_us == 0) {
		s->sample_wait_us = sample_us;
		loop_timer_set(s->deps.loop, &s->sampler, loop_now_us(s->deps.loop) + sample_us);
	}
	h->output.shared = inst->tasks.running > 1;
	if (ev->want_tail) {
		output_tail_start(&h->output, ev->id);
	}
	if (!s->deps.cfg->print_reports && !ev->want_tail) {
		return;
	}
	report_start(&lines, &s->style, ev, clock_stamp(clock_wall_ms(), stamp));
	write_lines(s, h, ev, &lines, REPORT_WHOLE);
	buf_fini(&lines);
}

/* The log of an event that the init of h has ended. */
static void start_init_log(struct host *h, const struct event *ev)
{
	output_collect(&h->output);
	output_end_lines(&h->output);
	if (ev->want_tail) {
		output_tail_start_with(&h->output, ev->id, init_tail);
	}
}

static struct blob *on_finished(void *ctx, struct instance *inst, const struct report *r)
{
	struct supervisor *s = ctx;
	struct host *h = inst->host;
	struct buf lines = BUF_INIT;
	char stamp[CLOCK_STAMP_LEN];
	uint64_t used = 0;
	struct blob *tail;

	if (r->handed) {
		if (r->part != REPORT_OUTPUT) {
			debugger_finished(s->deps.debugger, inst);
		}
		collect_before(s, h, r->event, !h->output.shared);
		h->output.shared = inst->tasks.running > 1;
	} else {
		start_init_log(h, r->event);
	}
	if (!s->deps.cfg->print_reports && !r->event->want_tail) {
		return NULL;
	}
	if (r->handed) {
		used = memory_watch_finish(h, r->duration_us, loop_now_us(s->deps.loop));
	}
	if (s->deps.measured != NULL && r->part != REPORT_OUTPUT) {
		s->deps.measured(s->deps.ctx, r, used);
	}
	clock_stamp(clock_wall_ms(), stamp);
	if (!r->handed) {
		report_start(&lines, &s->style, r->event, stamp);
	}
	report_end(&lines, &s->style, r, used, stamp);
	write_lines(s, h, r->event, &lines, r->part);
	tail = output_tail_take(&h->output, r->event->id);
	buf_fini(&lines);
	return tail;
}

static void on_rearm(void *ctx, int64_t at_us)
{
	struct supervisor *s = ctx;

	if (at_us == INT64_MAX) {
		loop_timer_clear(s->deps.loop, &s->tick);
	} else {
		loop_timer_set(s->deps.loop, &s->tick, at_us);
	}
}

static void on_drained(void *ctx)
{
	struct supervisor *s = ctx;

	s->deps.drained(s->deps.ctx);
}

static void on_lost(void *ctx, struct instance *inst)
{
	struct supervisor *s = ctx;
	const struct host *h = inst->host;

	if (!s->ending && !h->retired) {
		s->deps.runtime_lost(s->deps.ctx);
	}
}

static void on_tick(void *ctx)
{
	struct supervisor *s = ctx;
	int64_t now = loop_now_us(s->deps.loop);

	for (unsigned i = 0; i < s->deps.cfg->max_concurrency; i++) {
		/* We may be the one who is late: a stopped daemon, a busy machine. */
		if (s->hosts[i].listener != NULL && dispatch_overdue(s->hosts[i].inst, now)) {
			httpd_listener_settle(s->hosts[i].listener);
		}
	}
	dispatch_tick(s->dispatch, now);
}

/* Looks at the working runtimes soon after a hand-over and then ever less often, so that long invocations cost little
 * and an idle daemon does not wake up at all. */
static void on_sample(void *ctx)
{
	struct supervisor *s = ctx;
	int64_t now = loop_now_us(s->deps.loop);
	bool working = false;

	for (unsigned i = 0; i < s->deps.cfg->max_concurrency; i++) {
		struct host *h = &s->hosts[i];

		if (h->inst->state == INST_BUSY && h->inst->tasks.running > 0) {
			working = true;
			if (now - h->measured_us >= sample_us / 2) {
				memory_watch_sample(h, now);
			}
		}
	}
	s->sample_wait_us = working ? s->sample_wait_us * 2 : 0;
	if (s->sample_wait_us > sample_max_us) {
		s->sample_wait_us = sample_max_us;
	}
	if (working) {
		loop_timer_set(s->deps.loop, &s->sampler, now + s->sample_wait_us);
	}
}

static const struct dispatch_ops supervisor_ops = {
	.launch = on_launch,
	.start = on_start,
	.stop = on_stop,
	.kill = on_kill,
	.freeze = on_freeze,
	.handing = on_handing,
	.handed = on_handed,
	.finished = on_finished,
	.lost = on_lost,
	.rearm = on_rearm,
	.drained = on_drained,
};

static void host_init(struct supervisor *s, unsigned slot)
{
	struct host *h = &s->hosts[slot];

	h->home = s;
	h->inst = dispatch_instance(s->dispatch, slot);
	h->inst->host = h;
	child_init(&h->child, on_child_exit);
	output_init(&h->output, s->deps.loop, s->deps.sink);
	h->output.tap = &h->tap;
	log_socket_init(&h->logs, s->deps.loop, &h->output);
	loop_timer_init(&h->kill_timer, on_kill_timer, h);
}

struct supervisor *supervisor_new(const struct supervisor_deps *deps, struct err *err)
{
	struct supervisor *s = xcalloc(1, sizeof(*s));
	const struct config *cfg = deps->cfg;
	const struct dispatch_config dc = {
		.max_instances = (unsigned)cfg->max_concurrency,
		.max_pending = (size_t)cfg->max_pending,
		.max_response = MAX_RESPONSE_BODY,
		.max_stream = MAX_RESPONSE_STREAM,
		.invoke_timeout_us = cfg->timeout_us,
		.init_timeout_us = cfg->init_timeout_us,
		.idle_timeout_us = cfg->idle_timeout_us,
		.ready_timeout_us = cfg->ready_timeout_us,
		.freeze = cfg->freeze,
		.init_type = cfg->init_type,
		.max_tasks = (unsigned)cfg->managed_concurrency,
	};

	s->deps = *deps;
	s->no_extensions = extensions_disabled();
	s->style.json = cfg->json;
	s->style.version = cfg->version;
	s->style.memory_mb = (unsigned)cfg->memory_mb;
	loop_timer_init(&s->tick, on_tick, s);
	loop_timer_init(&s->sampler, on_sample, s);
	s->dispatch = dispatch_new(&dc, &supervisor_ops, s);
	s->hosts = xcalloc((size_t)cfg->max_concurrency, sizeof(*s->hosts));
	for (unsigned i = 0; i < cfg->max_concurrency; i++) {
		host_init(s, i);
	}
	if (open_listener(s, &s->hosts[0], err) != 0) {
		supervisor_free(s);
		return NULL;
	}
	return s;
}

static void end_host(struct supervisor *s, struct host *h)
{
	if (h->child.pid != 0) {
		child_stop(&h->child, 0);
	}
	loop_timer_clear(s->deps.loop, &h->kill_timer);
}

void supervisor_free(struct supervisor *s)
{
	if (s == NULL) {
		return;
	}
	s->ending = true;
	for (unsigned i = 0; i < s->deps.cfg->max_concurrency; i++) {
		end_host(s, &s->hosts[i]);
	}
	children_finish(s->deps.children);
	for (unsigned i = 0; i < s->deps.cfg->max_concurrency; i++) {
		extension_host_fini(&s->hosts[i]);
		log_socket_close(&s->hosts[i].logs);
		output_fini(&s->hosts[i].output);
		free(s->hosts[i].api);
	}
	loop_timer_clear(s->deps.loop, &s->tick);
	loop_timer_clear(s->deps.loop, &s->sampler);
	dispatch_free(s->dispatch);
	free(s->hosts);
	free(s);
}

struct dispatch *supervisor_dispatch(struct supervisor *s)
{
	return s->dispatch;
}

const char *supervisor_runtime_address(const struct supervisor *s)
{
	return s->hosts[0].api;
}

void supervisor_resume_output(struct supervisor *s)
{
	for (unsigned i = 0; i < s->deps.cfg->max_concurrency; i++) {
		output_pause(&s->hosts[i].output, false);
		extension_host_pause(&s->hosts[i], false);
	}
}
