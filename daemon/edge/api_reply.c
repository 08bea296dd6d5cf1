/* SPDX-License-Identifier: Apache-2.0 */
/* Common replies of the APIs on a runtime's listener. */
#include "edge/api_reply.h"

#include <stdio.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/text.h"
#include "io/httpd.h"
#include "io/route.h"

void api_reply_text(struct httpd_req *req, int status, const char *type, const char *body)
{
	const struct httpd_header headers[] = { { "Content-Type", type } };

	httpd_reply(req, status, headers, countof(headers), blob_static(body));
}

void api_reply_accepted(struct httpd_req *req)
{
	api_reply_text(req, 202, JSON_TYPE, "{\"status\":\"OK\"}\n");
}

void api_reply_error(struct httpd_req *req, int status, const char *type, const char *message)
{
	const struct httpd_header headers[] = { { "Content-Type", JSON_TYPE } };
	struct buf out = BUF_INIT;

	buf_puts(&out, "{\"errorMessage\":");
	text_json_string(&out, message, strlen(message));
	buf_printf(&out, ",\"errorType\":\"%s\"}\n", type);
	httpd_reply(req, status, headers, countof(headers), buf_to_blob(&out));
}

void api_reply_truncated(struct httpd_req *req)
{
	api_reply_error(req, 400, "TruncatedHTTPRequest", "HTTP request detected as truncated");
}

void api_reply_too_large(struct httpd_req *req, size_t max)
{
	char text[80];

	snprintf(text, sizeof(text), "Exceeded maximum allowed payload size (%zu bytes).", max);
	api_reply_error(req, 413, "RequestEntityTooLarge", text);
}

bool api_reply_cut_body(struct httpd_req *req, size_t max)
{
	switch (httpd_req_body_state(req)) {
	case HTTPD_BODY_OK:
		return false;
	case HTTPD_BODY_TRUNCATED:
		api_reply_truncated(req);
		return true;
	case HTTPD_BODY_TOO_LARGE:
		api_reply_too_large(req, max);
		return true;
	}
	return false;
}

void api_reply_bad_state(struct httpd_req *req, enum rt_state from, const char *to)
{
	char text[160];

	snprintf(text, sizeof(text),
		 "State transition from %s to %s failed for runtime. Error: State transition is not allowed",
		 rt_state_name(from), to);
	api_reply_error(req, 403, "InvalidStateTransition", text);
}

void api_reply_no_route(struct httpd_req *req, const struct route_match *m)
{
	const struct httpd_header allow[] = { { "Allow", m->allow } };
	const struct httpd_header headers[] = {
		{ "Content-Type", "text/plain; charset=utf-8" },
		{ "X-Content-Type-Options", "nosniff" },
	};

	if (m->result == ROUTE_WRONG_METHOD) {
		httpd_reply(req, 405, allow, countof(allow), NULL);
	} else {
		httpd_reply(req, 404, headers, countof(headers), blob_static("404 page not found\n"));
	}
}
