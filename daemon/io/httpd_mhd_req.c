/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the server on libmicrohttpd.
 *
 * - A suspended connection leaves the library's epoll set: nobody would notice that its peer hangs up. So its socket is in
 *   our own set as well, for EPOLLRDHUP only.
 * - A connection is suspended in the same access-handler call that found the request unanswered. A reply that comes
 *   within on_request is queued there and then; one that comes later resumes the connection, and the handler, entered
 *   again, queues it.
 * - The heads of request and reply share the connection's memory pool, with a record for each header and cookie. Where
 *   there is not enough left for the reply the library closes the connection without one.
 * - Query parameters would have records, too, which nobody looks at, and a query with more of them than the pool holds
 *   would be left without an answer: the library does not get to see the query.
 */
#include "io/httpd_mhd_priv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/blob.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

/* The largest head of a reply, with the log tail in it. */
static const size_t reply_room = 8 * 1024; /* unless the server's options ask for more */
static const size_t status_room = 512;	   /* status line and what the library adds */
static const size_t pool_record = 80;
static const unsigned req_magic = 0x6d726571;

struct mhd_req *mhd_req_of(const struct httpd_req *req)
{
	struct mhd_req *r = container_of((struct httpd_req *)(uintptr_t)req, struct mhd_req, req);

	assert(r->magic == req_magic);
	return r;
}

void mhd_req_resume(struct mhd_req *r)
{
	if (r->suspended) {
		r->suspended = false;
		MHD_resume_connection(r->handle);
		mhd_need_run(r->conn->shard);
	}
}

void mhd_req_suspend(struct mhd_req *r)
{
	MHD_suspend_connection(r->handle);
	r->suspended = true;
}

void mhd_req_drop(struct mhd_req *r)
{
	if (r->state == MHD_REQ_PARKED || r->state == MHD_REQ_STREAMING) {
		r->state = MHD_REQ_GONE;
		if (r->req.on_gone != NULL) {
			r->req.on_gone(r->req.owner);
		}
		mhd_req_resume(r);
	}
}

/* In the library's own copy, which lies writable in the connection's pool. It has looked for the '?' before it hands the
 * target out, and afterwards reads from there to the NUL; so it finds an empty query. */
static void hide_query(const char *uri)
{
	char *mark = strchr((char *)(uintptr_t)uri, '?');

	if (mark != NULL) {
		mark[1] = '\0';
	}
}

/* Once per request, with the target as it was sent; what it returns comes back as req_cls. */
void *mhd_on_target(void *cls, const char *uri, struct MHD_Connection *handle)
{
	struct mhd *m = cls;
	struct mhd_req *r = xcalloc(1, sizeof(*r));
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	char *query;

	r->magic = req_magic;
	r->handle = handle;
	r->conn = info->socket_context;
	r->conn->active = r;
	r->target = xstrdup(uri);
	hide_query(uri);
	r->req.path = httpd_skip_authority(r->target);
	query = strchr(r->req.path, '?');
	if (query != NULL) {
		*query++ = '\0';
	}
	r->req.server = &m->base;
	r->req.listener = r->conn->listener;
	r->req.query = query != NULL ? query : "";
	buf_init(&r->req.body, m->base.opts.max_body);
	buf_init(&r->out, 0);
	return r;
}

void mhd_on_completed(void *cls, struct MHD_Connection *handle, void **req_cls, enum MHD_RequestTerminationCode why)
{
	const struct mhd *m = cls;
	struct mhd_req *r = *req_cls;

	(void)handle;
	(void)why;
	if (r == NULL) {
		return;
	}
	*req_cls = NULL;
	assert(r->magic == req_magic && !r->suspended);
	r->conn->active = NULL;
	mhd_req_drop(r); /* a stream that the library gave up */
	if (m->base.quiet) {
		/* The reply may have been on its way already when the drain began, without a word about closing. */
		shutdown(r->conn->fd, SHUT_RD);
	}
	if (r->response != NULL) {
		MHD_destroy_response(r->response);
	}
	buf_fini(&r->req.body);
	buf_fini(&r->out);
	free(r->target);
	r->magic = 0;
	free(r);
}

/* --- receiving --- */

static enum MHD_Result queue_answer(struct mhd_req *r)
{
	return MHD_queue_response(r->handle, (unsigned)r->status, r->response);
}

static enum MHD_Result refuse(struct mhd_req *r, unsigned status, const char *why)
{
	r->state = MHD_REQ_ANSWERED;
	r->status = (int)status;
	r->response = MHD_create_response_from_buffer(strlen(why), (void *)(uintptr_t)why, MHD_RESPMEM_PERSISTENT);
	(void)MHD_add_response_header(r->response, "Content-Type", "text/plain; charset=utf-8");
	(void)MHD_add_response_header(r->response, "Connection", "close");
	return queue_answer(r);
}

struct framing {
	const char *length;
	bool coding;
	bool bad;
};

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *f = cls;

	(void)kind;
	if (!text_is_token(name)) {
		f->bad = true;
	} else if (strcasecmp(name, "Content-Length") == 0) {
		f->bad |= f->length != NULL && strcmp(f->length, value) != 0;
		f->length = value;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->bad |= strcasecmp(value, "chunked") != 0;
		f->coding = true;
	}
	return MHD_YES;
}

/* Two readings of where a body ends let one request hide in another (RFC 9112, section 11.2). The library takes the first
 * that suits it. */
static bool framing_is_clear(struct mhd_req *r)
{
	struct framing f = { NULL, false, false };

	(void)MHD_get_connection_values(r->handle, MHD_HEADER_KIND, on_field, &f);
	return !f.bad && (f.length == NULL || !f.coding);
}

/* The head is complete. */
static enum MHD_Result begin(struct mhd_req *r)
{
	size_t head = MHD_get_connection_info(r->handle, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
	size_t least = r->req.server->opts.max_reply_head > 0 ? r->req.server->opts.max_reply_head : reply_room;
	size_t max_head = r->req.server->opts.max_head;
	int records = MHD_get_connection_values(r->handle, MHD_HEADER_KIND | MHD_COOKIE_KIND, NULL, NULL);

	r->started = true;
	head += (size_t)records * pool_record;
	r->room = head < max_head ? max_head - head : 0;
	if (r->room < least) {
		return refuse(r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "request line and headers are too long");
	}
	if (!framing_is_clear(r)) {
		return refuse(r, MHD_HTTP_BAD_REQUEST,
			      "malformed header name, or more than one statement of the body's length");
	}
	return MHD_YES;
}

/* Room for all of a body of known length, or for nothing of it. */
static void begin_body(struct mhd_req *r)
{
	const char *length = MHD_lookup_connection_value(r->handle, MHD_HEADER_KIND, "Content-Length");
	const char *coding = MHD_lookup_connection_value(r->handle, MHD_HEADER_KIND, "Transfer-Encoding");
	uint64_t n;

	if (coding == NULL && length != NULL && text_to_u64(length, 1, SIZE_MAX, &n) &&
	    buf_room(&r->req.body, (size_t)n) == NULL) {
		r->req.body_state = HTTPD_BODY_TOO_LARGE;
	}
}

/* Of a body that is too large nothing is kept, but all of it is read: who still sends does not listen to a reply. */
static void keep(struct mhd_req *r, const char *data, size_t len)
{
	struct httpd_req *req = &r->req;

	if (req->body_seen == 0) {
		begin_body(r);
	}
	req->body_seen += len;
	if (req->body_state == HTTPD_BODY_OK && !buf_append(&req->body, data, len)) {
		req->body_state = HTTPD_BODY_TOO_LARGE;
		buf_fini(&req->body);
	}
}

static enum MHD_Result park(struct mhd_req *r)
{
	r->state = MHD_REQ_PARKED;
	mhd_req_suspend(r);
	if (r->conn->hung_up) {
		mhd_req_drop(r);
	}
	return MHD_YES;
}

static enum MHD_Result serve(struct mhd_req *r, const char *method)
{
	const struct httpd_opts *o = &r->req.server->opts;

	r->state = MHD_REQ_SERVING;
	r->req.method = method;
	o->on_request(o->ctx, &r->req);
	if (r->response == NULL) {
		return park(r);
	}
	if (r->conn->hung_up) {
		mhd_req_drop(r); /* a stream: nobody would tell its owner later */
	}
	return queue_answer(r);
}

enum MHD_Result mhd_on_access(void *cls, struct MHD_Connection *handle, const char *url, const char *method,
			      const char *version, const char *data, size_t *data_len, void **req_cls)
{
	struct mhd_req *r = *req_cls;

	(void)cls;
	(void)handle;
	(void)url;
	(void)version;
	assert(r->magic == req_magic);
	if (!r->started) {
		return begin(r);
	}
	if (*data_len > 0) {
		size_t len = *data_len;

		*data_len = 0;
		keep(r, data, len);
		return MHD_YES;
	}
	switch (r->state) {
	case MHD_REQ_RECEIVING:
		return serve(r, method);
	case MHD_REQ_ANSWERED:
	case MHD_REQ_STREAMING:
		return queue_answer(r);
	case MHD_REQ_SERVING:
	case MHD_REQ_PARKED:
	case MHD_REQ_GONE:
		break;
	}
	return MHD_NO;
}

/* --- what the handler asks and answers --- */

/* They lie in the connection's pool, and the library leaves the blanks behind them in place. */
static void cut_blanks(const char *value)
{
	char *end = (char *)(uintptr_t)value + strlen(value);

	while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
		*--end = '\0';
	}
}

static const char *find_field(const struct httpd_req *req, enum MHD_ValueKind kind, const char *name)
{
	const char *value = MHD_lookup_connection_value(mhd_req_of(req)->handle, kind, name);

	if (value != NULL) {
		cut_blanks(value);
	}
	return value;
}

struct walk {
	httpd_header_fn fn;
	void *ctx;
};

static enum MHD_Result on_each(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	const struct walk *w = cls;

	(void)kind;
	if (value != NULL) {
		cut_blanks(value);
	}
	w->fn(w->ctx, name, value != NULL ? value : "");
	return MHD_YES;
}

void mhd_each_header(const struct httpd_req *req, httpd_header_fn fn, void *ctx)
{
	struct walk w = { fn, ctx };

	(void)MHD_get_connection_values(mhd_req_of(req)->handle, MHD_HEADER_KIND, on_each, &w);
}

int mhd_socket(const struct httpd_req *req)
{
	return mhd_req_of(req)->conn->fd;
}

const char *mhd_header(const struct httpd_req *req, const char *name)
{
	return find_field(req, MHD_HEADER_KIND, name);
}

const char *mhd_trailer(const struct httpd_req *req, const char *name)
{
	return find_field(req, MHD_FOOTER_KIND, name);
}

bool mhd_alive(const struct httpd_req *req)
{
	char byte;
	ssize_t n = recv(mhd_req_of(req)->conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void free_body(void *cls)
{
	blob_unref(cls);
}

static void add_header(struct MHD_Response *response, const struct httpd_header *h)
{
	const char *p = h->value;
	char *clean;

	while (*p != '\0' && !text_is_control(*p)) {
		p++;
	}
	/* The library refuses an empty value; so nobody misses the header. */
	if (*p == '\0') {
		(void)MHD_add_response_header(response, h->name, h->value);
		return;
	}
	clean = xstrdup(h->value);
	text_one_line(clean);
	(void)MHD_add_response_header(response, h->name, clean);
	free(clean);
}

void mhd_add_headers(struct mhd_req *r, const struct httpd_header *headers, size_t count)
{
	size_t left = r->room > status_room ? r->room - status_room : 0;

	for (size_t i = 0; i < count; i++) {
		size_t len = headers[i].value != NULL ? strlen(headers[i].name) + strlen(headers[i].value) + 4 : 0;

		if (len > left) {
			log_warn("a header of a reply is too long and left out name=%s bytes=%zu path=%.200s",
				 headers[i].name, len, r->req.path);
		} else if (len > 0) {
			add_header(r->response, &headers[i]);
			left -= len;
		}
	}
	if (r->req.server->quiet) {
		(void)MHD_add_response_header(r->response, "Connection", "close");
	}
}

int mhd_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count, struct blob *body)
{
	struct mhd_req *r = mhd_req_of(req);

	assert(r->state == MHD_REQ_SERVING || r->state == MHD_REQ_PARKED);
	if (body == NULL) {
		body = blob_static("");
	}
	r->response = MHD_create_response_from_buffer_with_free_callback_cls(body->len, (void *)(uintptr_t)body->data,
									     free_body, body);
	assert(r->response != NULL);
	mhd_add_headers(r, headers, count);
	r->status = status;
	r->state = MHD_REQ_ANSWERED;
	mhd_req_resume(r);
	return 0;
}
