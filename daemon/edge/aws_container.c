/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials from the agent beside a container: ECS (relative URI) and EKS Pod Identity (full URI). */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "core/aws_endpoint.h"
#include "edge/aws_credentials.h"
#include "edge/aws_fetch.h"
#include "edge/aws_files.h"
#include "edge/aws_settings.h"
#include "edge/aws_source.h"
#include "io/json.h"
#include "loop/loop.h"

static const int64_t timeout_us = 2 * 1000 * 1000;
static const int64_t pause_us = 1000 * 1000;
static const unsigned attempts = 3;

struct container {
	struct aws_source source;
	struct loop *loop;
	struct aws_fetch *fetch;
	struct loop_timer timer; /* to fail in a later turn */
	struct err err;
};

static void stop(struct aws_source *s)
{
	struct container *c = container_of(s, struct container, source);

	aws_fetch_stop(c->fetch);
	loop_timer_clear(c->loop, &c->timer);
	free(c);
}

static void end(struct container *c, struct aws_credentials *creds, struct err *err)
{
	if (creds == NULL) {
		err_wrap(err, "container credentials");
	}
	c->source.fn(c->source.ctx, creds, err);
	stop(&c->source);
}

static void on_document(void *ctx, struct buf *body, const struct err *why)
{
	struct container *c = ctx;
	struct err err = why != NULL ? *why : (struct err)ERR_INIT;
	struct aws_credentials *creds = NULL;

	c->fetch = NULL;
	if (body != NULL) {
		struct json *doc = json_doc_read(body->data, body->len);

		creds = aws_credentials_from_json(doc, "Token", "container", &err);
		json_doc_wipe(doc);
	}
	end(c, creds, &err);
	aws_credentials_unref(creds);
}

static void on_timer(void *ctx)
{
	struct container *c = ctx;

	end(c, NULL, &c->err);
}

/* The full URI is the environment's word against whoever can be reached: not in clear text over a network. */
static int put_url(const struct aws_settings *s, struct buf *url, struct err *err)
{
	struct aws_url parsed;
	char *bare;
	int r;

	if (s->container_relative_uri != NULL) {
		if (s->container_relative_uri[0] != '/') {
			return err_set(err, 2,
				       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: expected a path that begins with /");
		}
		buf_printf(url, "http://169.254.170.2%s", s->container_relative_uri);
		return 0;
	}
	bare = xstrndup(s->container_full_uri, strcspn(s->container_full_uri, "?"));
	r = aws_url_parse(bare, &parsed, err);
	if (r != 0) {
		err_wrap(err, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	} else if (!parsed.tls && !aws_endpoint_is_link_local(&parsed)) {
		r = err_set(err, 2,
			    "AWS_CONTAINER_CREDENTIALS_FULL_URI: the host %.100s is not allowed; expected https, "
			    "this machine, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]",
			    parsed.host);
	}
	free(bare);
	buf_puts(url, s->container_full_uri);
	return r;
}

/* Appends the Authorization header if there is one. */
static int put_authorization(const struct aws_settings *s, struct buf *line, struct err *err)
{
	if (s->container_token_file == NULL && s->container_token == NULL) {
		return 0;
	}
	buf_puts(line, "Authorization: ");
	if (s->container_token_file != NULL) {
		if (aws_files_read(s->container_token_file, line, err) != 0) {
			return err_wrap(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
		}
	} else {
		buf_puts(line, s->container_token);
	}
	if (strcspn(line->data, "\r\n") != line->len) {
		return err_set(err, 2, "the authorization token has a line break in it");
	}
	return 0;
}

struct aws_source *aws_source_container(const struct aws_source_deps *deps, aws_source_fn fn, void *ctx)
{
	struct container *c = xcalloc(1, sizeof(*c));
	struct buf url = BUF_INIT;
	struct buf authorization = BUF_INIT;
	const char *headers[] = { "Accept: application/json", NULL, NULL };
	struct aws_fetch_args args = {
		.method = "GET",
		.headers = headers,
		.timeout_us = timeout_us,
		.pause_us = pause_us,
		.attempts = attempts,
		.direct = true,
	};

	c->source = (struct aws_source){ stop, fn, ctx };
	c->loop = deps->loop;
	loop_timer_init(&c->timer, on_timer, c);
	if (put_url(deps->settings, &url, &c->err) != 0 ||
	    put_authorization(deps->settings, &authorization, &c->err) != 0) {
		loop_timer_set(c->loop, &c->timer, loop_now_us(c->loop));
	} else {
		args.url = url.data;
		headers[1] = authorization.data;
		c->fetch = aws_fetch_start(c->loop, deps->http, &args, on_document, c);
	}
	if (authorization.data != NULL) {
		explicit_bzero(authorization.data, authorization.cap);
	}
	buf_fini(&authorization);
	buf_fini(&url);
	return &c->source;
}
