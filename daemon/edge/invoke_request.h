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
struct httpd_req;

/* name: the raw path segment, NULL for the configured function. streamed: as InvokeWithResponseStream has it. One reference, or NULL with *error filled. */
struct event *invoke_request_read(const struct config *cfg, struct httpd_req *req, const char *name, size_t name_len,
				  bool streamed, struct invoke_error *error) MUST_CHECK;

#endif
