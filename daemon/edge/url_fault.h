/* SPDX-License-Identifier: Apache-2.0 */
/* What a function URL, a REST API and a load balancer answer in place of a function, each in its own words. */
#ifndef EDGE_URL_FAULT_H
#define EDGE_URL_FAULT_H

#include "base/attr.h"
#include "core/url_event.h"

struct blob;
struct url_fields;

enum url_fault {
	URL_FAULT_FUNCTION, /* it failed, or its answer was not understood */
	URL_FAULT_THROTTLED,
	URL_FAULT_TOO_LARGE, /* the request */
	URL_FAULT_TRUNCATED, /* the same */
	URL_FAULT_ENDING,    /* the daemon */
	URL_FAULT_COUNT,     // keep last
};

/* The status; adds headers and makes the body. */
int url_fault_answer(enum url_payload payload, enum url_fault fault, struct url_fields *headers,
		     struct blob **body) MUST_CHECK;

#endif
