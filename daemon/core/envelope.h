/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message that carries an event from a deployed function to the machine it is debugged on:
 *	{"event": <any JSON>, "ctx": {"request_id", "deadline", "invoked_function_arn", "xray_trace_id",
 *	 "client_context", "identity", "env_config": {"function_name", "memory", "version", "log_stream", "log_group"}}}
 * as the Rust runtime's Context is rendered by serde: the wire format of existing proxies. The bytes of "event" are
 * handed on as they stand in the text.
 */
#ifndef CORE_ENVELOPE_H
#define CORE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/json_scan.h"

struct buf;
struct event;

/* What a reader needs. Strings are owned, NULL = null or not there. */
struct envelope {
	struct json_slice event; /* borrowed from the text */
	char *request_id;
	uint64_t deadline_ms; /* 0 = none given */
	char *arn;
	char *trace_id;
	char *client_context;	/* JSON in ASCII, as AWS gives it to runtimes */
	char *cognito_identity; /* the same */
	const char *missing;	/* the first member that every proxy sends and this message lacks; NULL = none */
};

/* Accepts whatever can be made sense of: without "ctx", or with parts of it missing, those members are NULL. 0, or -1 with a
 * text of what is wrong and was expected (it is not an object, or has no "event"). */
int envelope_read(const char *text, size_t len, struct envelope *out, char *why, size_t why_size) MUST_CHECK;
void envelope_fini(struct envelope *e);

/* What the writer says of the function; all but the event's own members that are always there for older readers. */
struct envelope_function {
	const char *name;
	const char *version;
	const char *log_group;
	const char *log_stream;
	unsigned memory_mb;
};

/* Appends the message. ev: client_context and cognito_identity as the Runtime API gives them. */
void envelope_write(struct buf *out, const struct event *ev, int64_t deadline_ms,
		    const struct envelope_function *function);

#endif
