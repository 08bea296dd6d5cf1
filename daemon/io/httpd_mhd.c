/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server on libmicrohttpd, driven by the loop through its epoll descriptor. The only file that sees the library.
 *
 * Traps that shape it:
 * - A suspended connection leaves the library's epoll set: nobody would notice that its peer hangs up. So while a request is
 *   parked its socket is in our own set, for EPOLLRDHUP only, and must be out of it again before the library may close it.
 * - A connection is suspended in the same access-handler call that found the request unanswered. A reply that comes within
 *   on_request is queued there and then; one that comes later resumes the connection, and the handler, entered again,
 *   queues it.
 * - The library zeroes a connection's whole memory pool after each request: the pool is as small as the headers allow.
 */
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/blob.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/httpd_backend.h"

static const size_t body_max_seen = 256 << 20;
static const unsigned mreq_magic = 0x6d726571;

struct mhd {
	struct httpd base;
	struct MHD_Daemon *daemon;
	struct loop_fd source;
	struct loop_timer timer;
	struct loop_hook hook;
	bool run_needed;
	bool running;			 /* inside MHD_run */
	struct httpd_listener *adopting; /* whose connection is being handed to the library */
	bool adopted;
	struct list conns; // mconn::link
};

/* A connection. */
struct mconn {
	struct mhd *server;
	struct list link;
	struct httpd_listener *listener;
	int fd;
	struct mreq *active;
};

enum mreq_state { RECEIVING, SERVING, PARKED, ANSWERED, GONE };

struct mreq {
	struct httpd_req req;
	unsigned magic;
	enum mreq_state state;
	struct mhd *server;
	struct mconn *conn;
	struct MHD_Connection *handle;
	struct loop_fd watch;
	bool started;
	bool suspended;
	char *target; /* path and query, split by a NUL */
	struct MHD_Response *response;
	int status;
};

static struct mreq *mreq_of(const struct httpd_req *req)
{
	struct mreq *r = container_of((struct httpd_req *)(uintptr_t)req, struct mreq, req);

	assert(r->magic == mreq_magic);
	return r;
}

/* At the end of this turn. */
static void need_run(struct mhd *m)
{
	m->run_needed = true;
}

static void run(struct mhd *m)
{
	MHD_UNSIGNED_LONG_LONG timeout_ms = 0;

	m->run_needed = false;
	m->running = true;
	MHD_run(m->daemon);
	m->running = false;
	if (MHD_get_timeout(m->daemon, &timeout_ms) == MHD_NO) {
		loop_timer_clear(m->base.loop, &m->timer);
	} else if (timeout_ms == 0) {
		need_run(m);
	} else {
		loop_timer_set(m->base.loop, &m->timer, loop_now_us(m->base.loop) + (int64_t)timeout_ms * 1000);
	}
}

static void on_turn_end(void *ctx)
{
	struct mhd *m = ctx;

	/* Resumed connections take one run to come back and one to send; more than a few would starve the others. */
	for (unsigned i = 0; i < 4 && m->run_needed; i++) {
		run(m);
	}
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

/* --- requests --- */

static void unwatch(struct mreq *r)
{
	loop_fd_del(r->server->base.loop, &r->watch);
}

static void resume(struct mreq *r)
{
	if (r->suspended) {
		unwatch(r);
		r->suspended = false;
		MHD_resume_connection(r->handle);
		need_run(r->server);
	}
}

static void tell_gone(struct mreq *r)
{
	bool parked = r->state == PARKED || r->state == SERVING;

	r->state = GONE;
	if (parked && r->req.on_gone != NULL) {
		r->req.on_gone(r->req.owner);
	}
}

static void on_hangup(void *ctx, uint32_t events)
{
	struct mreq *r = ctx;

	(void)events;
	tell_gone(r);
	resume(r);
}

/* Once per request, with the target as it was sent; what it returns comes back as req_cls. */
static void *on_target(void *cls, const char *uri, struct MHD_Connection *handle)
{
	struct mhd *m = cls;
	struct mreq *r = xcalloc(1, sizeof(*r));
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	char *query;

	r->magic = mreq_magic;
	r->server = m;
	r->handle = handle;
	r->conn = info->socket_context;
	r->conn->active = r;
	r->target = xstrdup(uri);
	query = strchr(r->target, '?');
	if (query != NULL) {
		*query++ = '\0';
	}
	r->req.server = &m->base;
	r->req.listener = r->conn->listener;
	r->req.path = r->target;
	r->req.query = query != NULL ? query : "";
	buf_init(&r->req.body, m->base.opts.max_body);
	loop_fd_init(&r->watch, on_hangup, r);
	return r;
}

static void on_completed(void *cls, struct MHD_Connection *handle, void **req_cls,
			 enum MHD_RequestTerminationCode why)
{
	struct mreq *r = *req_cls;

	(void)cls;
	(void)handle;
	(void)why;
	if (r == NULL) {
		return;
	}
	*req_cls = NULL;
	assert(r->magic == mreq_magic);
	tell_gone(r);
	unwatch(r);
	r->conn->active = NULL;
	r->magic = 0;
	if (r->response != NULL) {
		MHD_destroy_response(r->response);
	}
	buf_fini(&r->req.body);
	free(r->target);
	free(r);
}

/* false: the connection is to be closed. */
static bool keep(struct mreq *r, const char *data, size_t len)
{
	struct httpd_req *req = &r->req;

	if (req->body_seen == 0) {
		const char *length = MHD_lookup_connection_value(r->handle, MHD_HEADER_KIND, "Content-Length");
		uint64_t n;

		if (length != NULL && text_to_u64(length, 1, req->body.limit, &n)) {
			(void)buf_room(&req->body, (size_t)n);
		}
	}
	req->body_seen += len;
	if (req->body_seen > body_max_seen) {
		return false;
	}
	if (req->body_state == HTTPD_BODY_OK && !buf_append(&req->body, data, len)) {
		req->body_state = HTTPD_BODY_TOO_LARGE;
		buf_fini(&req->body);
	}
	return true;
}

static enum MHD_Result queue_answer(struct mreq *r)
{
	return MHD_queue_response(r->handle, (unsigned)r->status, r->response);
}

static enum MHD_Result park(struct mreq *r)
{
	r->state = PARKED;
	MHD_suspend_connection(r->handle);
	r->suspended = true;
	if (loop_fd_add(r->server->base.loop, &r->watch, r->conn->fd, EPOLLRDHUP | EPOLLONESHOT) != 0) {
		tell_gone(r);
		resume(r);
	}
	return MHD_YES;
}

static enum MHD_Result serve(struct mreq *r, const char *method)
{
	r->state = SERVING;
	r->req.method = method;
	r->server->base.opts.on_request(r->server->base.opts.ctx, &r->req);
	return r->state == ANSWERED ? queue_answer(r) : park(r);
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *handle, const char *url, const char *method,
				 const char *version, const char *data, size_t *data_len, void **req_cls)
{
	struct mreq *r = *req_cls;

	(void)cls;
	(void)handle;
	(void)url;
	(void)version;
	assert(r->magic == mreq_magic);
	if (!r->started) {
		r->started = true;
		return MHD_YES;
	}
	if (*data_len > 0) {
		size_t len = *data_len;

		*data_len = 0;
		return keep(r, data, len) ? MHD_YES : MHD_NO;
	}
	switch (r->state) {
	case RECEIVING:
		return serve(r, method);
	case ANSWERED:
		return queue_answer(r);
	case SERVING:
	case PARKED:
	case GONE:
		break;
	}
	return MHD_NO;
}

/* --- replies --- */

static void free_body(void *cls)
{
	blob_unref(cls);
}

static void add_header(struct MHD_Response *response, const struct httpd_header *h)
{
	char *clean;

	if (h->value == NULL) {
		return;
	}
	clean = xstrdup(h->value);
	for (char *p = clean; *p != '\0'; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			*p = ' ';
		}
	}
	/* The library refuses an empty value; so does nobody miss the header. */
	(void)MHD_add_response_header(response, h->name, clean);
	free(clean);
}

static int on_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count,
		    struct blob *body)
{
	struct mreq *r = mreq_of(req);

	assert(r->state == SERVING || r->state == PARKED);
	if (body == NULL) {
		body = blob_static("");
	}
	r->response = MHD_create_response_from_buffer_with_free_callback_cls(body->len, (void *)(uintptr_t)body->data,
									     free_body, body);
	assert(r->response != NULL);
	for (size_t i = 0; i < count; i++) {
		add_header(r->response, &headers[i]);
	}
	if (r->server->base.quiet) {
		(void)MHD_add_response_header(r->response, "Connection", "close");
	}
	r->status = status;
	r->state = ANSWERED;
	resume(r);
	return 0;
}

static const char *on_header(const struct httpd_req *req, const char *name)
{
	return MHD_lookup_connection_value(mreq_of(req)->handle, MHD_HEADER_KIND, name);
}

static const char *on_trailer(const struct httpd_req *req, const char *name)
{
	return MHD_lookup_connection_value(mreq_of(req)->handle, MHD_FOOTER_KIND, name);
}

static bool on_alive(const struct httpd_req *req)
{
	char byte;
	ssize_t n = recv(mreq_of(req)->conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* --- connections --- */

static void on_connection(void *cls, struct MHD_Connection *handle, void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct mhd *m = cls;
	struct mconn *c;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		c = xcalloc(1, sizeof(*c));
		c->server = m;
		c->listener = m->adopting;
		c->fd = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		list_push_back(&m->conns, &c->link);
		*socket_context = c;
		m->adopted = true;
		return;
	}
	c = *socket_context;
	*socket_context = NULL;
	list_unlink(&c->link);
	free(c);
	httpd_conn_closed(&m->base);
}

static void on_adopt(struct httpd *h, struct httpd_listener *l, int fd, const struct sockaddr *peer, socklen_t len)
{
	struct mhd *m = container_of(h, struct mhd, base);

	m->adopting = l;
	m->adopted = false;
	/* The descriptor is the library's in any case. */
	if (MHD_add_connection(m->daemon, fd, peer, len) != MHD_YES && !m->adopted) {
		httpd_conn_closed(h);
	}
	m->adopting = NULL;
	need_run(m);
}

static void end_request(struct mreq *r)
{
	tell_gone(r);
	resume(r);
}

static void on_kick(struct httpd *h, struct httpd_listener *l)
{
	struct mhd *m = container_of(h, struct mhd, base);
	struct list *pos;

	list_foreach(&m->conns, pos) {
		struct mconn *c = container_of(pos, struct mconn, link);

		if (l != NULL && c->listener != l) {
			continue;
		}
		if (c->active != NULL && c->active->suspended) {
			end_request(c->active);
		}
		/* The library closes it when it sees the end; there is no call to close a connection. */
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void on_settle(struct httpd *h, struct httpd_listener *l)
{
	(void)l;
	run(container_of(h, struct mhd, base));
}

static void on_quiesce(struct httpd *h)
{
	struct mhd *m = container_of(h, struct mhd, base);
	struct list *pos;

	list_foreach(&m->conns, pos) {
		struct mconn *c = container_of(pos, struct mconn, link);

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
		n += container_of(pos, struct mconn, link)->active != NULL;
	}
	return n;
}

static void on_destroy(struct httpd *h)
{
	struct mhd *m = container_of(h, struct mhd, base);

	if (m->daemon != NULL) {
		/* The library must not be stopped while a connection is suspended. */
		on_kick(h, NULL);
		MHD_run(m->daemon);
		loop_fd_del(h->loop, &m->source);
		MHD_stop_daemon(m->daemon);
	}
	loop_timer_clear(h->loop, &m->timer);
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
	.header = on_header,
	.trailer = on_trailer,
	.alive = on_alive,
	.reply = on_reply,
};

static void on_library_log(void *cls, const char *fmt, va_list args) PRINTF(2, 0);

static void on_library_log(void *cls, const char *fmt, va_list args)
{
	char text[256];

	(void)cls;
	vsnprintf(text, sizeof(text), fmt, args);
	log_debug("libmicrohttpd: %s", text);
}

static size_t keep_escapes(void *cls, struct MHD_Connection *handle, char *s)
{
	(void)cls;
	(void)handle;
	return strlen(s);
}

static struct MHD_Daemon *start(struct mhd *m)
{
	const struct httpd_opts *o = &m->base.opts;

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
					MHD_USE_ERROR_LOG,
				0, NULL, NULL, on_access, m,
				/* first, so that it is in force for all that follows */
				MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,			 //
				MHD_OPTION_URI_LOG_CALLBACK, on_target, m,				 //
				MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,			 //
				MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,			 //
				MHD_OPTION_NOTIFY_CONNECTION, on_connection, m,				 //
				MHD_OPTION_CONNECTION_LIMIT, o->max_conns + 1,				 //
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->max_head,			 //
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(o->idle_timeout_us / 1000000), //
				MHD_OPTION_END);
}

struct httpd *httpd_mhd_new(struct loop *loop, const struct httpd_opts *opts)
{
	struct mhd *m = xcalloc(1, sizeof(*m));
	const union MHD_DaemonInfo *info;

	httpd_base_init(&m->base, &backend, loop, opts);
	list_init(&m->conns);
	loop_fd_init(&m->source, on_epoll, m);
	loop_timer_init(&m->timer, on_timer, m);
	loop_hook_add(loop, &m->hook, on_turn_end, m);
	m->daemon = start(m);
	info = m->daemon != NULL ? MHD_get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (info == NULL || loop_fd_add(loop, &m->source, info->epoll_fd, EPOLLIN) != 0) {
		httpd_free(&m->base);
		return NULL;
	}
	return &m->base;
}
