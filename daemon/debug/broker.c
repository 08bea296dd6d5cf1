/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's life: its addresses, and its end. */
#include "debug/broker.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "debug/broker_priv.h"
#include "io/httpd.h"
#include "io/tls.h"

/* For the last words to leave through TLS. */
static const int64_t end_us = 2 * 1000 * 1000;
static const int64_t idle_us = 30 * 1000 * 1000;

static void on_tcp(void *ctx, int fd)
{
	struct tcp_port *p = ctx;

	session_join_raw(p->broker, fd, p->opts->key);
}

static int open_tcp(struct broker *b, struct tcp_port *p, const struct broker_tcp *opts, struct err *err)
{
	p->broker = b;
	p->opts = opts;
	return acceptor_open(&p->acceptor, b->loop, opts->host, opts->port, on_tcp, p, err);
}

static void close_tcp(struct broker *b)
{
	for (size_t i = 0; i < b->opts.tcp_count; i++) {
		acceptor_close(&b->tcp[i].acceptor);
	}
}

static int wrap(void *ctx, int fd)
{
	struct broker *b = ctx;

	return tls_wrap(b->loop, b->opts.tls, fd, NULL);
}

static struct httpd_listener *open_http(struct broker *b, const char *host, uint16_t port, void *tag, struct err *err)
{
	struct httpd_listener *l = httpd_listen(b->server, host, port, tag, err);

	if (l != NULL && b->opts.tls != NULL) {
		httpd_listener_filter(l, wrap, b);
	}
	return l;
}

static int open_all(struct broker *b, struct err *err)
{
	const struct broker_opts *o = &b->opts;

	b->lambda = open_http(b, o->lambda_host, o->lambda_port, &b->lambda, err);
	if (b->lambda == NULL) {
		return -1;
	}
	if (o->user_host != NULL) {
		b->user = open_http(b, o->user_host, o->user_port, &b->user, err);
		if (b->user == NULL) {
			return -1;
		}
	}
	for (size_t i = 0; i < o->tcp_count; i++) {
		if (open_tcp(b, &b->tcp[i], &o->tcp[i], err) != 0) {
			return -1;
		}
	}
	return 0;
}

static void on_end_timer(void *ctx)
{
	struct broker *b = ctx;

	b->end_now = true;
}

struct broker *broker_new(struct loop *loop, const struct broker_opts *opts, struct err *err)
{
	struct broker *b = xcalloc(1, sizeof(*b));
	const struct httpd_opts http = {
		.max_head = 16 * 1024,
		.max_body = 1024,
		.max_conns = 10000,
		.idle_timeout_us = idle_us,
		.on_request = broker_on_request,
		.ctx = b,
	};

	b->loop = loop;
	b->opts = *opts;
	list_init(&b->sessions);
	sock_group_init(&b->sockets);
	loop_timer_init(&b->end_timer, on_end_timer, b);
	b->feed = feed_new(b);
	b->tcp = xcalloc(opts->tcp_count + 1, sizeof(*b->tcp));
	b->server = httpd_http1_new(loop, &http);
	if (open_all(b, err) != 0) {
		broker_free(b);
		return NULL;
	}
	return b;
}

uint16_t broker_lambda_port(const struct broker *b)
{
	return httpd_listener_port(b->lambda);
}

uint16_t broker_user_port(const struct broker *b)
{
	return b->user != NULL ? httpd_listener_port(b->user) : 0;
}

static void end_sessions(struct broker *b)
{
	while (!list_empty(&b->sessions)) {
		session_end(list_first(&b->sessions, struct session, link), WS_GOING_AWAY, "the broker ends");
	}
}

static void on_turn_end(void *ctx)
{
	struct broker *b = ctx;

	if (b->sockets.open == 0 && httpd_busy(b->server) == 0 &&
	    (b->opts.tls == NULL || tls_open(b->opts.tls) == 0 || b->end_now)) {
		loop_hook_del(&b->end_hook);
		b->drained(b->drained_ctx);
	}
}

void broker_drain(struct broker *b, void (*drained)(void *ctx), void *ctx)
{
	if (b->draining) {
		return;
	}
	b->draining = true;
	loop_timer_set(b->loop, &b->end_timer, loop_now_us(b->loop) + end_us);
	b->drained = drained;
	b->drained_ctx = ctx;
	httpd_quiesce(b->server);
	close_tcp(b);
	end_sessions(b);
	feed_close(b->feed);
	loop_hook_add(b->loop, &b->end_hook, on_turn_end, b);
	loop_wake(b->loop);
}

void broker_free(struct broker *b)
{
	if (b == NULL) {
		return;
	}
	httpd_free(b->server);
	close_tcp(b);
	end_sessions(b);
	feed_free(b->feed);
	loop_timer_clear(b->loop, &b->end_timer);
	sock_group_end(&b->sockets);
	free(b->tcp);
	free(b);
}
