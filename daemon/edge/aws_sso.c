/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials of IAM Identity Center, with the token that `aws sso login` has left in its cache. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/mem.h"
#include "core/aws_endpoint.h"
#include "edge/aws_credentials.h"
#include "edge/aws_fetch.h"
#include "edge/aws_files.h"
#include "edge/aws_plan.h"
#include "edge/aws_settings.h"
#include "edge/aws_source.h"
#include "io/json.h"
#include "loop/loop.h"

static const int64_t timeout_us = 10 * 1000 * 1000;
static const int64_t pause_us = 500 * 1000;
static const unsigned attempts = 3;

struct sso {
	struct aws_source source;
	struct loop *loop;
	struct aws_fetch *fetch;
	struct loop_timer timer; /* to fail in a later turn */
	struct err err;
};

static void stop(struct aws_source *s)
{
	struct sso *sso = container_of(s, struct sso, source);

	aws_fetch_stop(sso->fetch);
	loop_timer_clear(sso->loop, &sso->timer);
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

static void on_document(void *ctx, struct buf *body, const struct err *why)
{
	struct sso *sso = ctx;
	struct err err = why != NULL ? *why : (struct err)ERR_INIT;
	struct aws_credentials *creds = body != NULL ? read_credentials(body, &err) : NULL;

	sso->fetch = NULL;
	end(sso, creds, &err);
	aws_credentials_unref(creds);
}

static void on_timer(void *ctx)
{
	struct sso *sso = ctx;

	end(sso, NULL, &sso->err);
}

/* The cache file is named by the SHA-1 of the session's name or the start URL. */
static char *cache_path(const struct aws_settings *s, const struct aws_sso *sso)
{
	unsigned char sha1[SHA1_LEN];
	char hex[2 * SHA1_LEN + 1];
	char below[64];

	digest_sha1(sso->cache_key, strlen(sso->cache_key), sha1);
	digest_hex(sha1, sizeof(sha1), hex);
	snprintf(below, sizeof(below), ".aws/sso/cache/%s.json", hex);
	return aws_files_path(s, NULL, below);
}

/* Appends the header with the token. */
static int put_token(const struct aws_settings *s, const struct aws_sso *sso, struct buf *line, struct err *err)
{
	char *path = cache_path(s, sso);
	struct buf text = BUF_INIT;
	struct json *doc = NULL;
	const char *token;
	const char *expires;
	int64_t expires_ms;
	int r = 0;

	if (path == NULL || aws_files_read(path, &text, err) != 0) {
		r = err_set(err, 1, "nobody is signed in; run `aws sso login --profile %.100s`", sso->profile);
	} else {
		doc = json_doc_read(text.data, text.len);
		token = json_member_string(doc, "accessToken");
		expires = json_member_string(doc, "expiresAt");
		if (token == NULL || strpbrk(token, "\r\n") != NULL || expires == NULL ||
		    !aws_credentials_time(expires, &expires_ms)) {
			r = err_set(err, 1, "%.200s: no proper accessToken and expiresAt", path);
		} else if (expires_ms <= clock_wall_ms()) {
			r = err_set(err, 1, "the sign-in has expired; run `aws sso login --profile %.100s`",
				    sso->profile);
		} else {
			buf_puts(line, "x-amz-sso_bearer_token: ");
			buf_puts(line, token);
		}
	}
	json_doc_wipe(doc);
	if (text.data != NULL) {
		explicit_bzero(text.data, text.cap);
	}
	buf_fini(&text);
	free(path);
	return r;
}

static void put_escaped(struct buf *url, const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

	for (; *s != '\0'; s++) {
		if (strchr(plain, *s) != NULL) {
			buf_putc(url, *s);
		} else {
			buf_printf(url, "%%%02X", (unsigned char)*s);
		}
	}
}

static int put_url(const struct aws_settings *s, const struct aws_sso *sso, struct buf *url, struct err *err)
{
	const char *own = s->endpoint_url_sso != NULL ? s->endpoint_url_sso : s->endpoint_url;
	struct aws_url parsed;

	if (!aws_region_is_valid(sso->region)) {
		return err_set(err, 2, "profile %.100s: sso_region is not a region", sso->profile);
	}
	if (own != NULL && !aws_settings_true(s->ignore_endpoint_urls)) {
		if (aws_url_parse(own, &parsed, err) != 0) {
			return err_wrap(err, "AWS_ENDPOINT_URL_SSO");
		}
		buf_puts(url, own);
		while (url->len > 0 && url->data[url->len - 1] == '/') {
			url->data[--url->len] = '\0';
		}
	} else {
		aws_endpoint_default(url, "portal.sso", sso->region);
	}
	buf_puts(url, "/federation/credentials?role_name=");
	put_escaped(url, sso->role);
	buf_puts(url, "&account_id=");
	put_escaped(url, sso->account);
	return 0;
}

struct aws_source *aws_source_sso(const struct aws_source_deps *deps, const struct aws_sso *how, aws_source_fn fn,
				  void *ctx)
{
	struct sso *sso = xcalloc(1, sizeof(*sso));
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

	sso->source = (struct aws_source){ stop, fn, ctx };
	sso->loop = deps->loop;
	loop_timer_init(&sso->timer, on_timer, sso);
	if (put_url(deps->settings, how, &url, &sso->err) != 0 ||
	    put_token(deps->settings, how, &token, &sso->err) != 0) {
		loop_timer_set(sso->loop, &sso->timer, loop_now_us(sso->loop));
	} else {
		args.url = url.data;
		headers[0] = token.data;
		sso->fetch = aws_fetch_start(sso->loop, deps->http, &args, on_document, sso);
	}
	if (token.data != NULL) {
		explicit_bzero(token.data, token.cap);
	}
	buf_fini(&token);
	buf_fini(&url);
	return &sso->source;
}
