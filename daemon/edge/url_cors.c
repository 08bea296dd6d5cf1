/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read the responses of a function URL. */
#include "edge/url_cors.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "core/url_fields.h"
#include "edge/url_settings.h"
#include "io/httpd.h"

/* Is it in the list "a, b" or is that *? */
static bool is_listed(const char *list, const char *what)
{
	if (list == NULL) {
		return false;
	}
	while (*list != '\0') {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if ((len == 1 && *list == '*') || (len == strlen(what) && strncasecmp(list, what, len) == 0)) {
			return true;
		}
		list += len;
	}
	return false;
}

/* NULL: none, or not an allowed one. */
static const char *allowed_origin(const struct url_settings *s, const struct httpd_req *req)
{
	const char *origin = httpd_req_header(req, "Origin");

	return origin != NULL && is_listed(s->cors_origins, origin) ? origin : NULL;
}

bool url_cors_is_preflight(const struct url_settings *s, const struct httpd_req *req)
{
	return s->cors_origins != NULL && strcmp(httpd_req_method(req), "OPTIONS") == 0 &&
	       httpd_req_header(req, "Origin") != NULL &&
	       httpd_req_header(req, "Access-Control-Request-Method") != NULL;
}

/* The origin by name, also where all are allowed: with credentials browsers do not take a *. */
static void add_origin(const struct url_settings *s, const char *origin, struct url_fields *headers)
{
	url_fields_add(headers, "Access-Control-Allow-Origin", origin);
	if (s->cors_credentials) {
		url_fields_add(headers, "Access-Control-Allow-Credentials", "true");
	}
}

void url_cors_answer(const struct url_settings *s, const struct httpd_req *req, struct url_fields *headers)
{
	const char *origin = allowed_origin(s, req);
	const char *method = httpd_req_header(req, "Access-Control-Request-Method");
	const char *asked = httpd_req_header(req, "Access-Control-Request-Headers");
	char age[24];

	url_fields_add(headers, "Vary", "Origin");
	if (origin == NULL) {
		return;
	}
	add_origin(s, origin, headers);
	url_fields_add(headers, "Access-Control-Allow-Methods",
		       is_listed(s->cors_methods, method) ? method : s->cors_methods);
	if (s->cors_headers != NULL) {
		bool any = strcmp(s->cors_headers, "*") == 0 && asked != NULL;

		url_fields_add(headers, "Access-Control-Allow-Headers", any ? asked : s->cors_headers);
	}
	if (s->cors_max_age_s > 0) {
		snprintf(age, sizeof(age), "%llu", (unsigned long long)s->cors_max_age_s);
		url_fields_add(headers, "Access-Control-Max-Age", age);
	}
}

void url_cors_add(const struct url_settings *s, const struct httpd_req *req, struct url_fields *headers)
{
	static const char *const ours[] = { "Access-Control-Allow-Origin",   "Access-Control-Allow-Credentials",
					    "Access-Control-Allow-Methods",  "Access-Control-Allow-Headers",
					    "Access-Control-Expose-Headers", "Access-Control-Max-Age" };
	const char *origin = allowed_origin(s, req);

	if (s->cors_origins == NULL) {
		return;
	}
	for (size_t i = 0; i < countof(ours); i++) {
		url_fields_remove(headers, ours[i]);
	}
	url_fields_add(headers, "Vary", "Origin");
	if (origin == NULL) {
		return;
	}
	add_origin(s, origin, headers);
	if (s->cors_expose != NULL) {
		url_fields_add(headers, "Access-Control-Expose-Headers", s->cors_expose);
	}
}
