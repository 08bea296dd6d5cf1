/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners and the public face of the HTTP servers. */
#include "io/httpd.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/httpd_backend.h"
#include "io/listen.h"

/* Connections taken in one go, so that a flood of them does not starve those that are open. */
static const unsigned accept_batch = 256;
static const int64_t retry_us = 100 * 1000;

static void set_paused(struct httpd *h, bool paused)
{
	struct list *pos;

	if (h->paused == paused || h->quiet) {
		return;
	}
	h->paused = paused;
	list_foreach(&h->listeners, pos) {
		struct httpd_listener *l = container_of(pos, struct httpd_listener, link);

		loop_fd_mod(h->loop, &l->source, paused ? 0 : EPOLLIN);
	}
}

static void on_retry(void *ctx)
{
	set_paused(ctx, false);
}

void httpd_base_init(struct httpd *h, const struct httpd_backend *backend, struct loop *loop,
		     const struct httpd_opts *opts)
{
	h->backend = backend;
	h->loop = loop;
	h->opts = *opts;
	list_init(&h->listeners);
	h->conns = 0;
	h->quiet = false;
	h->paused = false;
	h->starved = false;
	loop_timer_init(&h->retry, on_retry, h);
}

char *httpd_skip_authority(char *target)
{
	char *host = target + 7;
	char *end;

	if (strncasecmp(target, "http://", 7) != 0) {
		return target;
	}
	end = host + strcspn(host, "/?");
	if (*end == '/') {
		return end;
	}
	/* An empty path means "/". There is room for it in what is skipped. */
	end[-1] = '/';
	return end - 1;
}

void httpd_conn_closed(struct httpd *h)
{
	assert(h->conns > 0);
	h->conns--;
	set_paused(h, false);
}

/* One connection. false: there is none to take now. */
static bool accept_one(struct httpd_listener *l)
{
	struct httpd *h = l->server;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int one = 1;
	int fd;

	if (h->conns >= h->opts.max_conns) {
		set_paused(h, true);
		return false;
	}
	fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		h->starved = false;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (l->filter != NULL) {
			fd = l->filter(l->filter_ctx, fd);
		}
		if (fd < 0) {
			return true;
		}
		h->conns++;
		h->backend->adopt(h, l, fd, (struct sockaddr *)&peer, len);
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		/* Once, not at each retry. */
		if (!h->starved) {
			log_warn("connections have to wait: %s", strerror(errno));
			h->starved = true;
		}
		set_paused(h, true);
		loop_timer_set(h->loop, &h->retry, loop_now_us(h->loop) + retry_us);
		return false;
	}
	return errno == ECONNABORTED || errno == EINTR;
}

static void accept_all(struct httpd_listener *l)
{
	for (unsigned i = 0; i < accept_batch && accept_one(l); i++) {
	}
}

static void on_connection(void *ctx, uint32_t events)
{
	(void)events;
	accept_all(ctx);
}

struct httpd_listener *httpd_listen_fd(struct httpd *h, int fd, void *tag, struct err *err)
{
	struct httpd_listener *l = xcalloc(1, sizeof(*l));
	int r;

	l->server = h;
	l->fd = fd;
	l->tag = tag;
	l->port = listen_port(fd);
	loop_fd_init(&l->source, on_connection, l);
	list_push_back(&h->listeners, &l->link);
	r = loop_fd_add(h->loop, &l->source, fd, h->paused ? 0 : EPOLLIN);
	if (r != 0) {
		err_set(err, 1, "%s", strerror(-r));
		list_unlink(&l->link);
		close(fd);
		free(l);
		return NULL;
	}
	return l;
}

struct httpd_listener *httpd_listen(struct httpd *h, const char *host, uint16_t port, void *tag, struct err *err)
{
	struct httpd_listener *l;
	int fd = listen_on(host, port, err);

	if (fd < 0) {
		return NULL;
	}
	l = httpd_listen_fd(h, fd, tag, err);
	if (l == NULL) {
		err_wrap(err, "listen on %s:%u", host, port);
	}
	return l;
}

void httpd_listener_filter(struct httpd_listener *l, int (*fn)(void *ctx, int fd), void *ctx)
{
	l->filter = fn;
	l->filter_ctx = ctx;
}

uint16_t httpd_listener_port(const struct httpd_listener *l)
{
	return l->port;
}

void httpd_listener_kick(struct httpd_listener *l)
{
	l->server->backend->kick(l->server, l);
}

void httpd_listener_settle(struct httpd_listener *l)
{
	accept_all(l);
	l->server->backend->settle(l->server, l);
}

/* Not freed yet: connections still name their listener. */
static void close_listeners(struct httpd *h)
{
	struct list *pos;

	list_foreach(&h->listeners, pos) {
		struct httpd_listener *l = container_of(pos, struct httpd_listener, link);

		loop_fd_del(h->loop, &l->source);
		if (l->fd >= 0) {
			close(l->fd);
			l->fd = -1;
		}
	}
}

void httpd_quiesce(struct httpd *h)
{
	h->quiet = true;
	h->paused = true;
	loop_timer_clear(h->loop, &h->retry);
	close_listeners(h);
	h->backend->quiesce(h);
}

void httpd_free(struct httpd *h)
{
	struct list listeners;

	if (h == NULL) {
		return;
	}
	h->quiet = true;
	h->paused = true;
	loop_timer_clear(h->loop, &h->retry);
	close_listeners(h);
	list_init(&listeners);
	while (!list_empty(&h->listeners)) {
		struct list *first = h->listeners.next;

		list_unlink(first);
		list_push_back(&listeners, first);
	}
	h->backend->destroy(h);
	while (!list_empty(&listeners)) {
		struct httpd_listener *l = list_first(&listeners, struct httpd_listener, link);

		list_unlink(&l->link);
		free(l);
	}
}

unsigned httpd_busy(const struct httpd *h)
{
	return h->backend->busy(h);
}

const char *httpd_req_method(const struct httpd_req *req)
{
	return req->method;
}

const char *httpd_req_path(const struct httpd_req *req)
{
	return req->path;
}

const char *httpd_req_query(const struct httpd_req *req)
{
	return req->query;
}

const char *httpd_req_header(const struct httpd_req *req, const char *name)
{
	return req->server->backend->header(req, name);
}

const char *httpd_req_trailer(const struct httpd_req *req, const char *name)
{
	return req->server->backend->trailer(req, name);
}

void httpd_req_each_header(const struct httpd_req *req, httpd_header_fn fn, void *ctx)
{
	req->server->backend->each_header(req, fn, ctx);
}

void httpd_req_peer(const struct httpd_req *req, char out[HTTPD_PEER_LEN])
{
	struct sockaddr_storage ss;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&ss;
	socklen_t len = sizeof(ss);

	*out = '\0';
	if (getpeername(req->server->backend->socket(req), (struct sockaddr *)&ss, &len) != 0) {
		return;
	}
	if (ss.ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &v4->sin_addr, out, HTTPD_PEER_LEN);
	} else if (ss.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		/* IPv4 that came in by a socket for IPv6 */
		(void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, HTTPD_PEER_LEN);
	} else if (ss.ss_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, out, HTTPD_PEER_LEN);
	}
}

void *httpd_req_tag(const struct httpd_req *req)
{
	return req->listener->tag;
}

enum httpd_body httpd_req_body_state(const struct httpd_req *req)
{
	return req->body_state;
}

size_t httpd_req_body_len(const struct httpd_req *req)
{
	return req->body_seen;
}

struct blob *httpd_req_take_body(struct httpd_req *req)
{
	return buf_to_blob(&req->body);
}

void httpd_req_own(struct httpd_req *req, void *owner, void (*on_gone)(void *owner))
{
	req->owner = owner;
	req->on_gone = on_gone;
}

bool httpd_req_alive(const struct httpd_req *req)
{
	return req->server->backend->alive(req);
}

int httpd_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count,
		struct blob *body)
{
	return req->server->backend->reply(req, status, headers, count, body);
}

int httpd_req_detach(struct httpd_req *req, struct buf *ahead)
{
	const struct httpd_backend *backend = req->server->backend;

	return backend->detach != NULL ? backend->detach(req, ahead) : -1;
}

bool httpd_req_is_stream(const struct httpd_req *req)
{
	return req->is_stream;
}

void httpd_req_stream(struct httpd_req *req, const struct httpd_stream_ops *ops)
{
	assert(req->is_stream && req->owner != NULL);
	req->stream = ops;
}

void httpd_req_pause(struct httpd_req *req, bool paused)
{
	assert(req->is_stream);
	req->server->backend->pause(req, paused);
}

void httpd_reply_begin(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count,
		       void (*writable)(void *owner))
{
	assert(req->owner != NULL);
	req->writable = writable;
	req->server->backend->reply_begin(req, status, headers, count);
}

size_t httpd_reply_write(struct httpd_req *req, const void *data, size_t len)
{
	return req->server->backend->reply_write(req, data, len);
}

void httpd_reply_end(struct httpd_req *req)
{
	req->server->backend->reply_end(req, true);
}

void httpd_reply_abort(struct httpd_req *req)
{
	req->server->backend->reply_end(req, false);
}

const char *httpd_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 100, "Continue" },
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 401, "Unauthorized" },
		{ 426, "Upgrade Required" },
		{ 414, "URI Too Long" },
		{ 413, "Content Too Large" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < countof(reasons); i++) {
		if (reasons[i].status == status) {
			return reasons[i].reason;
		}
	}
	return "Unknown";
}
