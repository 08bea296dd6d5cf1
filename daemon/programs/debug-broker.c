/* SPDX-License-Identifier: Apache-2.0 */
/* debug-broker: builds the broker, runs the loop, takes the broker down again. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "debug/broker.h"
#include "debug/options.h"
#include "debug/tunnel.h"
#include "io/notify.h"
#include "io/standard.h"
#include "io/tls.h"
#include "loop/loop.h"
#include "loop/signals.h"

struct program {
	struct broker_config cfg;
	struct loop *loop;
	struct signals *signals;
	struct broker *broker; /* one of the two */
	struct tunnel *tunnel;
	struct tls *tls;
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
		return;
	}
	if (p->draining) {
		log_warn("second signal, ending at once signal=%d", signo);
		p->exit_code = 1;
		loop_stop(p->loop);
		return;
	}
	log_info("draining signal=%d", signo);
	p->draining = true;
	if (p->tunnel != NULL) {
		tunnel_drain(p->tunnel, on_drained, p);
	} else {
		broker_drain(p->broker, on_drained, p);
	}
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void tell_ready(const struct program *p, struct buf *line)
{
	log_info("listening %s", line->data);
	buf_putc(line, '\n');
	if (p->cfg.ready_fd >= 0) {
		int r = notify_ready_fd(p->cfg.ready_fd, line->data, line->len);

		if (r != 0) {
			log_warn("--ready-fd could not be written errno=%d", -r);
		}
	}
}

/* What a browser on this machine can open. */
static void show_page(const struct program *p)
{
	const char *host = p->cfg.user_host;
	bool any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
	struct buf address = BUF_INIT;

	address_put(&address, any ? "localhost" : host, broker_user_port(p->broker));
	log_info("open %s://%s/ to see the functions that wait", p->tls != NULL ? "https" : "http", address.data);
	buf_fini(&address);
}

static int build_broker(struct program *p, struct err *err)
{
	struct broker_config *cfg = &p->cfg;
	struct buf line = BUF_INIT;

	if (cfg->tls_cert != NULL) {
		p->tls = tls_server_new(cfg->tls_cert, cfg->tls_key, err);
		if (p->tls == NULL) {
			return -1;
		}
		cfg->broker.tls = p->tls;
	}
	p->broker = broker_new(p->loop, &cfg->broker, err);
	if (p->broker == NULL) {
		return -1;
	}
	buf_puts(&line, "lambda=");
	address_put(&line, cfg->lambda_host, broker_lambda_port(p->broker));
	buf_puts(&line, " user=");
	address_put(&line, cfg->user_host, broker_user_port(p->broker));
	tell_ready(p, &line);
	buf_fini(&line);
	show_page(p);
	return 0;
}

static int build_tunnel(struct program *p, struct err *err)
{
	const struct broker_config *cfg = &p->cfg;
	struct tunnel_opts opts = {
		.listen_host = cfg->listen_host != NULL ? cfg->listen_host : "127.0.0.1",
		.listen_port = cfg->listen_port,
		.host = cfg->target_host,
		.port = cfg->target_port,
		.path = cfg->target_path,
		.token = cfg->token,
	};
	struct buf line = BUF_INIT;

	if (cfg->target_tls) {
		p->tls = tls_client_new(cfg->ca_file, err);
		if (p->tls == NULL) {
			return -1;
		}
		opts.tls = p->tls;
	}
	p->tunnel = tunnel_new(p->loop, &opts, err);
	if (p->tunnel == NULL) {
		return -1;
	}
	buf_puts(&line, "debugger=");
	address_put(&line, opts.listen_host, tunnel_port(p->tunnel));
	tell_ready(p, &line);
	buf_fini(&line);
	return 0;
}

static int serve(struct program *p, struct err *err)
{
	int r;

	raise_descriptor_limit();
	p->loop = loop_new();
	p->signals = p->loop != NULL ? signals_new(p->loop, on_signal, p) : NULL;
	if (p->signals == NULL) {
		return err_set(err, 1, "event loop: %s", strerror(errno));
	}
	if ((p->cfg.action == BROKER_CONNECT ? build_tunnel(p, err) : build_broker(p, err)) != 0) {
		return -1;
	}
	r = loop_run(p->loop);
	return r != 0 ? err_set(err, 1, "event loop: %s", strerror(-r)) : 0;
}

static int act(struct program *p, struct err *err)
{
	switch (p->cfg.action) {
	case BROKER_HELP:
		broker_config_help();
		return standard_flush(err);
	case BROKER_VERSION:
		printf("debug-broker %s\n", VERSION);
		return standard_flush(err);
	case BROKER_CONNECT:
	case BROKER_RUN:
		break;
	}
	return serve(p, err);
}

int main(int argc, char **argv)
{
	struct program p = { .exit_code = 0 };
	struct err err = ERR_INIT;
	int r;

	standard_open();
	signals_block();
	log_setup(LOG_INFO, false);
	r = broker_config_load(&p.cfg, argc, argv, &err);
	if (r == 0) {
		log_setup(p.cfg.level, p.cfg.json);
		r = act(&p, &err);
	}
	if (r != 0) {
		fprintf(stderr, "debug-broker: %s\n", err.msg);
		p.exit_code = err.code;
	}
	broker_free(p.broker);
	tunnel_free(p.tunnel);
	tls_free(p.tls);
	signals_free(p.signals);
	loop_free(p.loop);
	broker_config_fini(&p.cfg);
	return p.exit_code;
}
