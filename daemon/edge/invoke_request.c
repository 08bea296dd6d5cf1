/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of Invoke calls. */
#include "edge/invoke_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/function_name.h"
#include "core/invocation.h"
#include "edge/config.h"
#include "edge/event_fields.h"
#include "io/httpd.h"

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

static int read_qualifier(struct httpd_req *req, struct function_name *fn, struct invoke_error *error)
{
	struct buf q = BUF_INIT;
	int found = query_value(httpd_req_query(req), "Qualifier", &q);
	int r = 0;

	if (found < 0 || (found > 0 && !function_qualifier_is_valid(q.data))) {
		r = invoke_error_bad_value(error, "qualifier", q.data != NULL ? q.data : "");
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

/* "function:X" is the function X, but also X of the name that always works. Where one other name is known, it is the
 * latter. */
static void read_as_qualifier(const struct config *cfg, const char *text, struct function_name *fn)
{
	static const char always[] = "function:";

	if (cfg->name_was_set && text_starts(text, always) && strcmp(text + strlen(always), fn->name) == 0 &&
	    strcmp(fn->name, cfg->function_name) != 0 && function_qualifier_is_valid(fn->name)) {
		strcpy(fn->qualifier, fn->name);
		strcpy(fn->name, "function");
	}
}

int invoke_request_read_name(const struct config *cfg, struct httpd_req *req, const char *raw, size_t raw_len,
			     struct function_name *fn, struct invoke_error *error)
{
	struct buf text = BUF_INIT;

	fn->name[0] = '\0';
	fn->qualifier[0] = '\0';
	if (raw != NULL) {
		bool ok = text_unpercent(&text, raw, raw_len) && text.len > 0 && function_name_parse(text.data, fn);

		if (!ok) {
			(void)invoke_error_bad_value(error, "functionName", text.data != NULL ? text.data : "");
		} else {
			read_as_qualifier(cfg, text.data, fn);
		}
		buf_fini(&text);
		if (!ok) {
			return -1;
		}
	}
	if (read_qualifier(req, fn, error) != 0) {
		return -1;
	}
	if (raw != NULL && cfg->name_was_set && strcmp(fn->name, "function") != 0 &&
	    strcmp(fn->name, cfg->function_name) != 0) {
		char *missing = function_arn(cfg->region, cfg->account_id, fn->name, fn->qualifier);

		invoke_error_set(error, 404, "ResourceNotFoundException", true, "Function not found: %s", missing);
		free(missing);
		return -1;
	}
	return 0;
}

static int read_name(const struct config *cfg, struct httpd_req *req, const char *raw, size_t raw_len,
		     struct event *ev, struct invoke_error *error)
{
	struct function_name fn;

	if (invoke_request_read_name(cfg, req, raw, raw_len, &fn, error) != 0) {
		return -1;
	}
	if (cfg->gateway) {
		ev->function = xstrdup(fn.name);
	}
	ev->arn = function_arn(cfg->region, cfg->account_id, cfg->gateway ? fn.name : cfg->function_name,
			       fn.qualifier);
	return 0;
}

static int read_body(struct httpd_req *req, struct event *ev, struct invoke_error *error)
{
	if (httpd_req_body_state(req) == HTTPD_BODY_TOO_LARGE) {
		invoke_error_too_large(error, MAX_REQUEST_BODY);
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

struct event *invoke_request_read(const struct config *cfg, struct httpd_req *req, enum invoke_call call,
				  const char *name, size_t name_len, struct invoke_error *error)
{
	const char *type = call == CALL_INVOKE_ASYNC ? "Event" : httpd_req_header(req, "X-Amz-Invocation-Type");
	struct event *ev = event_new();

	if (read_name(cfg, req, name, name_len, ev, error) != 0 || event_set_type(ev, type, error) != 0 ||
	    event_set_log_type(ev, httpd_req_header(req, "X-Amz-Log-Type"), error) != 0 ||
	    event_set_client_context(ev, httpd_req_header(req, "X-Amz-Client-Context"), error) != 0 ||
	    event_set_tenant(ev, httpd_req_header(req, "X-Amz-Tenant-Id"), error) != 0 ||
	    read_body(req, ev, error) != 0) {
		event_unref(ev);
		return NULL;
	}
	if (ev->type == INVOKE_EVENT && call == CALL_STREAM) {
		invoke_error_set(
			error, 400, INVALID_PARAMETER, false,
			"Value 'Event' at 'invocationType' is not supported; expected RequestResponse or DryRun");
		event_unref(ev);
		return NULL;
	}
	if (ev->type == INVOKE_EVENT && !cfg->gateway && ev->body->len > MAX_EVENT_BODY) {
		invoke_error_event_too_large(error, ev->body->len, MAX_EVENT_BODY);
		event_unref(ev);
		return NULL;
	}
	event_set_trace(ev, httpd_req_header(req, "X-Amzn-Trace-Id"));
	return ev;
}
