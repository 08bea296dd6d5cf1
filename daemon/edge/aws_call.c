/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts of a call: sign, send, judge the answer, try again. */
#include "edge/aws_call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/aws_endpoint.h"
#include "core/aws_profile.h"
#include "core/aws_retry.h"
#include "core/aws_sigv4.h"
#include "edge/aws_credentials.h"
#include "edge/aws_error.h"
#include "edge/aws_settings.h"
#include "edge/env_table.h"
#include "io/httpc.h"
#include "loop/loop.h"

static const int64_t default_timeout_us = 30 * 1000 * 1000;
static const uint64_t default_attempts = 3;

struct aws_caller {
	struct loop *loop;
	struct httpc *http;
	char *region;
	char *sqs_url; /* NULL = the region's own */
	char *sts_url;
	struct aws_provider provider;
	uint64_t attempts;
	int64_t clock_offset_ms; /* to add to our clock */
	struct list calls;	 // aws_call::link
};

struct aws_call {
	struct aws_caller *home;
	struct list link;
	struct aws_request req; /* texts are literals or owned; body and credentials are owned */
	aws_call_fn fn;
	void *ctx;
	char *region;
	struct buf url;
	struct aws_url where; /* into url */
	struct aws_credentials *creds;
	struct aws_wait wait;
	struct httpc_call *http;
	struct loop_timer timer;
	unsigned failures;
	int64_t sent_ms;   /* our clock when it was signed */
	bool clock_mended; /* each is mended once */
	bool creds_mended;
	bool maybe_done; /* an earlier attempt may have succeeded unseen */
	bool ending;
};

/* Like snprintf; what does not fit is meant to be cut. */
static void PRINTF(3, 4) print(char *out, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(out, size, fmt, args);
	va_end(args);
}

/* --- where --- */

struct configured {
	const char *url;  /* NULL = none */
	char source[160]; /* for messages: AWS_ENDPOINT_URL, "profile x: endpoint_url", ... */
	char nested[512];
};

/* own: from the service's own variable; NULL = unset. */
static void find_configured(const struct aws_caller_deps *deps, const char *service, const char *variable,
			    const char *own, struct configured *found)
{
	const struct aws_settings *s = deps->settings;
	const char *profile = aws_settings_profile(s);
	const char *services = aws_profiles_get(deps->profiles, AWS_PROFILE, profile, "services");
	const char *ignore = aws_profiles_get(deps->profiles, AWS_PROFILE, profile,
					      "ignore_configured_endpoint_urls");

	found->url = NULL;
	if (aws_settings_true(s->ignore_endpoint_urls) ||
	    (s->ignore_endpoint_urls == NULL && aws_settings_true(ignore))) {
		return;
	}
	if (own != NULL || s->endpoint_url != NULL) {
		found->url = own != NULL ? own : s->endpoint_url;
		print(found->source, sizeof(found->source), "%s", own != NULL ? variable : "AWS_ENDPOINT_URL");
	} else if (services != NULL && aws_profiles_nested(deps->profiles, AWS_SERVICES, services, service,
							   "endpoint_url", found->nested, sizeof(found->nested))) {
		found->url = found->nested;
		print(found->source, sizeof(found->source), "services %.100s: %s: endpoint_url", services, service);
	} else {
		found->url = aws_profiles_get(deps->profiles, AWS_PROFILE, profile, "endpoint_url");
		print(found->source, sizeof(found->source), "profile %.100s: endpoint_url", profile);
	}
}

static int find_url(const struct aws_caller_deps *deps, const char *service, const char *variable, const char *own,
		    char **out, struct err *err)
{
	struct configured found;
	struct aws_url parsed;
	char shown[ENV_SHOWN_LEN];

	find_configured(deps, service, variable, own, &found);
	if (found.url == NULL) {
		return 0;
	}
	if (aws_url_parse(found.url, &parsed, err) != 0) {
		return err_wrap(err, "%s=%s", found.source, env_shown(found.url, shown));
	}
	*out = xstrdup(found.url);
	return 0;
}

struct aws_caller *aws_caller_new(const struct aws_caller_deps *deps, struct err *err)
{
	const struct aws_settings *s = deps->settings;
	struct aws_caller *c = xcalloc(1, sizeof(*c));

	list_init(&c->calls);
	c->loop = deps->loop;
	c->http = deps->http;
	c->region = xstrdup(deps->region);
	c->attempts = default_attempts;
	if (s->max_attempts != NULL && !text_to_u64(s->max_attempts, 1, 20, &c->attempts)) {
		err_set(err, 2, "AWS_MAX_ATTEMPTS=%.200s: not allowed; expected a whole number from 1 to 20",
			s->max_attempts);
		aws_caller_free(c);
		return NULL;
	}
	if (find_url(deps, "sqs", "AWS_ENDPOINT_URL_SQS", s->endpoint_url_sqs, &c->sqs_url, err) != 0 ||
	    find_url(deps, "sts", "AWS_ENDPOINT_URL_STS", s->endpoint_url_sts, &c->sts_url, err) != 0) {
		aws_caller_free(c);
		return NULL;
	}
	return c;
}

static void free_call(struct aws_call *call)
{
	list_unlink(&call->link);
	list_unlink(&call->wait.link);
	httpc_cancel(call->http);
	loop_timer_clear(call->home->loop, &call->timer);
	blob_unref(call->req.body);
	aws_credentials_unref(call->req.credentials);
	aws_credentials_unref(call->creds);
	buf_fini(&call->url);
	free(call->region);
	if (call->req.free_ctx != NULL) {
		call->req.free_ctx(call->ctx);
	}
	free(call);
}

void aws_caller_free(struct aws_caller *c)
{
	struct list *pos, *tmp;

	if (c == NULL) {
		return;
	}
	list_foreach_safe(&c->calls, pos, tmp) {
		free_call(container_of(pos, struct aws_call, link));
	}
	free(c->region);
	free(c->sqs_url);
	free(c->sts_url);
	free(c);
}

void aws_caller_set_provider(struct aws_caller *c, const struct aws_provider *provider)
{
	c->provider = *provider;
}

const char *aws_caller_region(const struct aws_caller *c)
{
	return c->region;
}

/* --- ends --- */

static void end_call(struct aws_call *call, const struct aws_failure *f, struct buf *body)
{
	call->ending = true;
	call->http = NULL;
	list_unlink(&call->link);
	call->fn(call->ctx, f, body);
	free_call(call);
}

void aws_call_cancel(struct aws_call *call)
{
	if (call != NULL && !call->ending) {
		free_call(call);
	}
}

static void put_message(const struct aws_call *call, struct aws_failure *f, const char *what, const char *why)
{
	print(f->message, sizeof(f->message), "%s %s at %s: %s%s%s", call->req.service, call->req.operation,
	      call->where.host, what, *why != '\0' && *what != '\0' ? ": " : "", why);
}

void aws_failure_bad_reply(struct aws_failure *f, const char *service, const char *operation, const char *what)
{
	memset(f, 0, sizeof(*f));
	f->trouble = AWS_BAD_REPLY;
	f->maybe_done = true;
	print(f->message, sizeof(f->message), "%s %s: a reply that cannot be used: %s", service, operation, what);
}

/* --- one attempt --- */

static void on_http(void *ctx, struct httpc_reply *reply);

static void put_header(char **headers, unsigned *count, const char *name, const char *value)
{
	struct buf line = BUF_INIT;

	/* Not by printf: nothing else keeps a copy of a token. */
	buf_puts(&line, name);
	buf_puts(&line, ": ");
	buf_puts(&line, value);
	headers[(*count)++] = line.data;
}

static void sign(struct aws_call *call, char **headers, unsigned *count)
{
	struct buf authorization = BUF_INIT;
	char date[AWS_DATE_LEN];
	const struct aws_sign_args args = {
		.access_key_id = call->creds->access_key_id,
		.secret = call->creds->secret,
		.token = call->creds->token,
		.region = call->region,
		.service = call->req.service,
		.host = call->where.host,
		.path = call->where.path,
		.content_type = call->req.content_type,
		.target = call->req.target,
		.body = call->req.body->data,
		.body_len = call->req.body->len,
		.time_ms = call->sent_ms + call->home->clock_offset_ms,
	};

	aws_sign(&args, date, &authorization);
	put_header(headers, count, "X-Amz-Date", date);
	if (call->creds->token != NULL) {
		put_header(headers, count, "X-Amz-Security-Token", call->creds->token);
	}
	put_header(headers, count, "Authorization", authorization.data);
	buf_fini(&authorization);
}

static void send_request(struct aws_call *call)
{
	char *headers[8] = { NULL };
	unsigned count = 0;
	const struct httpc_request http = {
		.method = "POST",
		.url = call->url.data,
		.headers = (const char *const *)headers,
		.body = call->req.body,
		.timeout_us = call->req.timeout_us != 0 ? call->req.timeout_us : default_timeout_us,
		.max_body = call->req.max_reply,
	};

	call->sent_ms = clock_wall_ms();
	put_header(headers, &count, "Host", call->where.host);
	put_header(headers, &count, "Content-Type", call->req.content_type);
	if (call->req.target != NULL) {
		put_header(headers, &count, "X-Amz-Target", call->req.target);
	}
	if (call->creds != NULL) {
		sign(call, headers, &count);
	}
	call->http = httpc_start(call->home->http, &http, on_http, call);
	while (count > 0) {
		char *line = headers[--count];

		explicit_bzero(line, strlen(line));
		free(line);
	}
}

static void on_credentials(void *ctx, struct aws_credentials *creds, const struct err *err)
{
	struct aws_call *call = ctx;

	if (creds == NULL) {
		struct aws_failure f = { .trouble = AWS_NO_CREDENTIALS,
					 .transient = true,
					 .maybe_done = call->maybe_done };

		print(f.message, sizeof(f.message), "%s %s: no credentials: %s", call->req.service,
		      call->req.operation, err->msg);
		end_call(call, &f, NULL);
		return;
	}
	aws_credentials_unref(call->creds);
	call->creds = aws_credentials_ref(creds);
	send_request(call);
}

static void attempt(struct aws_call *call)
{
	if (call->req.anonymous || call->req.credentials != NULL) {
		send_request(call);
	} else {
		call->home->provider.get(call->home->provider.ctx, &call->wait);
	}
}

static void on_timer(void *ctx)
{
	attempt(ctx);
}

/* true: there will be another attempt. */
static bool try_later(struct aws_call *call, bool throttled, const char *why)
{
	uint64_t random;
	char hex[17];
	int64_t wait_us;

	if (++call->failures >= call->home->attempts) {
		return false;
	}
	text_random_hex(hex, 8);
	random = strtoull(hex, NULL, 16);
	wait_us = aws_retry_delay_us(call->failures, throttled, random);
	log_debug("AWS call failed, trying again service=%s operation=%s failures=%u wait_ms=%lld why=%s",
		  call->req.service, call->req.operation, call->failures, (long long)(wait_us / 1000), why);
	loop_timer_set(call->home->loop, &call->timer, loop_now_us(call->home->loop) + wait_us);
	return true;
}

static void on_no_reply(struct aws_call *call, const struct httpc_reply *reply)
{
	bool unseen = reply->result == HTTPC_UNREACHABLE || reply->result == HTTPC_TLS ||
		      reply->result == HTTPC_INVALID;
	struct aws_failure f = { .trouble = AWS_UNREACHABLE };

	call->maybe_done = call->maybe_done || !unseen;
	f.transient = reply->result == HTTPC_UNREACHABLE || reply->result == HTTPC_TIMEOUT ||
		      reply->result == HTTPC_BROKEN;
	if (f.transient && try_later(call, false, reply->error)) {
		return;
	}
	f.trouble = reply->result == HTTPC_TOO_LARGE ? AWS_BAD_REPLY : AWS_UNREACHABLE;
	f.maybe_done = call->maybe_done;
	put_message(call, &f, "", reply->error);
	end_call(call, &f, NULL);
}

/* Is there something to mend that makes another attempt at once worth while? */
static bool mend(struct aws_call *call, enum aws_remedy remedy, const struct httpc_reply *reply)
{
	struct aws_caller *c = call->home;

	if (remedy == AWS_SET_CLOCK && !call->clock_mended) {
		call->clock_mended = true;
		/* Another call may have corrected the clock since this one was sent. */
		if (aws_retry_clock(call->sent_ms, reply->date_ms, &c->clock_offset_ms)) {
			log_warn("the clock differs from AWS's, corrected for signatures offset_s=%lld",
				 (long long)(c->clock_offset_ms / 1000));
			return true;
		}
	}
	if (remedy == AWS_NEW_CREDENTIALS && !call->creds_mended && call->req.credentials == NULL &&
	    !call->req.anonymous) {
		call->creds_mended = true;
		c->provider.reject(c->provider.ctx, call->creds);
		return true;
	}
	return false;
}

static void on_refused(struct aws_call *call, const struct httpc_reply *reply)
{
	const char *header = httpc_header(reply, "x-amzn-errortype");
	struct aws_failure f = { .trouble = AWS_REFUSED, .status = reply->status };
	enum aws_remedy remedy;
	struct aws_error e;

	header = header != NULL ? header : httpc_header(reply, "x-amzn-query-error");
	aws_error_parse(&e, reply->body.data != NULL ? reply->body.data : "", reply->body.len, header);
	remedy = aws_retry_remedy(reply->status, e.code);
	if (mend(call, remedy, reply)) {
		attempt(call);
		return;
	}
	f.transient = remedy == AWS_TRY_AGAIN || remedy == AWS_SLOW_DOWN;
	call->maybe_done = call->maybe_done || reply->status >= 500;
	if (f.transient && try_later(call, remedy == AWS_SLOW_DOWN, e.code)) {
		return;
	}
	if (e.code[0] == '\0') {
		snprintf(e.code, sizeof(e.code), "HTTP status %d", reply->status);
	}
	/* Services are not supposed to repeat it. */
	if (call->creds != NULL && (strstr(e.message, call->creds->secret) != NULL ||
				    (call->creds->token != NULL && strstr(e.message, call->creds->token) != NULL))) {
		e.message[0] = '\0';
	}
	f.maybe_done = call->maybe_done;
	memcpy(f.code, e.code, sizeof(f.code));
	put_message(call, &f, e.code, e.message);
	end_call(call, &f, NULL);
}

static void on_http(void *ctx, struct httpc_reply *reply)
{
	struct aws_call *call = ctx;

	call->http = NULL;
	if (reply->result != HTTPC_OK) {
		on_no_reply(call, reply);
	} else if (reply->status >= 200 && reply->status < 300) {
		end_call(call, NULL, &reply->body);
	} else {
		on_refused(call, reply);
	}
}

/* --- starting --- */

static void set_url(struct aws_call *call)
{
	const struct aws_caller *c = call->home;
	const char *own = strcmp(call->req.service, "sts") == 0 ? c->sts_url : c->sqs_url;
	struct err err = ERR_INIT;
	int r;

	if (own != NULL) {
		buf_puts(&call->url, own);
	} else {
		aws_endpoint_default(&call->url, call->req.service, call->region);
	}
	if (strchr(call->url.data + strlen("https://"), '/') == NULL) {
		buf_putc(&call->url, '/');
	}
	r = aws_url_parse(call->url.data, &call->where, &err);
	/* The configured ones were checked at the start, regions are checked where they come from. */
	assert(r == 0);
	(void)r;
}

struct aws_call *aws_call_start(struct aws_caller *c, const struct aws_request *req, aws_call_fn fn, void *ctx)
{
	struct aws_call *call = xcalloc(1, sizeof(*call));

	call->home = c;
	call->req = *req;
	call->fn = fn;
	call->ctx = ctx;
	call->region = xstrdup(req->region != NULL ? req->region : c->region);
	call->req.region = NULL;
	call->req.credentials = aws_credentials_ref(req->credentials);
	call->creds = aws_credentials_ref(req->credentials);
	call->wait.fn = on_credentials;
	call->wait.ctx = call;
	list_init(&call->wait.link);
	loop_timer_init(&call->timer, on_timer, call);
	list_push_back(&c->calls, &call->link);
	set_url(call);
	attempt(call);
	return call;
}
