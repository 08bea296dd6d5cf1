/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing of the bridge's request messages. */
#include "core/envelope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/invocation.h"

static bool is_there(struct json_slice value)
{
	return value.ptr != NULL && !json_slice_is(value, 'n');
}

/* NULL: null, not there, not a string, or something that cannot stand in a header. */
static char *text_of(struct json_slice value)
{
	struct buf text = BUF_INIT;

	if (!json_slice_string(value, &text) || text.len == 0) {
		buf_fini(&text);
		return NULL;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text_is_control(text.data[i])) {
			buf_fini(&text);
			return NULL;
		}
	}
	return text.data;
}

/* The members of an object under names of our own where they have others: {from, to} pairs, one table each. */
struct rename {
	const char *from;
	const char *to;
};

struct copy {
	struct buf *out;
	struct json_slice object;
	const struct rename *renames;
	size_t count;
	bool keep; /* the member stays under its old name too */
};

static void put_member(struct buf *out, const char *key, size_t key_len, struct json_slice value)
{
	if (out->data[out->len - 1] != '{') {
		buf_putc(out, ',');
	}
	buf_append(out, key, key_len);
	buf_putc(out, ':');
	buf_append(out, value.ptr, value.len);
}

static const struct rename *find_rename(const struct copy *c, struct json_slice key)
{
	for (size_t i = 0; i < c->count; i++) {
		const char *from = c->renames[i].from;

		if (key.len == strlen(from) + 2 && memcmp(key.ptr + 1, from, key.len - 2) == 0 &&
		    json_scan_member(c->object, c->renames[i].to).ptr == NULL) {
			return &c->renames[i];
		}
	}
	return NULL;
}

static void copy_member(void *ctx, struct json_slice key, struct json_slice value)
{
	const struct copy *c = ctx;
	const struct rename *r = find_rename(c, key);
	char quoted[64];

	if (r == NULL || c->keep) {
		put_member(c->out, key.ptr, key.len, value);
	}
	if (r != NULL) {
		put_member(c->out, quoted, (size_t)snprintf(quoted, sizeof(quoted), "\"%s\"", r->to), value);
	}
}

static void copy_object(struct copy *c)
{
	buf_putc(c->out, '{');
	json_scan_members(c->object, copy_member, c);
	buf_putc(c->out, '}');
}

static char *in_ascii(struct buf *json)
{
	struct buf ascii = BUF_INIT;

	text_json_ascii(&ascii, json->data, json->len);
	buf_fini(json);
	return ascii.data;
}

static void copy_context_member(void *ctx, struct json_slice key, struct json_slice value)
{
	/* The names that AWS's mobile SDKs send, and runtimes look for. */
	static const struct rename client[] = {
		{ "installationId", "installation_id" },  { "appTitle", "app_title" },
		{ "appVersionName", "app_version_name" }, { "appVersionCode", "app_version_code" },
		{ "appPackageName", "app_package_name" },
	};
	struct copy *outer = ctx;
	struct buf inner = BUF_INIT;

	if (key.len == strlen("\"client\"") && memcmp(key.ptr, "\"client\"", key.len) == 0 &&
	    json_slice_is(value, '{')) {
		struct copy c = { &inner, value, client, countof(client), true };

		copy_object(&c);
		value.ptr = inner.data;
		value.len = inner.len;
	}
	copy_member(outer, key, value);
	buf_fini(&inner);
}

/* Existing proxies lose the spelling of the original; both are given, as runtimes differ in what they read. */
static char *read_client_context(struct json_slice context)
{
	static const struct rename top[] = { { "environment", "env" } };
	struct buf json = BUF_INIT;
	struct copy c = { &json, context, top, countof(top), true };

	if (!json_slice_is(context, '{')) {
		return NULL;
	}
	buf_putc(&json, '{');
	json_scan_members(context, copy_context_member, &c);
	buf_putc(&json, '}');
	return in_ascii(&json);
}

static char *read_identity(struct json_slice identity)
{
	static const struct rename names[] = {
		{ "identityId", "cognitoIdentityId" },
		{ "identity_id", "cognitoIdentityId" },
		{ "identityPoolId", "cognitoIdentityPoolId" },
		{ "identity_pool_id", "cognitoIdentityPoolId" },
	};
	struct buf json = BUF_INIT;
	struct copy c = { &json, identity, names, countof(names), false };

	if (!json_slice_is(identity, '{')) {
		return NULL;
	}
	copy_object(&c);
	return in_ascii(&json);
}

int envelope_read(const char *text, size_t len, struct envelope *out, char *why, size_t why_size)
{
	struct json_slice root, ctx;

	memset(out, 0, sizeof(*out));
	if (!json_scan_text(text, len, &root)) {
		snprintf(why, why_size, "it is not JSON; expected {\"event\": ..., \"ctx\": {...}}");
		return -1;
	}
	out->event = json_scan_member(root, "event");
	if (out->event.ptr == NULL) {
		snprintf(why, why_size, "%s; expected {\"event\": ..., \"ctx\": {...}}",
			 json_slice_is(root, '{') ? "it has no member \"event\"" : "it is not a JSON object");
		return -1;
	}
	ctx = json_scan_member(root, "ctx");
	if (is_there(ctx) && !json_slice_is(ctx, '{')) {
		snprintf(why, why_size, "its member \"ctx\" is not a JSON object");
		return -1;
	}
	out->request_id = text_of(json_scan_member(ctx, "request_id"));
	if (!json_slice_u64(json_scan_member(ctx, "deadline"), &out->deadline_ms) || out->deadline_ms > INT64_MAX) {
		out->deadline_ms = 0;
	}
	out->arn = text_of(json_scan_member(ctx, "invoked_function_arn"));
	out->trace_id = text_of(json_scan_member(ctx, "xray_trace_id"));
	out->client_context = read_client_context(json_scan_member(ctx, "client_context"));
	out->cognito_identity = read_identity(json_scan_member(ctx, "identity"));
	out->missing = ctx.ptr == NULL		 ? "ctx"
		       : out->request_id == NULL ? "ctx.request_id"
		       : out->deadline_ms == 0	 ? "ctx.deadline"
		       : out->arn == NULL	 ? "ctx.invoked_function_arn"
						 : NULL;
	return 0;
}

void envelope_fini(struct envelope *e)
{
	free(e->request_id);
	free(e->arn);
	free(e->trace_id);
	free(e->client_context);
	free(e->cognito_identity);
	memset(e, 0, sizeof(*e));
}

static void put_text(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "\"%s\":", key);
	if (value == NULL) {
		buf_puts(out, "null");
	} else {
		text_json_string(out, value, strlen(value));
	}
}

/* JSON that somebody else wrote: null if it is none, so that the message stays readable. */
static void put_object(struct buf *out, const char *key, const char *json, const struct rename *names, size_t count)
{
	struct copy c = { out, { NULL, 0 }, names, count, false };

	buf_printf(out, ",\"%s\":", key);
	if (json == NULL || !json_scan_text(json, strlen(json), &c.object) || !json_slice_is(c.object, '{')) {
		buf_puts(out, "null");
		return;
	}
	copy_object(&c);
}

void envelope_write(struct buf *out, const struct event *ev, int64_t deadline_ms,
		    const struct envelope_function *function)
{
	static const struct rename context[] = { { "env", "environment" } };
	static const struct rename identity[] = {
		{ "cognitoIdentityId", "identityId" },
		{ "cognitoIdentityPoolId", "identityPoolId" },
	};

	buf_puts(out, "{\"event\":");
	buf_append(out, ev->body->data, ev->body->len);
	buf_puts(out, ",\"ctx\":{");
	put_text(out, "request_id", ev->id);
	buf_printf(out, ",\"deadline\":%lld,", (long long)deadline_ms);
	put_text(out, "invoked_function_arn", ev->arn != NULL ? ev->arn : "");
	buf_putc(out, ',');
	put_text(out, "xray_trace_id", ev->trace_id);
	put_object(out, "client_context", ev->client_context, context, countof(context));
	put_object(out, "identity", ev->cognito_identity, identity, countof(identity));
	buf_puts(out, ",\"env_config\":{");
	put_text(out, "function_name", function->name);
	buf_printf(out, ",\"memory\":%u,", function->memory_mb);
	put_text(out, "version", function->version);
	buf_putc(out, ',');
	put_text(out, "log_stream", function->log_stream);
	buf_putc(out, ',');
	put_text(out, "log_group", function->log_group);
	buf_puts(out, "}}}");
}
