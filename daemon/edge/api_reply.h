/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that the APIs on a runtime's own listener (Runtime, Extensions, Telemetry) have in common, in AWS's bytes. */
#ifndef EDGE_API_REPLY_H
#define EDGE_API_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/instance.h"

struct httpd_req;
struct route_match;

#define JSON_TYPE "application/json"

/* body: static text. */
void api_reply_text(struct httpd_req *req, int status, const char *type, const char *body);
/* 202 {"status":"OK"} */
void api_reply_accepted(struct httpd_req *req);
/* {"errorMessage":..,"errorType":..} */
void api_reply_error(struct httpd_req *req, int status, const char *type, const char *message);
/* 403 InvalidStateTransition of a runtime */
void api_reply_bad_state(struct httpd_req *req, enum rt_state from, const char *to);
/* 400 TruncatedHTTPRequest */
void api_reply_truncated(struct httpd_req *req);
/* 413 RequestEntityTooLarge; max: what a body may have. */
void api_reply_too_large(struct httpd_req *req, size_t max);
/* One of the two if the body is not all there; false: it is, req is as it was. */
bool api_reply_cut_body(struct httpd_req *req, size_t max);
/* 404 or 405, for what did not match a route. */
void api_reply_no_route(struct httpd_req *req, const struct route_match *m);

#endif
