/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the machinery in front of functions. */
#include "edge/url_fault.h"

#include "base/blob.h"
#include "base/buf.h"
#include "core/url_fields.h"
#include "edge/config.h"
#include "edge/invoke_error.h"

/* A load balancer has 502 for all that goes wrong behind it. */
static const struct answer {
	int status;
	int alb_status;
	const char *type;
	const char *message; /* of a REST API */
	const char *phrase;
} answers[URL_FAULT_COUNT] = {
	[URL_FAULT_FUNCTION] = { 502, 502, "InternalServerErrorException", "Internal server error", "Bad Gateway" },
	[URL_FAULT_THROTTLED] = { 429, 502, "TooManyRequestsException", "Too Many Requests", "Bad Gateway" },
	[URL_FAULT_TOO_LARGE] = { 413, 413, "RequestEntityTooLargeException", "Request Too Long",
				  "Request Entity Too Large" },
	[URL_FAULT_TRUNCATED] = { 400, 400, "BadRequestException", "Bad Request", "Bad Request" },
	[URL_FAULT_ENDING] = { 503, 503, "ServiceException", "Service Unavailable",
			       "Service Temporarily Unavailable" },
};

static void function_url_document(enum url_fault fault, struct buf *out)
{
	const struct answer *a = &answers[fault];
	struct invoke_error e;

	switch (fault) {
	case URL_FAULT_FUNCTION:
		buf_puts(out, "Internal Server Error");
		return;
	case URL_FAULT_THROTTLED:
		invoke_error_set(&e, a->status, a->type, false, "Rate Exceeded.");
		e.reason = "ConcurrentInvocationLimitExceeded";
		break;
	case URL_FAULT_TOO_LARGE:
		invoke_error_too_large(&e, MAX_REQUEST_BODY);
		break;
	case URL_FAULT_TRUNCATED:
	case URL_FAULT_ENDING:
	case URL_FAULT_COUNT:
		invoke_error_set(&e, a->status, a->type, true, "%s", a->message);
		break;
	}
	invoke_error_body(&e, out);
}

int url_fault_answer(enum url_payload payload, enum url_fault fault, struct url_fields *headers, struct blob **body)
{
	const struct answer *a = &answers[fault];
	struct buf text = BUF_INIT;

	if (payload == URL_PAYLOAD_ALB || payload == URL_PAYLOAD_ALB_MULTI) {
		buf_printf(
			&text,
			"<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d %s</h1></center>\r\n"
			"</body>\r\n</html>\r\n",
			a->alb_status, a->phrase, a->alb_status, a->phrase);
		url_fields_add(headers, "Content-Type", "text/html");
		*body = buf_to_blob(&text);
		return a->alb_status;
	}
	if (payload == URL_PAYLOAD_1_0) {
		buf_printf(&text, "{\"message\": \"%s\"}", a->message);
	} else {
		function_url_document(fault, &text);
	}
	url_fields_add(headers, "Content-Type", "application/json");
	url_fields_add(headers, "x-amzn-ErrorType", a->type);
	if (a->status == 429 || a->status == 503) {
		url_fields_add(headers, "Retry-After", "1");
	}
	*body = buf_to_blob(&text);
	return a->status;
}
