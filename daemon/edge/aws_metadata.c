/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials of an EC2 instance by its metadata service, version 2: a token, the name of the role, its credentials.
 * Version 1 needs no token, which is what made it a way in for forged requests; it is not used.
 */
#include "edge/aws_source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/aws_credentials.h"
#include "edge/aws_fetch.h"
#include "edge/aws_settings.h"
#include "io/json.h"

static const char role_path[] = "latest/meta-data/iam/security-credentials/";

struct metadata {
	struct aws_source source;
	struct aws_source_deps deps;
	struct aws_fetch *fetch;
	const char *base;
	char *token_header;
};

static void stop(struct aws_source *s)
{
	struct metadata *m = container_of(s, struct metadata, source);

	aws_fetch_stop(m->fetch);
	if (m->token_header != NULL) {
		explicit_bzero(m->token_header, strlen(m->token_header));
		free(m->token_header);
	}
	free(m);
}

static void end(struct metadata *m, struct aws_credentials *creds, struct err *err)
{
	if (creds == NULL) {
		err_wrap(err, "instance metadata");
	}
	m->source.fn(m->source.ctx, creds, err);
	stop(&m->source);
}

static void ask(struct metadata *m, const char *method, const char *path, const char *name, aws_fetch_fn fn)
{
	const char *headers[] = { m->token_header, NULL };
	struct buf url = BUF_INIT;
	const struct aws_fetch_args args = {
		.method = method,
		.headers = headers,
		.timeout_us = m->deps.settings->metadata_timeout_us,
		.attempts = m->deps.settings->metadata_tries,
		.direct = true,
	};
	struct aws_fetch_args here = args;

	buf_printf(&url, "%s%s%s%s", m->base, text_ends(m->base, "/") ? "" : "/", path, name);
	here.url = url.data;
	m->fetch = aws_fetch_start(m->deps.loop, m->deps.http, &here, fn, m);
	buf_fini(&url);
}

static void on_credentials(void *ctx, struct buf *body, const struct err *why)
{
	struct metadata *m = ctx;
	struct err err = why != NULL ? *why : (struct err)ERR_INIT;
	struct aws_credentials *creds = NULL;
	struct json *doc = NULL;
	const char *code;

	m->fetch = NULL;
	if (body == NULL) {
		end(m, NULL, &err);
		return;
	}
	doc = json_doc_read(body->data, body->len);
	code = json_member_string(doc, "Code");
	if (code != NULL && strcmp(code, "Success") != 0) {
		err_set(&err, 1, "it answers %.100s", code);
	} else {
		creds = aws_credentials_from_json(doc, "Token", "instance metadata", &err);
	}
	json_doc_wipe(doc);
	end(m, creds, &err);
	aws_credentials_unref(creds);
}

/* One role name, on the first line. */
static void on_role(void *ctx, struct buf *body, const struct err *why)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-";
	struct metadata *m = ctx;
	struct err err = why != NULL ? *why : (struct err)ERR_INIT;
	size_t len;

	m->fetch = NULL;
	if (body == NULL) {
		end(m, NULL, &err);
		return;
	}
	len = strcspn(body->data, "\r\n");
	body->data[len] = '\0';
	if (len == 0 || strspn(body->data, allowed) != len) {
		err_set(&err, 1, "it answers no proper role name");
		end(m, NULL, &err);
		return;
	}
	ask(m, "GET", role_path, body->data, on_credentials);
}

static void on_token(void *ctx, struct buf *body, const struct err *why)
{
	struct metadata *m = ctx;
	struct err err = why != NULL ? *why : (struct err)ERR_INIT;

	m->fetch = NULL;
	if (body == NULL) {
		end(m, NULL, &err);
		return;
	}
	body->data[strcspn(body->data, "\r\n")] = '\0';
	free(m->token_header);
	m->token_header = xasprintf("X-aws-ec2-metadata-token: %s", body->data);
	ask(m, "GET", role_path, "", on_role);
}

struct aws_source *aws_source_metadata(const struct aws_source_deps *deps, aws_source_fn fn, void *ctx)
{
	const struct aws_settings *s = deps->settings;
	const char *mode = s->metadata_mode != NULL ? s->metadata_mode : "ipv4";
	struct metadata *m = xcalloc(1, sizeof(*m));

	m->source = (struct aws_source){ stop, fn, ctx };
	m->deps = *deps;
	m->base = strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
	m->base = s->metadata_endpoint != NULL ? s->metadata_endpoint : m->base;
	m->token_header = xstrdup("X-aws-ec2-metadata-token-ttl-seconds: 21600");
	ask(m, "PUT", "latest/api/token", "", on_token);
	return &m->source;
}
