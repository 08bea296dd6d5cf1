/* SPDX-License-Identifier: Apache-2.0 */
/* STS's query protocol: form in, XML out. */
#include "edge/sts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/aws_xml.h"
#include "edge/aws_call.h"
#include "edge/aws_credentials.h"

struct sts_call {
	const char *operation;
	const char *source;
	sts_fn fn;
	sts_identity_fn identity_fn;
	void *ctx;
};

static void put_field(struct buf *form, const char *name, const char *value)
{
	if (value != NULL) {
		buf_printf(form, "&%s=", name);
		text_percent(form, value);
	}
}

/* The text of an element; NULL = none. Owned; secrets go this way. */
static char *element(const struct buf *body, const char *name)
{
	struct buf text = BUF_INIT;

	if (body->data == NULL || !aws_xml_text(body->data, body->len, name, &text) || text.len == 0) {
		buf_fini(&text);
		return NULL;
	}
	return text.data;
}

static void wipe(char *s)
{
	if (s != NULL) {
		explicit_bzero(s, strlen(s));
		free(s);
	}
}

static struct aws_credentials *read_credentials(const struct buf *body, const char *source, struct err *err)
{
	char *id = element(body, "AccessKeyId");
	char *secret = element(body, "SecretAccessKey");
	char *token = element(body, "SessionToken");
	char *expiration = element(body, "Expiration");
	struct aws_credentials *creds = NULL;
	int64_t expires_ms = 0;

	if (expiration == NULL || !aws_credentials_time(expiration, &expires_ms)) {
		err_set(err, 1, "a reply without a proper Expiration");
	} else {
		creds = aws_credentials_new(id, secret, token, expires_ms, source, err);
	}
	wipe(id);
	wipe(secret);
	wipe(token);
	wipe(expiration);
	return creds;
}

static void on_credentials(void *ctx, const struct aws_failure *failure, struct buf *body)
{
	struct sts_call *call = ctx;
	struct aws_credentials *creds = NULL;
	struct err err = ERR_INIT;

	if (failure != NULL) {
		err_set(&err, 1, "%s", failure->message);
	} else {
		creds = read_credentials(body, call->source, &err);
		if (creds == NULL) {
			err_wrap(&err, "sts %s", call->operation);
		}
	}
	call->fn(call->ctx, creds, &err);
	aws_credentials_unref(creds);
}

static void on_identity(void *ctx, const struct aws_failure *failure, struct buf *body)
{
	struct sts_call *call = ctx;
	char *arn = failure == NULL ? element(body, "Arn") : NULL;
	struct err err = ERR_INIT;

	if (failure != NULL) {
		err_set(&err, 1, "%s", failure->message);
	} else if (arn == NULL) {
		err_set(&err, 1, "sts %s: a reply without an Arn", call->operation);
	}
	call->identity_fn(call->ctx, arn, &err);
	free(arn);
}

static struct aws_call *start(struct aws_caller *c, struct buf *form, struct sts_call call,
			      struct aws_credentials *credentials, bool anonymous)
{
	struct aws_request req = {
		.service = "sts",
		.operation = call.operation,
		.content_type = "application/x-www-form-urlencoded; charset=utf-8",
		.body = buf_to_blob(form),
		.credentials = credentials,
		.anonymous = anonymous,
		.free_ctx = free,
	};

	return aws_call_start(c, &req, call.fn != NULL ? on_credentials : on_identity, xmemdup(&call, sizeof(call)));
}

static void begin_form(struct buf *form, const char *operation)
{
	buf_printf(form, "Action=%s&Version=2011-06-15", operation);
}

static void put_role(struct buf *form, const struct sts_role *role)
{
	char made_up[64];

	snprintf(made_up, sizeof(made_up), "lambda-runtime-api-daemon-%lld", (long long)(clock_wall_ms() / 1000));
	put_field(form, "RoleArn", role->arn);
	put_field(form, "RoleSessionName", role->session_name != NULL ? role->session_name : made_up);
	put_field(form, "ExternalId", role->external_id);
	put_field(form, "DurationSeconds", role->duration_s);
}

struct aws_call *sts_assume_role(struct aws_caller *c, struct aws_credentials *source, const struct sts_role *role,
				 sts_fn fn, void *ctx)
{
	const struct sts_call call = { .operation = "AssumeRole", .source = "assume-role", .fn = fn, .ctx = ctx };
	struct buf form = BUF_INIT;

	begin_form(&form, call.operation);
	put_role(&form, role);
	return start(c, &form, call, source, false);
}

struct aws_call *sts_assume_role_with_web_identity(struct aws_caller *c, const struct sts_role *role,
						   const char *token, sts_fn fn, void *ctx)
{
	const struct sts_call call = {
		.operation = "AssumeRoleWithWebIdentity",
		.source = "web identity",
		.fn = fn,
		.ctx = ctx,
	};
	struct buf form = BUF_INIT;

	begin_form(&form, call.operation);
	put_role(&form, role);
	put_field(&form, "WebIdentityToken", token);
	return start(c, &form, call, NULL, true);
}

struct aws_call *sts_get_caller_identity(struct aws_caller *c, sts_identity_fn fn, void *ctx)
{
	const struct sts_call call = { .operation = "GetCallerIdentity", .identity_fn = fn, .ctx = ctx };
	struct buf form = BUF_INIT;

	begin_form(&form, call.operation);
	return start(c, &form, call, NULL, false);
}
