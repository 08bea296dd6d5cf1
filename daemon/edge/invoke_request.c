/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of Invoke calls. */
#include "edge/invoke_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/function_name.h"
#include "core/invocation.h"
#include "edge/config.h"
#include "io/httpd.h"
#include "io/json.h"

#define INVALID_PARAMETER "InvalidParameterValueException"
#define INVALID_CONTENT "InvalidRequestContentException"

static const size_t client_context_max = 3583;
static const size_t tenant_id_max = 256;

void invoke_error_set(struct invoke_error *e, int status, const char *type, bool capital, const char *fmt, ...)
{
	va_list args;

	e->status = status;
	e->type = type;
	e->capital = capital;
	e->reason = NULL;
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
}

/* Value of a query parameter, percent-decoded into out. 1 = there and not empty, 0 = not there, -1 = malformed. */
static int query_value(const char *query, const char *name, struct buf *out)
{
	size_t name_len = strlen(name);

	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		if (len > name_len && strncmp(query, name, name_len) == 0 && query[name_len] == '=') {
			if (!text_unpercent(out, query + name_len + 1, len - name_len - 1)) {
				return -1;
			}
			return out->len > 0;
		}
		query += len + (query[len] == '&');
	}
	return 0;
}

static int bad_name(struct invoke_error *error, const char *what, const char *text)
{
	invoke_error_set(error, 400, INVALID_PARAMETER, false,
			 "1 validation error detected: Value '%.200s' at '%s' failed to satisfy constraint", text,
			 what);
	return -1;
}

static int read_qualifier(struct httpd_req *req, struct function_name *fn, struct invoke_error *error)
{
	struct buf q = BUF_INIT;
	int found = query_value(httpd_req_query(req), "Qualifier", &q);
	int r = 0;

	if (found < 0 || (found > 0 && !function_qualifier_is_valid(q.data))) {
		r = bad_name(error, "qualifier", q.data != NULL ? q.data : "");
	} else if (found > 0 && fn->qualifier[0] != '\0' && strcmp(fn->qualifier, q.data) != 0) {
		invoke_error_set(
			error, 400, INVALID_PARAMETER, false,
			"The derived qualifier from the function name does not match the specified qualifier.");
		r = -1;
	} else if (found > 0) {
		snprintf(fn->qualifier, sizeof(fn->qualifier), "%s", q.data);
	}
	buf_fini(&q);
	return r;
}

static char *make_arn(const struct config *cfg, const struct function_name *fn, const char *name)
{
	return xasprintf("arn:%s:lambda:%s:%s:function:%s%s%s", function_partition(cfg->region), cfg->region,
			 cfg->account_id, name, fn->qualifier[0] != '\0' ? ":" : "", fn->qualifier);
}

/* Which function is meant, and is it ours? On success *arn is owned by the caller. */
static int read_name(const struct config *cfg, struct httpd_req *req, const char *raw, size_t raw_len, char **arn,
		     struct invoke_error *error)
{
	struct function_name fn = { "", "" };
	struct buf text = BUF_INIT;

	if (raw != NULL) {
		bool ok = text_unpercent(&text, raw, raw_len) && text.len > 0 && function_name_parse(text.data, &fn);

		if (!ok) {
			bad_name(error, "functionName", text.data != NULL ? text.data : "");
		}
		buf_fini(&text);
		if (!ok) {
			return -1;
		}
	}
	if (read_qualifier(req, &fn, error) != 0) {
		return -1;
	}
	if (raw != NULL && cfg->name_was_set && strcmp(fn.name, "function") != 0 &&
	    strcmp(fn.name, cfg->function_name) != 0) {
		char *missing = make_arn(cfg, &fn, fn.name);

		invoke_error_set(error, 404, "ResourceNotFoundException", true, "Function not found: %s", missing);
		free(missing);
		return -1;
	}
	*arn = make_arn(cfg, &fn, cfg->function_name);
	return 0;
}

static int read_types(struct httpd_req *req, struct invoke_request *out, struct invoke_error *error)
{
	const char *type = httpd_req_header(req, "X-Amz-Invocation-Type");
	const char *log = httpd_req_header(req, "X-Amz-Log-Type");

	if (type != NULL && strcmp(type, "DryRun") == 0) {
		out->dry_run = true;
	} else if (type != NULL && strcmp(type, "RequestResponse") != 0) {
		invoke_error_set(
			error, 400, INVALID_PARAMETER, false,
			"Value '%.64s' at 'invocationType' is not supported; expected RequestResponse or DryRun",
			type);
		return -1;
	}
	if (log != NULL && strcmp(log, "None") != 0 && strcmp(log, "Tail") != 0) {
		invoke_error_set(error, 400, INVALID_PARAMETER, false,
				 "Value '%.64s' at 'logType' is not supported; expected None or Tail", log);
		return -1;
	}
	out->event->want_tail = log != NULL && strcmp(log, "Tail") == 0;
	return 0;
}

static int read_client_context(struct httpd_req *req, struct event *ev, struct invoke_error *error)
{
	const char *text = httpd_req_header(req, "X-Amz-Client-Context");
	struct buf json = BUF_INIT;
	struct buf ascii = BUF_INIT;
	bool ok;

	if (text == NULL || *text == '\0') {
		return 0;
	}
	if (strlen(text) > client_context_max) {
		invoke_error_set(error, 400, INVALID_CONTENT, false, "Client context must be no more than %zu bytes.",
				 client_context_max);
		return -1;
	}
	ok = text_unbase64(&json, text, strlen(text)) && json.len > 0 && json_text_is_object(json.data, json.len);
	if (ok) {
		/* It travels in a header, and not every runtime takes anything but ASCII there. */
		text_json_ascii(&ascii, json.data, json.len);
		ev->client_context = ascii.data;
	} else {
		invoke_error_set(error, 400, INVALID_CONTENT, false,
				 "Client context must be a valid Base64-encoded JSON object.");
	}
	buf_fini(&json);
	return ok ? 0 : -1;
}

static int read_tenant(struct httpd_req *req, struct event *ev, struct invoke_error *error)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/=+-@ ";
	const char *text = httpd_req_header(req, "X-Amz-Tenant-Id");

	if (text == NULL) {
		return 0;
	}
	if (*text == '\0' || strlen(text) > tenant_id_max || text[strspn(text, allowed)] != '\0') {
		return bad_name(error, "tenantId", text);
	}
	ev->tenant_id = xstrdup(text);
	return 0;
}

/* AWS X-Ray developer guide, "Tracing header". */
static void set_trace(struct httpd_req *req, struct event *ev)
{
	const char *given = httpd_req_header(req, "X-Amzn-Trace-Id");
	char root[25];
	char parent[17];

	if (given != NULL && strstr(given, "Root=") != NULL) {
		ev->trace_id = xstrdup(given);
		return;
	}
	text_random_hex(root, 12);
	text_random_hex(parent, 8);
	ev->trace_id = xasprintf("Root=1-%08llx-%s;Parent=%s;Sampled=0", (unsigned long long)clock_wall_ms() / 1000,
				 root, parent);
}

static int read_body(struct httpd_req *req, struct event *ev, struct invoke_error *error)
{
	if (httpd_req_body_state(req) == HTTPD_BODY_TOO_LARGE) {
		invoke_error_set(error, 413, "RequestEntityTooLargeException", false,
				 "Request must be smaller than %zu bytes for the InvokeFunction operation",
				 MAX_REQUEST_BODY);
		return -1;
	}
	if (httpd_req_body_state(req) == HTTPD_BODY_TRUNCATED) {
		invoke_error_set(error, 400, INVALID_CONTENT, false, "Could not read the request body to its end");
		return -1;
	}
	if (httpd_req_body_len(req) == 0) {
		ev->body = blob_static("{}");
	} else {
		ev->body = httpd_req_take_body(req);
	}
	return 0;
}

int invoke_request_read(const struct config *cfg, struct httpd_req *req, const char *name, size_t name_len,
			struct invoke_request *out, struct invoke_error *error)
{
	struct event *ev = event_new();

	out->dry_run = false;
	out->event = ev;
	if (read_name(cfg, req, name, name_len, &ev->arn, error) != 0 || read_types(req, out, error) != 0 ||
	    read_client_context(req, ev, error) != 0 || read_tenant(req, ev, error) != 0 ||
	    read_body(req, ev, error) != 0) {
		event_unref(ev);
		out->event = NULL;
		return -1;
	}
	set_trace(req, ev);
	return 0;
}
