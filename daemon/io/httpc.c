/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that sees libcurl. */
#include "io/httpc.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

#define CALL_MAGIC 0x63616c6cu

static const int64_t default_connect_us = 5 * 1000 * 1000;
static const int64_t default_timeout_us = 60 * 1000 * 1000;
static const size_t default_max_body = (size_t)1 << 20;
static const size_t max_head = (size_t)64 << 10;

struct httpc {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct list calls;   // httpc_call::link
	struct list sockets; // watched::link
	char *ca_file;	     /* NULL = libcurl's own */
};

/* A descriptor of libcurl's that we watch for it. */
struct watched {
	struct loop_fd src;
	struct httpc *home;
	curl_socket_t fd;
	struct list link;
	struct loop_grave grave;
};

struct httpc_call {
	unsigned magic;
	struct httpc *home;
	struct list link;
	CURL *easy;
	struct curl_slist *headers;
	struct blob *upload;
	httpc_fn fn;
	void *ctx;
	size_t max_body;
	struct buf head; /* of the reply: name NUL value NUL ... */
	struct buf body;
	bool too_large;
	bool ending; /* its callback is running */
	char error[CURL_ERROR_SIZE];
};

/* --- calls --- */

static void free_call(struct httpc_call *call)
{
	list_unlink(&call->link);
	if (call->easy != NULL) {
		curl_multi_remove_handle(call->home->multi, call->easy);
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	blob_unref(call->upload);
	/* Credentials come this way too. */
	if (call->body.data != NULL) {
		explicit_bzero(call->body.data, call->body.cap);
	}
	buf_fini(&call->body);
	buf_fini(&call->head);
	call->magic = 0;
	free(call);
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
	struct httpc_call *call = ctx;

	assert(call->magic == CALL_MAGIC);
	if (!buf_append(&call->body, data, size * count)) {
		call->too_large = true;
		return 0;
	}
	return size * count;
}

static void keep_header(struct httpc_call *call, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	const char *end = line + len;

	if (colon == NULL || call->head.len + len > max_head) {
		return;
	}
	buf_append(&call->head, line, (size_t)(colon - line));
	buf_putc(&call->head, '\0');
	for (colon++; colon < end && (*colon == ' ' || *colon == '\t'); colon++) {
	}
	while (end > colon && strchr(" \t\r\n", end[-1]) != NULL) {
		end--;
	}
	buf_append(&call->head, colon, (size_t)(end - colon));
	buf_putc(&call->head, '\0');
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
	struct httpc_call *call = ctx;
	size_t len = size * count;

	assert(call->magic == CALL_MAGIC);
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		/* What an informational response had is not the final one's. */
		buf_clear(&call->head);
	} else {
		keep_header(call, data, len);
	}
	return len;
}

const char *httpc_header(const struct httpc_reply *reply, const char *name)
{
	const char *found = NULL;
	size_t at = 0;

	while (at < reply->headers_->len) {
		const char *key = reply->headers_->data + at;
		const char *value = key + strlen(key) + 1;

		if (strcasecmp(key, name) == 0) {
			found = value;
		}
		at = (size_t)(value - reply->headers_->data) + strlen(value) + 1;
	}
	return found;
}

static enum httpc_result result_of(const struct httpc_call *call, CURLcode code)
{
	curl_off_t before_us = 0;

	/* A switch would have to name each of libcurl's hundred codes. */
	if (code == CURLE_OK) {
		return HTTPC_OK;
	}
	if (call->too_large) {
		return HTTPC_TOO_LARGE;
	}
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
	    code == CURLE_COULDNT_CONNECT) {
		return HTTPC_UNREACHABLE;
	}
	curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &before_us);
	if (code == CURLE_OPERATION_TIMEDOUT) {
		return before_us == 0 ? HTTPC_UNREACHABLE : HTTPC_TIMEOUT;
	}
	if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CIPHER ||
	    code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_ISSUER_ERROR) {
		return HTTPC_TLS;
	}
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
	    code == CURLE_BAD_FUNCTION_ARGUMENT) {
		/* One of them is also what an answer that is not HTTP gets. */
		return before_us == 0 ? HTTPC_INVALID : HTTPC_BROKEN;
	}
	return HTTPC_BROKEN;
}

static void describe(const struct httpc_call *call, CURLcode code, struct httpc_reply *reply)
{
	if (reply->result == HTTPC_TOO_LARGE) {
		snprintf(reply->error, sizeof(reply->error), "the reply is larger than %zu bytes", call->max_body);
	} else if (code == CURLE_SSL_CACERT_BADFILE && call->home->ca_file == NULL) {
		snprintf(reply->error, sizeof(reply->error),
			 "no bundle of certificate authorities found; SSL_CERT_FILE can name one");
	} else {
		snprintf(reply->error, sizeof(reply->error), "%s",
			 call->error[0] != '\0' ? call->error : curl_easy_strerror(code));
	}
}

static void end_call(struct httpc_call *call, CURLcode code)
{
	struct httpc_reply reply = { .result = result_of(call, code), .headers_ = &call->head };
	long status = 0;

	if (reply.result == HTTPC_OK) {
		const char *date = httpc_header(&reply, "date");
		time_t at = date != NULL ? curl_getdate(date, NULL) : -1;

		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
		reply.status = (int)status;
		reply.date_ms = at > 0 ? (int64_t)at * 1000 : 0;
	} else {
		describe(call, code, &reply);
	}
	reply.body = call->body;
	buf_init(&call->body, 0);
	call->ending = true;
	list_unlink(&call->link);
	call->fn(call->ctx, &reply);
	call->body = reply.body; /* what the callback has left, for wiping */
	free_call(call);
}

/* After each turn of libcurl's. Callbacks may start and cancel other calls: those do not show up here any more. */
static void collect(struct httpc *c)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(c->multi, &left)) != NULL) {
		struct httpc_call *call = NULL;

		if (msg->msg != CURLMSG_DONE) {
			continue;
		}
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		assert(call != NULL && call->magic == CALL_MAGIC);
		end_call(call, msg->data.result);
	}
}

/* --- libcurl on the loop --- */

static void on_timer(void *ctx)
{
	struct httpc *c = ctx;
	int running;

	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(c);
}

static int on_timeout_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
	struct httpc *c = ctx;

	(void)multi;
	if (timeout_ms < 0) {
		loop_timer_clear(c->loop, &c->timer);
	} else {
		loop_timer_set(c->loop, &c->timer, loop_now_us(c->loop) + (int64_t)timeout_ms * 1000);
	}
	return 0;
}

static void on_fd(void *ctx, uint32_t events)
{
	struct watched *w = ctx;
	struct httpc *c = w->home;
	int mask = 0;
	int running;

	mask |= (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP)) != 0 ? CURL_CSELECT_IN : 0;
	mask |= (events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
	mask |= (events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0;
	curl_multi_socket_action(c->multi, w->fd, mask, &running);
	collect(c);
}

static void unwatch(struct watched *w)
{
	loop_fd_del(w->home->loop, &w->src);
	list_unlink(&w->link);
	loop_defer(w->home->loop, &w->grave, free, w);
}

static void watch(struct httpc *c, curl_socket_t fd, uint32_t events)
{
	struct watched *w = xcalloc(1, sizeof(*w));
	int r;

	w->home = c;
	w->fd = fd;
	loop_fd_init(&w->src, on_fd, w);
	r = loop_fd_add(c->loop, &w->src, fd, events);
	if (r != 0) {
		/* The call then ends by its timeout. */
		log_error("a connection cannot be watched: %s", strerror(-r));
		free(w);
		return;
	}
	list_push_back(&c->sockets, &w->link);
	curl_multi_assign(c->multi, fd, w);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *ctx, void *assigned)
{
	struct watched *w = assigned;
	uint32_t events = 0;

	(void)easy;
	events |= what == CURL_POLL_IN || what == CURL_POLL_INOUT ? EPOLLIN : 0;
	events |= what == CURL_POLL_OUT || what == CURL_POLL_INOUT ? EPOLLOUT : 0;
	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			unwatch(w);
		}
	} else if (w != NULL) {
		loop_fd_mod(w->home->loop, &w->src, events);
	} else {
		watch(ctx, fd, events);
	}
	return 0;
}

/* --- starting and ending --- */

/* Where distributions keep the bundle; libcurl itself knows only that of the system it was built on. */
static const char *find_ca_file(void)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Arch */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Amazon Linux, Fedora */
		"/etc/ssl/cert.pem",		      /* Alpine */
		"/etc/ssl/ca-bundle.pem",	      /* SUSE */
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	};

	for (size_t i = 0; i < countof(places); i++) {
		if (access(places[i], R_OK) == 0) {
			return places[i];
		}
	}
	return NULL;
}

struct httpc *httpc_new(struct loop *loop, const struct httpc_options *options, struct err *err)
{
	const char *ca_file = options->ca_file != NULL ? options->ca_file : find_ca_file();
	struct httpc *c;

	if (ca_file != NULL && access(ca_file, R_OK) != 0) {
		err_set(err, 2, "the bundle of certificate authorities, %.200s: %s", ca_file, strerror(errno));
		return NULL;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_set(err, 1, "libcurl could not be initialised");
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	c->loop = loop;
	c->ca_file = xstrdup(ca_file);
	list_init(&c->calls);
	list_init(&c->sockets);
	loop_timer_init(&c->timer, on_timer, c);
	c->multi = curl_multi_init();
	if (c->multi == NULL) {
		err_set(err, 1, "libcurl could not be initialised");
		httpc_free(c);
		return NULL;
	}
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	return c;
}

void httpc_free(struct httpc *c)
{
	struct list *pos, *tmp;

	if (c == NULL) {
		return;
	}
	list_foreach_safe(&c->calls, pos, tmp) {
		free_call(container_of(pos, struct httpc_call, link));
	}
	curl_multi_cleanup(c->multi);
	list_foreach_safe(&c->sockets, pos, tmp) {
		unwatch(container_of(pos, struct watched, link));
	}
	loop_timer_clear(c->loop, &c->timer);
	free(c->ca_file);
	free(c);
	curl_global_cleanup();
}

static void set_method(struct httpc_call *call, const struct httpc_request *req)
{
	CURL *e = call->easy;
	bool get = strcmp(req->method, "GET") == 0;

	if (!get || call->upload != NULL) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->upload != NULL ? call->upload->data : "");
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)(call->upload != NULL ? call->upload->len : 0));
		curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, req->method);
	}
}

static void set_headers(struct httpc_call *call, const struct httpc_request *req)
{
	/* No waiting for "100 Continue" with large bodies; no type that was not asked for. */
	call->headers = curl_slist_append(NULL, "Expect:");
	if (call->upload == NULL) {
		call->headers = curl_slist_append(call->headers, "Content-Type:");
	}
	for (const char *const *h = req->headers; h != NULL && *h != NULL; h++) {
		call->headers = curl_slist_append(call->headers, *h);
	}
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static long ms_of(int64_t us, int64_t fallback_us)
{
	return (long)(((us != 0 ? us : fallback_us) + 999) / 1000);
}

static void set_limits(struct httpc_call *call, const struct httpc_request *req)
{
	CURL *e = call->easy;

	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, ms_of(req->connect_timeout_us, default_connect_us));
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS,
			 req->timeout_us == HTTPC_NO_TIMEOUT ? 0 : ms_of(req->timeout_us, default_timeout_us));
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	/* Else libcurl joins the thread that is still asking the name server when a call is given up. */
	curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	if (req->direct) {
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	}
	if (call->home->ca_file != NULL) {
		curl_easy_setopt(e, CURLOPT_CAINFO, call->home->ca_file);
		/* Only without a directory does libcurl keep the parsed bundle: else 30 ms for each connection. */
		curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
	}
}

struct httpc_call *httpc_start(struct httpc *c, const struct httpc_request *req, httpc_fn fn, void *ctx)
{
	struct httpc_call *call = xcalloc(1, sizeof(*call));
	CURL *e = curl_easy_init();

	/* Like all small allocations: there is nothing sensible to do without memory. */
	assert(e != NULL);
	call->magic = CALL_MAGIC;
	call->home = c;
	call->easy = e;
	call->fn = fn;
	call->ctx = ctx;
	call->upload = blob_ref(req->body);
	call->max_body = req->max_body != 0 ? req->max_body : default_max_body;
	buf_init(&call->body, call->max_body);
	list_push_back(&c->calls, &call->link);
	curl_easy_setopt(e, CURLOPT_PRIVATE, call);
	curl_easy_setopt(e, CURLOPT_URL, req->url);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "lambda-runtime-api-daemon");
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
	set_method(call, req);
	set_headers(call, req);
	set_limits(call, req);
	curl_multi_add_handle(c->multi, e);
	return call;
}

void httpc_cancel(struct httpc_call *call)
{
	if (call != NULL && !call->ending) {
		assert(call->magic == CALL_MAGIC);
		free_call(call);
	}
}
