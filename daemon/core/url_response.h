/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What functions return for HTTP requests, as HTTP responses: the other half of core/url_event.h. Same references; for the
 * streamed form: AWS Lambda developer guide, "Response streaming".
 */
#ifndef CORE_URL_RESPONSE_H
#define CORE_URL_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "core/url_event.h"
#include "core/url_fields.h"

struct blob;
struct err;

/* What a response with a prelude is declared to be. */
#define URL_INTEGRATION_TYPE "application/vnd.awslambda.http-integration-response"
/* Bytes of names and values of all headers; more than API Gateway takes. */
#define URL_HEADERS_MAX ((size_t)24 * 1024)

struct url_response {
	int status;		   /* 200..599 */
	struct url_fields headers; /* checked; without those that are the server's own business */
	struct blob *body;	   /* NULL = none */
};

/* The function's result. 0, or -1 with what is wrong with it; out can be finished in either case. */
int url_response_read(enum url_payload payload, struct blob *result, struct url_response *out,
		      struct err *err) MUST_CHECK;
/* A prelude: statusCode, headers, multiValueHeaders and cookies only. The default content type is type. */
int url_response_read_prelude(const char *json, size_t len, const char *type, struct url_response *out,
			      struct err *err) MUST_CHECK;
void url_response_fini(struct url_response *r);

/* The prelude of a response as it arrives: JSON, then eight NULs, then the body. */
struct url_prelude {
	struct buf json;
	/* private */
	unsigned nuls;
};

enum url_prelude_state { URL_PRELUDE_MORE, URL_PRELUDE_DONE, URL_PRELUDE_BAD };

void url_prelude_init(struct url_prelude *p);
void url_prelude_fini(struct url_prelude *p);
/* *used: how many of the bytes belong to the prelude; once it is DONE the rest is body. BAD: it is none. */
enum url_prelude_state url_prelude_feed(struct url_prelude *p, const char *data, size_t len, size_t *used);

#endif
