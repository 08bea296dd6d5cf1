/* SPDX-License-Identifier: Apache-2.0 */
/* proxy-lambda: the runtime that is deployed in place of a function which is debugged elsewhere (edge/proxy_lambda.h). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "edge/aws_client.h"
#include "edge/proxy_lambda.h"
#include "edge/proxy_settings.h"
#include "io/child.h"
#include "io/standard.h"
#include "loop/loop.h"
#include "loop/signals.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

struct program {
	struct proxy_settings settings;
	struct loop *loop;
	struct signals *signals;
	struct children *children; /* for credential_process */
	struct aws *aws;
	struct proxy_lambda *proxy;
	bool draining;
	int exit_code;
};

static void on_drained(void *ctx)
{
	struct program *p = ctx;

	loop_stop(p->loop);
}

static void on_signal(void *ctx, int signo)
{
	struct program *p = ctx;

	if (signo == SIGCHLD) {
		children_reap(p->children);
	} else if (!p->draining) {
		log_info("draining signal=%d", signo);
		p->draining = true;
		proxy_lambda_drain(p->proxy);
	} else {
		log_warn("second signal, ending at once signal=%d", signo);
		p->exit_code = 1;
		loop_stop(p->loop);
	}
}

static void on_failed(void *ctx, const char *reason)
{
	struct program *p = ctx;

	log_error("%s", reason);
	p->exit_code = 1;
	loop_stop(p->loop);
}

static int build(struct program *p, struct err *err)
{
	struct aws_deps aws = { .region = p->settings.region };
	struct proxy_deps proxy = { .settings = &p->settings, .failed = on_failed, .drained = on_drained, .ctx = p };

	p->loop = loop_new();
	p->children = p->loop != NULL ? children_new(p->loop, 0) : NULL;
	p->signals = p->loop != NULL ? signals_new(p->loop, on_signal, p) : NULL;
	if (p->children == NULL || p->signals == NULL) {
		return err_set(err, 1, "event loop: %s", strerror(errno));
	}
	aws.loop = proxy.loop = p->loop;
	aws.children = p->children;
	p->aws = aws_new(&aws, err);
	if (p->aws == NULL) {
		return -1;
	}
	proxy.aws = p->aws;
	p->proxy = proxy_lambda_new(&proxy, err);
	return p->proxy != NULL ? 0 : -1;
}

static void tear_down(struct program *p)
{
	proxy_lambda_free(p->proxy);
	aws_free(p->aws);
	children_free(p->children);
	signals_free(p->signals);
	loop_free(p->loop);
}

static int serve(struct program *p, struct err *err)
{
	struct buf dump = BUF_INIT;
	int r;

	/* First, because it refuses endpoints with a password. */
	if (build(p, err) != 0) {
		return -1;
	}
	proxy_settings_dump(&dump, environ);
	printf("AWS env vars:\n%s", dump.data != NULL ? dump.data : "");
	fflush(stdout);
	buf_fini(&dump);
	proxy_lambda_start(p->proxy);
	r = loop_run(p->loop);
	return r != 0 ? err_set(err, 1, "event loop: %s", strerror(-r)) : 0;
}

static void print_help(void)
{
	printf("usage: proxy-lambda\n\n"
	       "A runtime for AWS Lambda (provided.al2023) that is deployed, as bootstrap, in place of a function "
	       "and\n"
	       "hands each event over SQS to the machine where the function is debugged by\n"
	       "lambda-runtime-api-daemon.\n\n"
	       "Environment:\n");
	proxy_settings_print_help(stdout);
}

/* A word that is no flag may stand there: the handler, when only the program of a function was exchanged. */
static int check_arguments(char **argv, struct err *err)
{
	for (char **word = argv; *word != NULL; word++) {
		if (**word == '-') {
			return err_set(err, 2, "unknown argument %.200s; --help shows what there is", *word);
		}
	}
	return 0;
}

/* argv: what follows the program's name. */
static int act(struct program *p, char **argv, struct err *err)
{
	const char *question = argv[0] != NULL ? argv[0] : "";

	if (strcmp(question, "--help") == 0 || strcmp(question, "-h") == 0) {
		print_help();
		return standard_flush(err);
	}
	if (strcmp(question, "--version") == 0) {
		printf("proxy-lambda %s\n", VERSION);
		return standard_flush(err);
	}
	if (check_arguments(argv, err) != 0 || proxy_settings_load(&p->settings, err) != 0) {
		return -1;
	}
	if (p->settings.runtime_api == NULL) {
		return err_set(
			err, 2,
			"AWS_LAMBDA_RUNTIME_API is not set: this is a runtime, which Lambda or an emulator starts");
	}
	log_setup(p->settings.log_level, false);
	return serve(p, err);
}

int main(int argc, char **argv)
{
	struct program p = { .exit_code = 0 };
	struct err err = ERR_INIT;

	standard_open();
	signals_block();
	log_setup(LOG_INFO, false);
	if (act(&p, argc > 0 ? argv + 1 : argv, &err) != 0) {
		fprintf(stderr, "proxy-lambda: %s\n", err.msg);
		p.exit_code = err.code;
	}
	tear_down(&p);
	return p.exit_code;
}
