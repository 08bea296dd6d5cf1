/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross-origin rules of a function URL (AWS Lambda developer guide, "Cross-origin resource sharing (CORS)"): preflights are
 * answered without the function, and the headers of what it answers are the URL's.
 */
#ifndef EDGE_URL_CORS_H
#define EDGE_URL_CORS_H

#include <stdbool.h>

struct httpd_req;
struct url_fields;
struct url_settings;

/* A browser asks whether it may send what it is about to. false where the function answers for itself. */
bool url_cors_is_preflight(const struct url_settings *s, const struct httpd_req *req);
/* Adds the answer's headers; none for an origin that is not allowed. */
void url_cors_answer(const struct url_settings *s, const struct httpd_req *req, struct url_fields *headers);
/* Replaces what the function said about it. */
void url_cors_add(const struct url_settings *s, const struct httpd_req *req, struct url_fields *headers);

#endif
