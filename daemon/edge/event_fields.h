/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of an invocation that travel as strings beside the body, in HTTP headers or in headers of AMQP messages: checked
 * and put into the event (AWS Lambda API reference, "Invoke"). text NULL = the header was not there.
 */
#ifndef EDGE_EVENT_FIELDS_H
#define EDGE_EVENT_FIELDS_H

#include "base/attr.h"
#include "core/invocation.h"
#include "edge/invoke_error.h"

/* All: 0, or -1 with *error filled. */
int event_set_type(struct event *ev, const char *text, struct invoke_error *error) MUST_CHECK;
int event_set_log_type(struct event *ev, const char *text, struct invoke_error *error) MUST_CHECK;
int event_set_client_context(struct event *ev, const char *text, struct invoke_error *error) MUST_CHECK;
int event_set_tenant(struct event *ev, const char *text, struct invoke_error *error) MUST_CHECK;
/* One is made up if none was given, or one without a root or longer than this; AWS's own stay below 300 bytes. */
#define TRACE_MAX ((size_t)1024)
void event_set_trace(struct event *ev, const char *given);

#endif
