/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events that AWS makes of HTTP requests: function URLs and HTTP APIs (payload format 2.0), API Gateway's REST APIs
 * (1.0), Application Load Balancers. Formats: AWS Lambda developer guide, "Invoking function URLs" and "Using an Application
 * Load Balancer"; API Gateway developer guide, "Lambda integrations".
 */
#ifndef CORE_URL_EVENT_H
#define CORE_URL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;

enum url_payload {
	URL_PAYLOAD_2_0,
	URL_PAYLOAD_1_0,
	URL_PAYLOAD_ALB,
	URL_PAYLOAD_ALB_MULTI, /* a target group with multi-value headers */
	URL_PAYLOAD_COUNT,     // keep last
};

const char *url_payload_name(enum url_payload payload); /* "2.0", "1.0", "alb", "alb-multi" */
bool url_payload_parse(const char *text, enum url_payload *out) MUST_CHECK;

struct url_field {
	const char *name;
	const char *value;
};

/* All borrowed; as it was sent but for what is said here. */
struct url_request {
	const char *method;
	const char *path;  /* not percent-decoded */
	const char *query; /* the same, without '?'; "" = none */
	const struct url_field *headers;
	size_t header_count;
	const char *body;
	size_t body_len;
	const char *source_ip;
	unsigned port; /* that it came in by */
	const char *request_id;
	const char *trace_id;
	const char *function;
	const char *account_id;
	const char *region;
	int64_t now_ms; /* wall clock */
};

/* Appends the JSON. Bodies that are not text by the format's rules are base64. */
void url_event_write(enum url_payload payload, const struct url_request *req, struct buf *out);

/* First header of that name, any case; NULL = none. */
const char *url_request_header(const struct url_request *req, const char *name);

#endif
