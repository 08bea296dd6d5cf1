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
#include "edge/invoke_error.h"

struct config;
struct event;
struct function_name;
struct httpd_req;

/* Operations of the Invoke API. */
enum invoke_call {
	CALL_INVOKE,
	CALL_INVOKE_ASYNC, /* of 2014-11-13: the type is Event */
	CALL_STREAM,	   /* InvokeWithResponseStream: the type cannot be Event */
};

/* name: the raw path segment, NULL for the configured function. One reference, or NULL with *error filled. */
struct event *invoke_request_read(const struct config *cfg, struct httpd_req *req, enum invoke_call call,
				  const char *name, size_t name_len, struct invoke_error *error) MUST_CHECK;

/* Which function is meant, and is it ours? 0, or -1 with *error filled. */
int invoke_request_read_name(const struct config *cfg, struct httpd_req *req, const char *raw, size_t raw_len,
			     struct function_name *fn, struct invoke_error *error) MUST_CHECK;

#endif
