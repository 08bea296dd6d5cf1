/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client against our own server and against bare sockets, all in one loop. */
#include "io/httpc.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
/* after the headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "io/httpd.h"
#include "loop/loop.h"

#define PATIENCE_US ((int64_t)20 * 1000 * 1000) /* only failures take this long */
#define MANY 200

struct world {
	struct loop *loop;
	struct httpd *server;
	struct httpd_listener *listener;
	struct httpc *client;
	char url[64];
	struct httpd_req *parked;
	unsigned gone;
	unsigned requests;
};

/* What came of a call. */
struct result {
	struct world *world;
	struct httpc_call *call;
	unsigned calls;
	enum httpc_result result;
	int status;
	int64_t date_ms;
	char error[256];
	char header[64];
	char body[64];
	size_t body_len;
	struct result *victim;	  /* cancelled by the callback */
	struct result *successor; /* started by the callback */
};

static void turn_until(struct world *w, const unsigned *counter, unsigned value)
{
	int64_t end_us = clock_mono_us() + PATIENCE_US;

	while (*counter < value) {
		assert_true(clock_mono_us() < end_us);
		assert_int_equal(loop_turn(w->loop, PATIENCE_US), 0);
	}
	assert_int_equal(*counter, value);
}

/* --- the server --- */

static void on_gone(void *owner)
{
	struct world *w = owner;

	w->parked = NULL;
	w->gone++;
}

static void on_request(void *ctx, struct httpd_req *req)
{
	struct world *w = ctx;
	const char *path = httpd_req_path(req);
	char said[64];
	const struct httpd_header headers[] = { { "X-Said", said }, { "x-twice", "1" }, { "X-Twice", "2" } };

	w->requests++;
	if (strcmp(path, "/park") == 0) {
		w->parked = req;
		httpd_req_own(req, w, on_gone);
		return;
	}
	snprintf(said, sizeof(said), "%s|%s|%s|%s", httpd_req_method(req),
		 httpd_req_header(req, "content-type") != NULL ? httpd_req_header(req, "content-type") : "-",
		 httpd_req_header(req, "expect") != NULL ? "expects" : "-",
		 httpd_req_header(req, "x-own") != NULL ? httpd_req_header(req, "x-own") : "-");
	httpd_reply(req, strcmp(path, "/404") == 0 ? 404 : 200, headers, 3, httpd_req_take_body(req));
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct httpd_opts opts = {
		.max_head = 65536, .max_body = 8 << 20, .max_conns = 1000, .on_request = on_request
	};
	const struct httpc_options options = { NULL };
	struct err err = ERR_INIT;

	opts.ctx = w;
	w->loop = loop_new();
	w->server = httpd_http1_new(w->loop, &opts);
	w->listener = httpd_listen(w->server, "127.0.0.1", 0, NULL, &err);
	assert_non_null(w->listener);
	snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u", httpd_listener_port(w->listener));
	w->client = httpc_new(w->loop, &options, &err);
	assert_non_null(w->client);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	httpc_free(w->client);
	httpd_free(w->server);
	loop_free(w->loop);
	free(w);
	return 0;
}

/* --- the client --- */

static void start(struct result *r, const char *path, struct httpc_request req);

static void on_reply(void *ctx, struct httpc_reply *reply)
{
	struct result *r = ctx;
	const char *said = httpc_header(reply, "x-SAID");

	r->calls++;
	r->result = reply->result;
	r->status = reply->status;
	r->date_ms = reply->date_ms;
	snprintf(r->error, sizeof(r->error), "%s", reply->error);
	snprintf(r->header, sizeof(r->header), "%s", said != NULL ? said : "");
	r->body_len = reply->body.len;
	snprintf(r->body, sizeof(r->body), "%s", reply->body.data != NULL ? reply->body.data : "");
	if (said != NULL) {
		assert_string_equal(httpc_header(reply, "X-TWICE"), "2");
		assert_null(httpc_header(reply, "x-twic"));
	}
	httpc_cancel(r->call); /* harmless: it is ending */
	r->call = NULL;
	if (r->victim != NULL) {
		httpc_cancel(r->victim->call);
		r->victim->call = NULL;
	}
	if (r->successor != NULL) {
		start(r->successor, "/next", (struct httpc_request){ .method = "GET" });
	}
}

static void start(struct result *r, const char *path, struct httpc_request req)
{
	char url[128];

	snprintf(url, sizeof(url), "%s%s", path[0] == '/' ? r->world->url : "", path);
	req.url = url;
	r->call = httpc_start(r->world->client, &req, on_reply, r);
	assert_int_equal(r->calls, 0);
}

static void run(struct result *r, const char *path, struct httpc_request req)
{
	start(r, path, req);
	turn_until(r->world, &r->calls, 1);
}

static void test_methods(void **state)
{
	struct world *w = *state;
	static const char *const own[] = { "X-Own: yes", NULL };
	struct blob *body = blob_from_string("some body");
	struct result get = { .world = w };
	struct result post = { .world = w };
	struct result put = { .world = w };

	run(&get, "/a", (struct httpc_request){ .method = "GET", .headers = own });
	assert_int_equal(get.result, HTTPC_OK);
	assert_int_equal(get.status, 200);
	assert_string_equal(get.header, "GET|-|-|yes");
	assert_int_equal(get.body_len, 0);
	run(&post, "/404", (struct httpc_request){ .method = "POST", .body = body });
	assert_int_equal(post.status, 404);
	assert_string_equal(post.body, "some body");
	run(&put, "/", (struct httpc_request){ .method = "PUT" });
	assert_string_equal(put.header, "PUT|-|-|-");
	blob_unref(body);
}

static struct blob *large(size_t len)
{
	char *mem = malloc(len + 1);

	memset(mem, 'x', len);
	mem[len] = '\0';
	return blob_take(mem, len);
}

/* Over 1 MiB libcurl would wait for "100 Continue" by itself. */
static void test_large_bodies_and_the_cap(void **state)
{
	struct world *w = *state;
	struct blob *body = large(3 << 20);
	struct result fits = { .world = w };
	struct result over = { .world = w };

	run(&fits, "/", (struct httpc_request){ .method = "POST", .body = body, .max_body = 3 << 20 });
	assert_int_equal(fits.result, HTTPC_OK);
	assert_int_equal(fits.body_len, 3 << 20);
	assert_string_equal(fits.header, "POST|application/x-www-form-urlencoded|-|-");
	run(&over, "/", (struct httpc_request){ .method = "POST", .body = body, .max_body = (3 << 20) - 1 });
	assert_int_equal(over.result, HTTPC_TOO_LARGE);
	assert_string_equal(over.error, "the reply is larger than 3145727 bytes");
	blob_unref(body);
}

static void test_many_at_once(void **state)
{
	struct world *w = *state;
	struct result *all = calloc(MANY, sizeof(*all));
	int64_t end_us = clock_mono_us() + PATIENCE_US;
	unsigned done = 0;

	for (unsigned i = 0; i < MANY; i++) {
		all[i].world = w;
		start(&all[i], "/", (struct httpc_request){ .method = "GET" });
	}
	while (done < MANY) {
		assert_true(clock_mono_us() < end_us);
		assert_int_equal(loop_turn(w->loop, PATIENCE_US), 0);
		done = 0;
		for (unsigned i = 0; i < MANY; i++) {
			done += all[i].calls;
		}
	}
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(all[i].status, 200);
	}
	assert_int_equal(w->requests, MANY);
	free(all);
}

static void test_timeout(void **state)
{
	struct world *w = *state;
	struct result r = { .world = w };

	run(&r, "/park", (struct httpc_request){ .method = "GET", .timeout_us = 50000 });
	assert_int_equal(r.result, HTTPC_TIMEOUT);
	turn_until(w, &w->gone, 1);
}

static void test_cancelling_hangs_up(void **state)
{
	struct world *w = *state;
	struct result r = { .world = w };

	start(&r, "/park", (struct httpc_request){ .method = "GET" });
	turn_until(w, &w->requests, 1);
	httpc_cancel(r.call);
	turn_until(w, &w->gone, 1);
	assert_int_equal(r.calls, 0);
}

static void test_callback_cancels_and_starts_others(void **state)
{
	struct world *w = *state;
	struct result second = { .world = w };
	struct result victim = { .world = w };
	struct result first = { .world = w, .victim = &victim, .successor = &second };

	start(&victim, "/park", (struct httpc_request){ .method = "GET" });
	turn_until(w, &w->requests, 1);
	start(&first, "/", (struct httpc_request){ .method = "GET" });
	turn_until(w, &second.calls, 1);
	assert_int_equal(first.calls, 1);
	assert_int_equal(victim.calls, 0);
	assert_int_equal(second.status, 200);
}

static void test_server_that_hangs_up(void **state)
{
	struct world *w = *state;
	struct result r = { .world = w };

	start(&r, "/park", (struct httpc_request){ .method = "GET" });
	turn_until(w, &w->requests, 1);
	httpd_listener_kick(w->listener);
	turn_until(w, &r.calls, 1);
	assert_int_equal(r.result, HTTPC_BROKEN);
	assert_true(r.error[0] != '\0');
}

/* A socket with that address, listening if so told. */
static int bare_socket(bool listening, char *url, size_t size)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	if (listening) {
		assert_int_equal(listen(fd, 10), 0);
	}
	snprintf(url, size, "http://127.0.0.1:%u/?secret=1", ntohs(in.sin_port));
	return fd;
}

static void test_nobody_listens(void **state)
{
	struct world *w = *state;
	struct result r = { .world = w };
	char url[64];
	int fd = bare_socket(false, url, sizeof(url));

	run(&r, url, (struct httpc_request){ .method = "GET" });
	assert_int_equal(r.result, HTTPC_UNREACHABLE);
	assert_null(strstr(r.error, "secret"));
	close(fd);
}

struct scripted {
	struct loop_fd listener;
	struct loop_fd peer;
	struct world *world;
	const char *reply;
	int fd;
	int peer_fd;
};

static void on_sent(void *ctx, uint32_t events)
{
	struct scripted *s = ctx;
	char request[4096];

	(void)events;
	assert_true(recv(s->peer_fd, request, sizeof(request), 0) > 0);
	assert_int_equal(send(s->peer_fd, s->reply, strlen(s->reply), MSG_NOSIGNAL), (ssize_t)strlen(s->reply));
	/* Only our side, lest a reset overtakes the reply. */
	shutdown(s->peer_fd, SHUT_WR);
	loop_fd_del(s->world->loop, &s->peer);
}

static void on_accept(void *ctx, uint32_t events)
{
	struct scripted *s = ctx;

	(void)events;
	s->peer_fd = accept(s->fd, NULL, NULL);
	assert_true(s->peer_fd >= 0);
	assert_int_equal(loop_fd_add(s->world->loop, &s->peer, s->peer_fd, EPOLLIN), 0);
}

static struct result scripted_reply(struct world *w, const char *scheme, const char *reply)
{
	struct scripted s = { .world = w, .reply = reply, .peer_fd = -1 };
	struct result r = { .world = w };
	char full[80];
	char url[64];

	s.fd = bare_socket(true, url, sizeof(url));
	loop_fd_init(&s.listener, on_accept, &s);
	loop_fd_init(&s.peer, on_sent, &s);
	assert_int_equal(loop_fd_add(w->loop, &s.listener, s.fd, EPOLLIN), 0);
	snprintf(full, sizeof(full), "%s%s", scheme, url + strlen("http"));
	run(&r, full, (struct httpc_request){ .method = "GET" });
	loop_fd_del(w->loop, &s.listener);
	close(s.peer_fd);
	close(s.fd);
	return r;
}

static void test_replies_of_all_kinds(void **state)
{
	struct world *w = *state;
	struct result r;

	r = scripted_reply(
		w, "http",
		"HTTP/1.1 100 Continue\r\nX-Said: no\r\n\r\nHTTP/1.1 201 Created\r\nX-Said:  yes \t\r\nX-Twice: 2\r\n"
		"Content-Length: 2\r\n\r\nab");
	assert_int_equal(r.status, 201);
	assert_string_equal(r.header, "yes");
	assert_string_equal(r.body, "ab");
	assert_int_equal(r.date_ms, 0);
	r = scripted_reply(
		w, "http",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: Sun, 30 Aug 2015 12:36:00 GMT\r\n\r\n"
		"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
	assert_string_equal(r.body, "abc");
	assert_true(r.date_ms == 1440938160000);
	r = scripted_reply(w, "http",
			   "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(r.status, 302);
	r = scripted_reply(w, "http", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
	assert_int_equal(r.result, HTTPC_BROKEN);
	r = scripted_reply(w, "http", "SSH-2.0-x\r\n");
	assert_int_equal(r.result, HTTPC_BROKEN);
	r = scripted_reply(w, "http", "");
	assert_int_equal(r.result, HTTPC_BROKEN);
}

static void test_proxies(void **state)
{
	struct world *w = *state;
	struct result direct = { .world = w };
	struct result through = { .world = w };

	/* Our server takes the request for another host's as well; it is asked for the whole URL then. */
	setenv("http_proxy", w->url, 1);
	run(&through, "http://elsewhere.invalid/404", (struct httpc_request){ .method = "GET" });
	run(&direct, "http://elsewhere.invalid/404", (struct httpc_request){ .method = "GET", .direct = true });
	unsetenv("http_proxy");
	assert_int_equal(through.result, HTTPC_OK);
	assert_int_equal(direct.result, HTTPC_UNREACHABLE);
}

static void test_bad_urls(void **state)
{
	static const char *const bad[] = { "file:///etc/passwd", "ftp://127.0.0.1/", "http://", "not a url",
					   "http://h:99999/" };
	struct world *w = *state;

	for (size_t i = 0; i < countof(bad); i++) {
		struct result r = { .world = w };

		run(&r, bad[i], (struct httpc_request){ .method = "GET" });
		assert_int_equal(r.result, HTTPC_INVALID);
	}
}

static void test_tls_with_one_who_speaks_none(void **state)
{
	struct result r = scripted_reply(*state, "https", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");

	assert_int_equal(r.result, HTTPC_TLS);
}

static void test_freeing_ends_what_is_under_way(void **state)
{
	const struct httpc_options options = { NULL };
	struct world *w = *state;
	struct err err = ERR_INIT;
	struct result r = { .world = w };
	struct result unstarted = { .world = w };

	start(&r, "/park", (struct httpc_request){ .method = "GET" });
	turn_until(w, &w->requests, 1);
	start(&unstarted, "/", (struct httpc_request){ .method = "GET" });
	httpc_free(w->client);
	turn_until(w, &w->gone, 1);
	assert_int_equal(r.calls + unstarted.calls, 0);
	w->client = httpc_new(w->loop, &options, &err);
	assert_non_null(w->client);
}

static void test_missing_ca_file(void **state)
{
	const struct httpc_options options = { .ca_file = "/nonexistent/ca.pem" };
	struct world *w = *state;
	struct err err = ERR_INIT;

	assert_null(httpc_new(w->loop, &options, &err));
	assert_non_null(strstr(err.msg, "/nonexistent/ca.pem"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_methods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_large_bodies_and_the_cap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timeout, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancelling_hangs_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_callback_cancels_and_starts_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_server_that_hangs_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nobody_listens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_replies_of_all_kinds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_proxies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_urls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tls_with_one_who_speaks_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_freeing_ends_what_is_under_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_missing_ca_file, set_up, tear_down),
	};

	/* What the surroundings say must not decide. */
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
