/* SPDX-License-Identifier: Apache-2.0 */
/* The Invoke API from the caller's side. */
#include "edge/cli_remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/aws_endpoint.h"
#include "core/aws_retry.h"
#include "core/aws_sigv4.h"
#include "core/invocation.h"
#include "edge/aws_client.h"
#include "edge/cli_print.h"
#include "edge/config.h"
#include "edge/env_table.h"
#include "edge/invoker.h"
#include "io/httpc.h"
#include "io/sink.h"
#include "loop/loop.h"

/* Who has the same limit there says so himself. */
static const int64_t extra_us = 1000 * 1000;
static const unsigned attempts = 6;
static const int64_t unlimited_us = (int64_t)86400 * 1000 * 1000;

struct cli_remote {
	struct invoker invoker;
	struct cli_remote_deps deps;
	struct httpc *http;
	struct buf url;
	struct aws_url where; /* into url */
	char region[AWS_REGION_LEN];
	struct aws_credentials *credentials; /* NULL = those of deps.aws */
	struct list calls;		     // call::link
};

struct call {
	struct cli_remote *home;
	struct list link;
	struct invocation *inv;
	struct httpc_call *http;
	struct aws_wait wait;
	struct loop_timer timer;
	unsigned failures;
	int64_t sent_us;
};

static void free_call(struct call *c)
{
	list_unlink(&c->link);
	list_unlink(&c->wait.link);
	loop_timer_clear(c->home->deps.loop, &c->timer);
	httpc_cancel(c->http);
	free(c);
}

static void end(struct call *c, enum outcome_kind kind, struct blob *body)
{
	struct outcome out = { .kind = kind, .body = body };
	struct invocation *inv = c->inv;

	c->http = NULL;
	free_call(c);
	inv->ops->done(inv, &out);
	blob_unref(body);
}

/* --- the answer --- */

/* A figure of the REPORT line; -1 = it has none. */
static double figure(const char *report, const char *name)
{
	const char *at = strstr(report, name);

	return at != NULL ? strtod(at + strlen(name), NULL) : -1;
}

static void measure(struct call *c, const struct httpc_reply *reply)
{
	const struct cli_remote_deps *d = &c->home->deps;
	const char *encoded = httpc_header(reply, "X-Amz-Log-Result");
	int64_t clock_us = loop_now_us(d->loop) - c->sent_us;
	int64_t init_us = -1;
	uint64_t memory = 0;
	struct buf tail = BUF_INIT;
	const char *report = NULL;

	if (encoded != NULL && text_unbase64(&tail, encoded, strlen(encoded)) && tail.len > 0) {
		sink_write(d->log, tail.data, tail.len);
		report = strstr(tail.data, "REPORT RequestId:");
	}
	if (report != NULL) {
		double ms = figure(report, "\tDuration: ");
		double init_ms = figure(report, "\tInit Duration: ");
		double mb = figure(report, "\tMax Memory Used: ");

		clock_us = ms >= 0 ? (int64_t)(ms * 1000) : clock_us;
		init_us = init_ms >= 0 ? (int64_t)(init_ms * 1000) : -1;
		memory = mb > 0 ? (uint64_t)(mb * 1024 * 1024) : 0;
	}
	d->measured(d->ctx, c->inv->event, clock_us, init_us, memory);
	buf_fini(&tail);
}

static struct blob *refusal(const struct cli_remote *r, const struct httpc_reply *reply)
{
	struct buf text = BUF_INIT;

	buf_printf(&text, "%s: ", r->where.host);
	if (reply->result != HTTPC_OK) {
		buf_puts(&text, reply->error);
	} else {
		const char *type = httpc_header(reply, "x-amzn-ErrorType");

		buf_printf(&text, "status %d %s %.400s", reply->status, type != NULL ? type : "",
			   reply->body.data != NULL ? reply->body.data : "");
	}
	return buf_to_blob(&text);
}

/* Whoever sent this may have given the event to the function. */
static bool may_have_run(const struct httpc_reply *reply)
{
	if (reply->result == HTTPC_OK) {
		return reply->status < 300 || (reply->status >= 500 && reply->status != 503);
	}
	return reply->result == HTTPC_BROKEN || reply->result == HTTPC_TOO_LARGE;
}

/* Too many at once is no reason to lose one: it was not run. */
static bool try_later(struct call *c, const struct httpc_reply *reply)
{
	char hex[17];

	if (reply->result != HTTPC_OK || reply->status != 429 || ++c->failures >= attempts) {
		return false;
	}
	text_random_hex(hex, 8);
	loop_timer_set(c->home->deps.loop, &c->timer,
		       loop_now_us(c->home->deps.loop) +
			       aws_retry_delay_us(c->failures, true, strtoull(hex, NULL, 16)));
	return true;
}

static void on_reply(void *ctx, struct httpc_reply *reply)
{
	struct call *c = ctx;
	enum outcome_kind kind = OUTCOME_RESPONSE;
	struct blob *body;
	char type[64];

	c->http = NULL;
	if (try_later(c, reply)) {
		return;
	}
	if (reply->result == HTTPC_TIMEOUT) {
		end(c, OUTCOME_TIMEOUT, NULL);
		return;
	}
	if (reply->result != HTTPC_OK || reply->status != 200) {
		end(c, may_have_run(reply) ? OUTCOME_INVALID : OUTCOME_UNAVAILABLE, refusal(c->home, reply));
		return;
	}
	measure(c, reply);
	body = buf_to_blob(&reply->body);
	if (httpc_header(reply, "X-Amz-Function-Error") != NULL) {
		cli_error_type(body, type, sizeof(type));
		kind = strcmp(type, "Sandbox.Timedout") == 0 ? OUTCOME_TIMEOUT : OUTCOME_ERROR;
	}
	end(c, kind, body);
}

/* --- the request --- */

#define HEADERS_MAX 9

struct headers {
	char *lines[HEADERS_MAX]; /* NULL terminated */
	unsigned count;
};

static void put(struct headers *h, const char *name, const char *value)
{
	struct buf line = BUF_INIT;

	if (value == NULL) {
		return;
	}
	/* Not by printf: nothing else keeps a copy of a token. */
	buf_puts(&line, name);
	buf_puts(&line, ": ");
	buf_puts(&line, value);
	h->lines[h->count++] = line.data;
}

static void wipe(struct headers *h)
{
	while (h->count > 0) {
		char *line = h->lines[--h->count];

		explicit_bzero(line, strlen(line));
		free(line);
	}
}

static void sign(const struct cli_remote *r, const struct event *ev, const struct aws_credentials *creds,
		 const char *client_context, struct headers *h)
{
	struct buf authorization = BUF_INIT;
	char date[AWS_DATE_LEN];
	const struct aws_sign_args args = {
		.access_key_id = creds->access_key_id,
		.secret = creds->secret,
		.token = creds->token,
		.region = r->region,
		.service = "lambda",
		.host = r->where.host,
		.path = r->where.path,
		.content_type = ev->content_type,
		.client_context = client_context,
		.log_type = ev->want_tail ? "Tail" : NULL,
		.body = ev->body->data,
		.body_len = ev->body->len,
		.time_ms = clock_wall_ms(),
	};

	aws_sign(&args, date, &authorization);
	put(h, "X-Amz-Date", date);
	put(h, "X-Amz-Security-Token", creds->token);
	put(h, "Authorization", authorization.data);
	buf_fini(&authorization);
}

static void send_request(struct call *c, const struct aws_credentials *creds)
{
	struct cli_remote *r = c->home;
	const struct event *ev = c->inv->event;
	struct headers h = { .count = 0 };
	struct buf context = BUF_INIT;
	const struct httpc_request http = {
		.method = "POST",
		.url = r->url.data,
		.headers = (const char *const *)h.lines,
		.body = ev->body,
		.timeout_us = r->deps.timeout_us > 0 ? r->deps.timeout_us + extra_us : unlimited_us,
		.max_body = MAX_RESPONSE_BODY,
	};

	if (ev->client_context != NULL) {
		text_base64(&context, ev->client_context, strlen(ev->client_context));
	}
	put(&h, "Host", r->where.host);
	put(&h, "Content-Type", ev->content_type);
	put(&h, "X-Amz-Client-Context", context.data);
	put(&h, "X-Amz-Log-Type", ev->want_tail ? "Tail" : NULL);
	if (creds != NULL) {
		sign(r, ev, creds, context.data, &h);
	}
	c->sent_us = loop_now_us(r->deps.loop);
	c->http = httpc_start(r->http, &http, on_reply, c);
	wipe(&h);
	buf_fini(&context);
}

static void on_credentials(void *ctx, struct aws_credentials *creds, const struct err *err)
{
	struct call *c = ctx;

	list_unlink(&c->wait.link);
	if (creds == NULL) {
		end(c, OUTCOME_UNAVAILABLE, blob_from_string(err->msg));
		return;
	}
	send_request(c, creds);
}

static void attempt(void *ctx)
{
	struct call *c = ctx;
	struct cli_remote *r = c->home;

	if (r->deps.aws == NULL || r->credentials != NULL) {
		send_request(c, r->credentials);
	} else {
		aws_get_credentials(r->deps.aws, &c->wait);
	}
}

static struct cli_remote *of(struct invoker *self)
{
	return container_of(self, struct cli_remote, invoker);
}

static void submit(struct invoker *self, struct invocation *inv)
{
	struct cli_remote *r = of(self);
	struct call *c = xcalloc(1, sizeof(*c));

	c->home = r;
	c->inv = inv;
	c->wait.fn = on_credentials;
	c->wait.ctx = c;
	list_init(&c->wait.link);
	loop_timer_init(&c->timer, attempt, c);
	list_push_back(&r->calls, &c->link);
	attempt(c);
}

static void cancel(struct invoker *self, struct invocation *inv)
{
	struct list *pos, *tmp;

	list_foreach_safe(&of(self)->calls, pos, tmp) {
		struct call *c = container_of(pos, struct call, link);

		if (c->inv == inv) {
			free_call(c);
			return;
		}
	}
}

/* --- setting up --- */

bool cli_remote_is_amazon(const char *endpoint)
{
	struct err err = ERR_INIT;
	struct aws_url url;

	return aws_url_parse(endpoint, &url, &err) == 0 &&
	       (text_ends(url.host, ".amazonaws.com") || text_ends(url.host, ".amazonaws.com.cn") ||
		text_ends(url.host, ".api.aws"));
}

/* lambda.REGION.amazonaws.com */
static void find_region(struct cli_remote *r)
{
	size_t len = text_starts(r->where.host, "lambda.") ? strcspn(r->where.host + 7, ".") : 0;

	if (cli_remote_is_amazon(r->url.data) && len > 0 && len < sizeof(r->region)) {
		memcpy(r->region, r->where.host + 7, len);
	} else if (r->deps.aws != NULL) {
		snprintf(r->region, sizeof(r->region), "%s", aws_region(r->deps.aws));
	}
}

static int set_url(struct cli_remote *r, struct err *err)
{
	size_t len = strlen(r->deps.endpoint);
	char shown[ENV_SHOWN_LEN];

	while (len > 0 && r->deps.endpoint[len - 1] == '/') {
		len--;
	}
	buf_append(&r->url, r->deps.endpoint, len);
	buf_puts(&r->url, "/2015-03-31/functions/");
	text_percent(&r->url, r->deps.function);
	buf_puts(&r->url, "/invocations");
	if (aws_url_parse(r->url.data, &r->where, err) != 0) {
		return err_wrap(err, "--endpoint %s", env_shown(r->deps.endpoint, shown));
	}
	find_region(r);
	return 0;
}

struct cli_remote *cli_remote_new(const struct cli_remote_deps *deps, struct err *err)
{
	static const struct httpc_options options = { .ca_file = NULL };
	struct cli_remote *r = xcalloc(1, sizeof(*r));

	r->invoker = (struct invoker){ .submit = submit, .cancel = cancel };
	r->deps = *deps;
	list_init(&r->calls);
	if (set_url(r, err) == 0) {
		r->http = httpc_new(deps->loop, &options, err);
	}
	if (r->http == NULL) {
		cli_remote_free(r);
		return NULL;
	}
	return r;
}

void cli_remote_free(struct cli_remote *r)
{
	if (r == NULL) {
		return;
	}
	httpc_free(r->http);
	aws_credentials_unref(r->credentials);
	buf_fini(&r->url);
	free(r);
}

struct invoker *cli_remote_invoker(struct cli_remote *r)
{
	return &r->invoker;
}

void cli_remote_set_credentials(struct cli_remote *r, struct aws_credentials *credentials)
{
	aws_credentials_unref(r->credentials);
	r->credentials = aws_credentials_ref(credentials);
}
