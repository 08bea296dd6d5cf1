/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an Invoke call asks for: its path, query and headers checked and turned into an event (AWS Lambda API reference,
 * "Invoke"). No reply is written here.
 */
#ifndef EDGE_INVOKE_REQUEST_H
#define EDGE_INVOKE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct config;
struct event;
struct httpd_req;

/* An error of the call itself, as AWS's error table has it. Strings other than text are static. */
struct invoke_error {
	int status;
	const char *type;   /* "ResourceNotFoundException" */
	bool capital;	    /* the member is "Message", else "message" */
	const char *reason; /* "Reason" of a throttle; NULL = none */
	char text[512];
};

struct invoke_request {
	bool dry_run;
	struct event *event; /* one reference, complete but for dry runs, where it has no body */
};

/* name: the raw path segment, NULL for the configured function. 0, or -1 with *error filled and no event. */
int invoke_request_read(const struct config *cfg, struct httpd_req *req, const char *name, size_t name_len,
			struct invoke_request *out, struct invoke_error *error) MUST_CHECK;

void invoke_error_set(struct invoke_error *e, int status, const char *type, bool capital, const char *fmt, ...)
	PRINTF(5, 6);

#endif
