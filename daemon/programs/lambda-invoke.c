/* SPDX-License-Identifier: Apache-2.0 */
/* lambda-invoke: one event, or a stream of events, through a function; its results, and what they took. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/event_template.h"
#include "core/profile.h"
#include "edge/aws_client.h"
#include "edge/cli_args.h"
#include "edge/cli_context.h"
#include "edge/cli_env.h"
#include "edge/cli_local.h"
#include "edge/cli_print.h"
#include "edge/cli_remote.h"
#include "edge/cli_run.h"
#include "edge/config.h"
#include "edge/startup.h"
#include "edge/sts.h"
#include "io/child.h"
#include "io/guard.h"
#include "io/sink.h"
#include "io/standard.h"
#include "loop/loop.h"
#include "loop/signals.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

/* At the end, for whoever reads slowly and was interrupted. */
static const int64_t flush_us = 500 * 1000;

struct program {
	struct cli_args args;
	struct cli_context context;
	struct config cfg;
	struct guard *guard;
	struct loop *loop;
	struct signals *signals;
	struct children *children;
	struct sink *out; /* the same as err when both are one file: then all stays in order */
	struct sink *err;
	struct aws *aws;	 /* NULL = not needed */
	struct cli_local *local; /* one of these two */
	struct cli_remote *remote;
	struct profile profile;
	struct cli_print *print;
	struct cli_run *run;
	struct loop_hook end_hook;
	bool finished;
	bool drained;
	bool unread; /* nobody takes the results */
	int exit_code;
};

/* --- the end --- */

static void stop_when_written(void *ctx)
{
	struct program *p = ctx;

	if (sink_broken(p->out) && !p->unread) {
		p->unread = true;
		/* Also when the last event was through: its result was still in the queue. */
		p->exit_code = 1;
		cli_run_interrupt(p->run);
		cli_run_interrupt(p->run);
	}
	if (p->finished && p->drained && sink_empty(p->out) && sink_empty(p->err)) {
		loop_stop(p->loop);
	}
}

static void on_drained(void *ctx)
{
	struct program *p = ctx;

	p->drained = true;
	loop_wake(p->loop);
}

static char *join(char *const *words)
{
	struct buf text = BUF_INIT;

	for (; words != NULL && *words != NULL; words++) {
		buf_printf(&text, "%s%s", text.len > 0 ? " " : "", *words);
	}
	return text.data;
}

static const char *what_runs(const struct program *p)
{
	if (p->args.endpoint != NULL) {
		return p->args.function;
	}
	return p->cfg.handler != NULL ? p->cfg.handler : p->cfg.function_name;
}

static int write_report(struct program *p, struct err *err)
{
	auto_free char *command = p->local != NULL ? join(p->cfg.command) : xstrdup(p->args.endpoint);
	auto_close int fd = open(p->args.report, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	char stamp[CLOCK_STAMP_LEN];
	struct buf page = BUF_INIT;
	const struct profile_about about = {
		.function = what_runs(p),
		.command = command,
		.source = p->args.events,
		.stamp = clock_stamp(clock_wall_ms(), stamp),
		.concurrency = (unsigned)p->cfg.max_concurrency,
		.elapsed_us = cli_run_elapsed_us(p->run),
	};
	size_t done = 0;
	ssize_t n = 0;

	profile_print_html(&page, &p->profile, &about);
	while (fd >= 0 && n >= 0 && done < page.len) {
		n = write(fd, page.data + done, page.len - done);
		done += n > 0 ? (size_t)n : 0;
	}
	buf_fini(&page);
	return fd >= 0 && n >= 0
		       ? 0
		       : err_set(err, 1, "--report %.200s: cannot be written: %s", p->args.report, strerror(errno));
}

static void print_summary(struct program *p)
{
	struct buf text = BUF_INIT;

	profile_print_summary(&text, &p->profile, cli_run_elapsed_us(p->run),
			      p->args.compat ? PROFILE_COMPAT : PROFILE_FULL);
	cli_print_report(p->print, text.data);
	buf_fini(&text);
}

static void on_finished(void *ctx)
{
	struct program *p = ctx;
	struct err err = ERR_INIT;

	sink_status(p->err, "");
	if (p->args.verbose && p->args.stream) {
		print_summary(p);
	}
	p->exit_code = p->unread ? 1 : cli_run_exit_code(p->run);
	if (p->args.report != NULL && write_report(p, &err) != 0) {
		cli_print_note(p->print, "%s", err.msg);
		p->exit_code = 1;
	}
	p->finished = true;
	if (p->local != NULL && !cli_run_gave_up(p->run)) {
		cli_local_drain(p->local);
	} else {
		on_drained(p);
	}
}

static void on_signal(void *ctx, int signo)
{
	struct program *p = ctx;

	if (signo == SIGCHLD) {
		children_reap(p->children);
	} else if (p->finished || p->run == NULL) {
		p->exit_code = 1;
		loop_stop(p->loop);
	} else if (signo != SIGUSR1) {
		cli_run_interrupt(p->run);
	}
}

/* --- the beginning --- */

static void on_space(void *ctx)
{
	struct program *p = ctx;

	if (p->local != NULL) {
		cli_local_resume_output(p->local);
	}
	if (p->run != NULL) {
		cli_run_resume(p->run);
	}
}

static void on_local_measured(void *ctx, const struct event *ev, bool ran, int64_t clock_us, int64_t init_us,
			      uint64_t memory)
{
	struct program *p = ctx;

	cli_run_measured(p->run, ev, ran, clock_us, init_us, memory);
}

static void on_remote_measured(void *ctx, const struct event *ev, int64_t clock_us, int64_t init_us, uint64_t memory)
{
	struct program *p = ctx;

	cli_run_measured(p->run, ev, true, clock_us, init_us, memory);
}

static void on_role(void *ctx, struct aws_credentials *creds, const struct err *err)
{
	struct program *p = ctx;

	if (creds == NULL) {
		cli_print_note(p->print, "-r %s: %s", p->args.role, err->msg);
		p->exit_code = p->args.compat ? 0 : 1;
		p->finished = true;
		on_drained(p);
		return;
	}
	if (p->remote != NULL) {
		cli_remote_set_credentials(p->remote, creds);
	} else {
		cli_env_set_credentials(creds);
	}
	cli_run_start(p->run);
}

static void assume_role(struct program *p)
{
	const struct sts_role role = {
		.arn = p->args.role,
		.session_name = p->args.compat ? "emulambda" : "lambda-invoke",
	};
	/* Ends with on_role, or with the client that it belongs to. */
	struct aws_call *call = sts_assume_role(aws_caller_of(p->aws), NULL, &role, on_role, p);

	(void)call;
	if (p->args.compat) {
		cli_print_report(p->print, "Going to assume role ");
		cli_print_report(p->print, p->args.role);
		cli_print_report(p->print, "\nSetting up the default session\n");
	}
}

static int build_aws(struct program *p, struct err *err)
{
	struct aws_deps deps = {
		.loop = p->loop,
		.children = p->children,
		.guard = p->guard,
		.region = p->cfg.region,
	};
	bool sign = p->args.sign || (p->args.endpoint != NULL && cli_remote_is_amazon(p->args.endpoint));

	if (p->args.role == NULL && !sign) {
		return 0;
	}
	p->aws = aws_new(&deps, err);
	return p->aws != NULL ? 0 : -1;
}

static int build_function(struct program *p, struct err *err)
{
	const struct cli_local_deps local = {
		.loop = p->loop,
		.children = p->children,
		.guard = p->guard,
		.sink = p->err,
		.cfg = &p->cfg,
		.terminal = p->args.terminal,
		.drained = on_drained,
		.measured = on_local_measured,
		.ctx = p,
	};
	const struct cli_remote_deps remote = {
		.loop = p->loop,
		.endpoint = p->args.endpoint,
		.function = p->args.function,
		.timeout_us = p->args.timeout_given ? p->args.timeout_us : p->cfg.timeout_us,
		.aws = p->aws,
		.log = p->err,
		.measured = on_remote_measured,
		.ctx = p,
	};

	if (p->args.endpoint != NULL) {
		p->remote = cli_remote_new(&remote, err);
	} else {
		p->local = cli_local_new(&local, err);
	}
	return p->remote != NULL || p->local != NULL ? 0 : -1;
}

static bool one_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino &&
	       !S_ISREG(x.st_mode);
}

static int build_loop(struct program *p, struct err *err)
{
	p->loop = loop_new();
	p->children = p->loop != NULL ? children_new(p->loop, guard_pid(p->guard)) : NULL;
	p->signals = p->loop != NULL ? signals_new(p->loop, on_signal, p) : NULL;
	if (p->children == NULL || p->signals == NULL) {
		return err_set(err, 1, "event loop: %s", strerror(errno));
	}
	p->err = sink_new(p->loop, STDERR_FILENO, on_space, p);
	p->out = one_file(STDOUT_FILENO, STDERR_FILENO) ? p->err : sink_new(p->loop, STDOUT_FILENO, on_space, p);
	return 0;
}

static int build(struct program *p, struct err *err)
{
	struct cli_run_deps deps = {
		.args = &p->args,
		.context = &p->context,
		.profile = &p->profile,
		.at_once = (unsigned)p->cfg.max_concurrency,
		.finished = on_finished,
		.ctx = p,
	};

	if (build_loop(p, err) != 0 || build_aws(p, err) != 0 || build_function(p, err) != 0) {
		return -1;
	}
	p->print = cli_print_new(&p->args, p->out, p->err, what_runs(p),
				 (double)(p->args.timeout_given ? p->args.timeout_us : p->cfg.timeout_us) / 1e6);
	deps.loop = p->loop;
	deps.print = p->print;
	if (p->local != NULL) {
		deps.invoker = cli_local_invoker(p->local);
		deps.arn = cli_local_arn(p->local);
		/* One waits, so that no runtime does. */
		deps.at_once++;
	} else {
		deps.invoker = cli_remote_invoker(p->remote);
	}
	p->run = cli_run_new(&deps, err);
	if (p->run == NULL) {
		return -1;
	}
	/* This one first: what was said about a result stands before it. */
	sink_start(p->err);
	if (p->out != p->err) {
		sink_start(p->out);
	}
	loop_hook_add(p->loop, &p->end_hook, stop_when_written, p);
	return 0;
}

/* Accepts a half-built program. */
static void tear_down(struct program *p)
{
	cli_run_free(p->run);
	cli_local_free(p->local);
	cli_remote_free(p->remote);
	aws_free(p->aws);
	cli_print_free(p->print);
	if (p->out != p->err) {
		sink_free(p->out, flush_us);
	}
	sink_free(p->err, flush_us);
	children_free(p->children);
	signals_free(p->signals);
	loop_free(p->loop);
	guard_stop(p->guard);
	if (p->args.terminal) {
		child_take_foreground();
	}
	profile_fini(&p->profile);
	cli_context_fini(&p->context);
	config_fini(&p->cfg);
}

/* What stands on the command line goes before the environment. */
static int configure(struct program *p, struct err *err)
{
	static char elsewhere[] = "elsewhere";
	char *const none[] = { elsewhere, NULL };

	if (p->args.context != NULL && cli_context_load(&p->context, p->args.context, err) != 0) {
		return -1;
	}
	cli_context_to_environment(&p->context);
	if (p->args.handler != NULL) {
		setenv("AWS_LAMBDA_FUNCTION_HANDLER", p->args.handler, 1);
	}
	if (p->args.endpoint == NULL) {
		cli_env_add_libraries(p->args.command[0] != NULL);
	}
	if (config_load_invoke(&p->cfg, p->args.endpoint != NULL ? none : p->args.command, err) != 0) {
		return -1;
	}
	cli_context_to_config(&p->context, &p->cfg);
	if (p->args.timeout_given && p->args.timeout_us > 0) {
		p->cfg.timeout_us = p->args.timeout_us;
	}
	if (p->args.terminal) {
		/* Somebody stands at a breakpoint, maybe already while the module is loaded. */
		p->args.timeout_given = true;
		p->cfg.init_timeout_us = INT64_MAX / 4;
	}
	if (p->args.concurrency > 0) {
		p->cfg.max_concurrency = p->args.concurrency;
	}
	if (p->args.function == NULL) {
		p->args.function = p->cfg.name_was_set ? p->cfg.function_name : "function";
	}
	if (p->args.stream) {
		/* Every event has an id of its own. */
		free(p->context.request_id);
		p->context.request_id = NULL;
	}
	return 0;
}

static int invoke(struct program *p, struct err *err)
{
	int r;

	if (configure(p, err) != 0) {
		return -1;
	}
	log_setup(p->cfg.log_level, p->cfg.json);
	startup_raise_descriptor_limit();
	profile_init(&p->profile);
	if (p->args.endpoint == NULL) {
		p->guard = guard_start();
	}
	if (build(p, err) != 0) {
		return -1;
	}
	if (p->args.role != NULL) {
		assume_role(p);
	} else {
		cli_run_start(p->run);
	}
	r = loop_run(p->loop);
	return r == 0 ? 0 : err_set(err, 1, "event loop: %s", strerror(-r));
}

static int print_template(const char *name, struct err *err)
{
	const struct event_template *t = event_template_find(name);

	if (t != NULL) {
		puts(t->json);
		return 0;
	}
	if (strcmp(name, "list") != 0) {
		return err_set(err, 2,
			       "--event-template %.100s: there is none of that name; list shows what there is", name);
	}
	for (size_t i = 0; (t = event_template_at(i)) != NULL; i++) {
		printf("%-24s%s\n", t->name, t->about);
	}
	return 0;
}

static int act(struct program *p, struct err *err)
{
	switch (p->args.action) {
	case CLI_HELP:
		cli_args_print_help(stdout);
		config_print_help(stdout, CONFIG_INVOKE);
		return standard_flush(err);
	case CLI_VERSION:
		printf("lambda-invoke %s\n", VERSION);
		return standard_flush(err);
	case CLI_TEMPLATE:
		return print_template(p->args.template, err) == 0 ? standard_flush(err) : -1;
	case CLI_RUN:
		break;
	}
	if (invoke(p, err) != 0) {
		err->code = p->args.compat ? 1 : err->code;
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct program p = { .exit_code = 0 };
	struct err err = ERR_INIT;

	standard_open();
	signals_block();
	log_setup(LOG_WARN, false);
	list_init(&p.end_hook.link);
	if (cli_args_parse(&p.args, argc, argv, &err) != 0 || act(&p, &err) != 0) {
		fprintf(stderr, "lambda-invoke: %s\n", err.msg);
		p.exit_code = err.code;
	}
	tear_down(&p);
	return p.exit_code;
}
