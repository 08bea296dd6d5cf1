/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server on libmicrohttpd, driven by the loop through the library's epoll descriptors.
 *
 * Traps that shape it (those of requests are in httpd_mhd_req.c):
 * - A daemon of the library runs only when its descriptor is ready, its timeout is due, or a connection was added
 *   or resumed.
 * - To resume one connection the library walks its list of all that are suspended: with 10,000 callers waiting that
 *   was most of the work. So there are as many daemons as it takes to have at most shard_conns connections in each.
 * - The library zeroes a connection's whole memory pool after each request: max_head is as small as the headers
 *   allow.
 * - There is no call that closes a connection. Shutting down its socket for both directions makes the library drop
 *   it, with all that was received before; for reading only, it is dropped when that has been answered.
 */
#include "io/httpd_mhd_priv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"

static const unsigned shard_conns = 256;

void mhd_need_run(struct mhd_shard *s)
{
	struct mhd *m = s->server;

	s->run_needed = true;
	m->run_needed = true;
	if (m->hook_ran_us == loop_now_us(m->base.loop)) {
		loop_wake(m->base.loop);
	}
}

static void run(struct mhd_shard *s)
{
	struct loop *loop = s->server->base.loop;
	MHD_UNSIGNED_LONG_LONG timeout_ms = 0;

	assert(!s->running);
	s->run_needed = false;
	s->running = true;
	MHD_run(s->daemon);
	s->running = false;
	if (MHD_get_timeout(s->daemon, &timeout_ms) == MHD_NO) {
		loop_timer_clear(loop, &s->timer);
	} else if (timeout_ms == 0) {
		mhd_need_run(s);
	} else {
		loop_timer_set(loop, &s->timer, loop_now_us(loop) + (int64_t)timeout_ms * 1000);
	}
}

static void run_needy(struct mhd *m)
{
	struct list *pos;

	m->run_needed = false;
	list_foreach(&m->shards, pos) {
		struct mhd_shard *s = container_of(pos, struct mhd_shard, link);

		if (s->run_needed) {
			run(s);
		}
	}
}

/* The library takes a read that comes up short for all there is until the next edge, and what closed the connection may
 * have come along with the data. Shutting down the reading side, which is over anyway, makes another edge; one that comes
 * before the library has read the data is lost with it, so it is made again until the connection is gone. */
static void nudge(const struct mhd_conn *c)
{
	if (c->active == NULL || c->active->state == MHD_REQ_RECEIVING) {
		shutdown(c->fd, SHUT_RD);
	}
}

static void on_turn_end(void *ctx)
{
	struct mhd *m = ctx;
	struct list *pos;

	/* Resumed connections take one run to come back and one to send; more than a few would starve the others. */
	for (unsigned i = 0; i < 4 && m->run_needed; i++) {
		run_needy(m);
	}
	list_foreach(&m->hung_up, pos) {
		nudge(container_of(pos, struct mhd_conn, hung_link));
	}
	m->hook_ran_us = loop_now_us(m->base.loop);
	if (m->run_needed) {
		loop_wake(m->base.loop);
	}
}

static void on_epoll(void *ctx, uint32_t events)
{
	(void)events;
	run(ctx);
}

static void on_timer(void *ctx)
{
	run(ctx);
}

/* --- connections --- */

static void on_hangup(void *ctx, uint32_t events)
{
	struct mhd_conn *c = ctx;

	(void)events;
	c->hung_up = true;
	list_push_back(&c->shard->server->hung_up, &c->hung_link);
	if (c->active != NULL) {
		mhd_req_drop(c->active);
	}
}

static void on_connection(void *cls, struct MHD_Connection *handle, void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct mhd_shard *s = cls;
	struct mhd *m = s->server;
	struct mhd_conn *c;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = xcalloc(1, sizeof(*c));
		c->shard = s;
		c->listener = m->adopting;
		c->fd = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		list_push_back(&m->conns, &c->link);
		list_init(&c->hung_link);
		loop_fd_init(&c->watch, on_hangup, c);
		if (loop_fd_add(m->base.loop, &c->watch, c->fd, EPOLLRDHUP | EPOLLONESHOT) != 0) {
			on_hangup(c, 0);
		}
		*socket_context = c;
		s->conns++;
		m->adopted = true;
		return;
	}
	c = *socket_context;
	*socket_context = NULL;
	loop_fd_del(m->base.loop, &c->watch);
	list_unlink(&c->link);
	list_unlink(&c->hung_link);
	free(c);
	s->conns--;
	httpd_conn_closed(&m->base);
}

static struct mhd_shard *shard_new(struct mhd *m);

static struct mhd_shard *pick_shard(struct mhd *m)
{
	struct mhd_shard *best = NULL;
	struct mhd_shard *fresh;
	struct list *pos;

	list_foreach(&m->shards, pos) {
		struct mhd_shard *s = container_of(pos, struct mhd_shard, link);

		if (s->conns < shard_conns) {
			return s;
		}
		if (best == NULL || s->conns < best->conns) {
			best = s;
		}
	}
	fresh = shard_new(m);
	return fresh != NULL ? fresh : best;
}

static void on_adopt(struct httpd *h, struct httpd_listener *l, int fd, const struct sockaddr *peer, socklen_t len)
{
	struct mhd *m = container_of(h, struct mhd, base);
	struct mhd_shard *s = pick_shard(m);

	m->adopting = l;
	m->adopted = false;
	/* The descriptor is the library's in any case. */
	if (MHD_add_connection(s->daemon, fd, peer, len) != MHD_YES && !m->adopted) {
		httpd_conn_closed(h);
	}
	m->adopting = NULL;
	mhd_need_run(s);
}

static void on_kick(struct httpd *h, struct httpd_listener *l)
{
	struct mhd *m = container_of(h, struct mhd, base);
	struct list *pos;

	list_foreach(&m->conns, pos) {
		struct mhd_conn *c = container_of(pos, struct mhd_conn, link);

		if (l != NULL && c->listener != l) {
			continue;
		}
		if (c->active != NULL) {
			mhd_req_drop(c->active);
		}
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void on_settle(struct httpd *h, struct httpd_listener *l)
{
	struct mhd *m = container_of(h, struct mhd, base);
	struct list *pos;

	(void)l;
	list_foreach(&m->shards, pos) {
		struct mhd_shard *s = container_of(pos, struct mhd_shard, link);

		/* Bounded: somebody may be sending faster than we read. */
		for (unsigned i = 0; i < 256 && !s->running && (i == 0 || s->run_needed); i++) {
			run(s);
		}
	}
}

static void on_quiesce(struct httpd *h)
{
	struct mhd *m = container_of(h, struct mhd, base);
	struct list *pos;

	list_foreach(&m->conns, pos) {
		struct mhd_conn *c = container_of(pos, struct mhd_conn, link);

		if (c->active == NULL) {
			shutdown(c->fd, SHUT_RD);
		}
	}
}

static unsigned on_busy(const struct httpd *h)
{
	const struct mhd *m = container_of((struct httpd *)(uintptr_t)h, struct mhd, base);
	struct list *pos;
	unsigned n = 0;

	list_foreach(&m->conns, pos) {
		n += container_of(pos, struct mhd_conn, link)->active != NULL;
	}
	return n;
}

static void shard_free(struct mhd_shard *s)
{
	struct loop *loop = s->server->base.loop;

	list_unlink(&s->link);
	loop_timer_clear(loop, &s->timer);
	loop_fd_del(loop, &s->source);
	if (s->daemon != NULL) {
		/* It must not be stopped while a connection is suspended: what was resumed comes back in this run. */
		MHD_run(s->daemon);
		MHD_stop_daemon(s->daemon);
	}
	free(s);
}

static void on_destroy(struct httpd *h)
{
	struct mhd *m = container_of(h, struct mhd, base);

	on_kick(h, NULL);
	while (!list_empty(&m->shards)) {
		shard_free(list_first(&m->shards, struct mhd_shard, link));
	}
	loop_hook_del(&m->hook);
	free(m);
}

static const struct httpd_backend backend = {
	.adopt = on_adopt,
	.kick = on_kick,
	.settle = on_settle,
	.quiesce = on_quiesce,
	.busy = on_busy,
	.destroy = on_destroy,
	.header = mhd_header,
	.trailer = mhd_trailer,
	.each_header = mhd_each_header,
	.socket = mhd_socket,
	.alive = mhd_alive,
	.reply = mhd_reply,
	.reply_begin = mhd_reply_begin,
	.reply_write = mhd_reply_write,
	.reply_end = mhd_reply_end,
};

static void on_library_log(void *cls, const char *fmt, va_list args) PRINTF(2, 0);

static void on_library_log(void *cls, const char *fmt, va_list args)
{
	char text[256];

	(void)cls;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("libmicrohttpd: %s", text);
}

static void on_panic(void *cls, const char *file, unsigned line, const char *reason)
{
	(void)cls;
	log_error("libmicrohttpd: %s:%u: %s", file, line, reason);
	abort();
}

static size_t keep_escapes(void *cls, struct MHD_Connection *handle, char *s)
{
	(void)cls;
	(void)handle;
	return strlen(s);
}

static struct MHD_Daemon *start(struct mhd_shard *s)
{
	struct mhd *m = s->server;
	const struct httpd_opts *o = &m->base.opts;
	unsigned timeout_s = (unsigned)((o->idle_timeout_us + 999999) / 1000000);

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
					MHD_USE_ERROR_LOG,
				0, NULL, NULL, mhd_on_access, m,
				/* first, so that it is in force for all that follows */
				MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL, //
				MHD_OPTION_URI_LOG_CALLBACK, mhd_on_target, m,	  //
				MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, //
				MHD_OPTION_NOTIFY_COMPLETED, mhd_on_completed, m, //
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,	  //
				MHD_OPTION_CONNECTION_LIMIT, o->max_conns + 1,	  //
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->max_head,  //
				MHD_OPTION_CONNECTION_TIMEOUT, timeout_s,	  //
				MHD_OPTION_END);
}

static struct mhd_shard *shard_new(struct mhd *m)
{
	struct mhd_shard *s = xcalloc(1, sizeof(*s));
	const union MHD_DaemonInfo *info;

	s->server = m;
	list_push_back(&m->shards, &s->link);
	loop_fd_init(&s->source, on_epoll, s);
	loop_timer_init(&s->timer, on_timer, s);
	s->daemon = start(s);
	info = s->daemon != NULL ? MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (info == NULL || loop_fd_add(m->base.loop, &s->source, info->epoll_fd, EPOLLIN) != 0) {
		shard_free(s);
		return NULL;
	}
	return s;
}

struct httpd *httpd_mhd_new(struct loop *loop, const struct httpd_opts *opts)
{
	struct mhd *m = xcalloc(1, sizeof(*m));

	MHD_set_panic_func(on_panic, NULL);
	httpd_base_init(&m->base, &backend, loop, opts);
	list_init(&m->conns);
	list_init(&m->hung_up);
	list_init(&m->shards);
	loop_hook_add(loop, &m->hook, on_turn_end, m);
	m->hook_ran_us = loop_now_us(loop);
	if (shard_new(m) == NULL) {
		httpd_free(&m->base);
		return NULL;
	}
	return &m->base;
}
