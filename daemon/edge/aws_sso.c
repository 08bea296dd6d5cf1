/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of IAM Identity Center, with the token of `aws sso login`, renewed when it is about to end. */
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/aws_endpoint.h"
#include "edge/aws_credentials.h"
#include "edge/aws_fetch.h"
#include "edge/aws_plan.h"
#include "edge/aws_settings.h"
#include "edge/aws_source.h"
#include "edge/aws_sso_cache.h"
#include "io/json.h"
#include "loop/loop.h"

static const int64_t timeout_us = 10 * 1000 * 1000;
static const int64_t pause_us = 500 * 1000;
static const unsigned attempts = 3;
static const int64_t renew_ms = 15 * 60 * 1000; /* before the end */

struct sso {
	struct aws_source source;
	struct aws_source_deps deps;
	struct aws_sso how; /* its texts outlive us */
	struct aws_sso_token token;
	struct aws_fetch *fetch;
	struct loop_timer timer; /* to begin in a later turn */
};

static void stop(struct aws_source *s)
{
	struct sso *sso = container_of(s, struct sso, source);

	aws_fetch_stop(sso->fetch);
	loop_timer_clear(sso->deps.loop, &sso->timer);
	aws_sso_cache_fini(&sso->token);
	free(sso);
}

static void end(struct sso *sso, struct aws_credentials *creds, struct err *err)
{
	if (creds == NULL) {
		err_wrap(err, "SSO");
	}
	sso->source.fn(sso->source.ctx, creds, err);
	stop(&sso->source);
}

static struct aws_credentials *read_credentials(const struct buf *body, struct err *err)
{
	struct json *doc = json_doc_read(body->data, body->len);
	const struct json *from = json_member(doc, "roleCredentials");
	struct aws_credentials *creds = NULL;
	int64_t expires_ms;

	if (!json_integer_of(json_member(from, "expiration"), &expires_ms)) {
		err_set(err, 1, "an answer without an expiration");
	} else {
		creds = aws_credentials_new(json_member_string(from, "accessKeyId"),
					    json_member_string(from, "secretAccessKey"),
					    json_member_string(from, "sessionToken"), expires_ms, "SSO", err);
	}
	json_doc_wipe(doc);
	return creds;
}

static void on_credentials(void *ctx, struct buf *body, const struct err *why)
{
	struct sso *sso = ctx;
	struct err err = why != NULL ? *why : (struct err)ERR_INIT;
	struct aws_credentials *creds = body != NULL ? read_credentials(body, &err) : NULL;

	sso->fetch = NULL;
	end(sso, creds, &err);
	aws_credentials_unref(creds);
}

/* own: the variable for this service; host: its name in Amazon's. */
static int put_endpoint(const struct sso *sso, const char *own, const char *host, struct buf *url, struct err *err)
{
	const struct aws_settings *s = sso->deps.settings;
	struct aws_url parsed;

	own = own != NULL ? own : s->endpoint_url;
	if (!aws_region_is_valid(sso->how.region)) {
		return err_set(err, 2, "profile %.100s: sso_region is not a region", sso->how.profile);
	}
	if (own == NULL || aws_settings_true(s->ignore_endpoint_urls)) {
		aws_endpoint_default(url, host, sso->how.region);
		return 0;
	}
	if (aws_url_parse(own, &parsed, err) != 0) {
		return err_wrap(err, "its endpoint");
	}
	buf_append(url, own, strlen(own) - (own[strlen(own) - 1] == '/' ? 1 : 0));
	return 0;
}

static void ask_for_credentials(struct sso *sso)
{
	struct buf url = BUF_INIT;
	struct buf token = BUF_INIT;
	const char *headers[] = { NULL, NULL };
	struct aws_fetch_args args = {
		.method = "GET",
		.headers = headers,
		.timeout_us = timeout_us,
		.pause_us = pause_us,
		.attempts = attempts,
	};
	struct err err = ERR_INIT;

	if (put_endpoint(sso, sso->deps.settings->endpoint_url_sso, "portal.sso", &url, &err) != 0) {
		buf_fini(&url);
		end(sso, NULL, &err);
		return;
	}
	buf_puts(&url, "/federation/credentials?role_name=");
	text_percent(&url, sso->how.role);
	buf_puts(&url, "&account_id=");
	text_percent(&url, sso->how.account);
	buf_puts(&token, "x-amz-sso_bearer_token: ");
	buf_puts(&token, sso->token.access_token);
	args.url = url.data;
	headers[0] = token.data;
	sso->fetch = aws_fetch_start(sso->deps.loop, sso->deps.http, &args, on_credentials, sso);
	explicit_bzero(token.data, token.cap);
	buf_fini(&token);
	buf_fini(&url);
}

static void use_token(struct sso *sso)
{
	struct err err = ERR_INIT;

	if (sso->token.expires_ms <= clock_wall_ms()) {
		err_set(&err, 1, "the sign-in has expired; run `aws sso login --profile %.100s`", sso->how.profile);
		end(sso, NULL, &err);
		return;
	}
	ask_for_credentials(sso);
}

static void on_renewed(void *ctx, struct buf *body, const struct err *why)
{
	struct sso *sso = ctx;
	struct err err = why != NULL ? *why : (struct err)ERR_INIT;

	sso->fetch = NULL;
	/* The old one may do for a while yet. */
	if (body == NULL || aws_sso_cache_renew(&sso->token, body, clock_wall_ms(), &err) != 0) {
		log_warn("the SSO token could not be renewed: %s", err.msg);
	}
	use_token(sso);
}

static int renew(struct sso *sso)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct buf url = BUF_INIT;
	struct err err = ERR_INIT;
	struct aws_fetch_args args = {
		.method = "POST",
		.headers = headers,
		.timeout_us = timeout_us,
		.pause_us = pause_us,
		.attempts = attempts,
	};
	int r = put_endpoint(sso, sso->deps.settings->endpoint_url_sso_oidc, "oidc", &url, &err);

	if (r == 0) {
		buf_puts(&url, "/token");
		args.url = url.data;
		args.body = aws_sso_cache_request(&sso->token);
		sso->fetch = aws_fetch_start(sso->deps.loop, sso->deps.http, &args, on_renewed, sso);
		blob_unref(args.body);
	}
	buf_fini(&url);
	return r;
}

static void on_start(void *ctx)
{
	struct sso *sso = ctx;
	int64_t now_ms = clock_wall_ms();
	struct err err = ERR_INIT;

	if (aws_sso_cache_read(&sso->token, sso->deps.settings, &sso->how, &err) != 0) {
		end(sso, NULL, &err);
		return;
	}
	if (!sso->how.by_session || sso->token.expires_ms - now_ms > renew_ms ||
	    !aws_sso_cache_is_renewable(&sso->token, now_ms) || renew(sso) != 0) {
		use_token(sso);
	}
}

struct aws_source *aws_source_sso(const struct aws_source_deps *deps, const struct aws_sso *how, aws_source_fn fn,
				  void *ctx)
{
	struct sso *sso = xcalloc(1, sizeof(*sso));

	sso->source = (struct aws_source){ stop, fn, ctx };
	sso->deps = *deps;
	sso->how = *how;
	loop_timer_init(&sso->timer, on_start, sso);
	loop_timer_set(deps->loop, &sso->timer, loop_now_us(deps->loop));
	return &sso->source;
}
