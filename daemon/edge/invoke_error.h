/* SPDX-License-Identifier: Apache-2.0 */
/* An error of an Invoke call itself, not of the function, as the error table of the AWS Lambda API reference ("Invoke") has it. */
#ifndef EDGE_INVOKE_ERROR_H
#define EDGE_INVOKE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;

#define INVALID_PARAMETER "InvalidParameterValueException"
#define INVALID_CONTENT "InvalidRequestContentException"

/* Strings other than text are static. */
struct invoke_error {
	int status;
	const char *type;   /* "ResourceNotFoundException" */
	bool capital;	    /* the member is "Message", else "message" */
	const char *reason; /* "Reason" of a throttle; NULL = none */
	char text[512];
};

void invoke_error_set(struct invoke_error *e, int status, const char *type, bool capital, const char *fmt, ...)
	PRINTF(5, 6);
/* A value that does not satisfy the API's constraint on it. Returns -1. */
int invoke_error_bad_value(struct invoke_error *e, const char *what, const char *value);
void invoke_error_too_large(struct invoke_error *e, size_t max);
void invoke_error_event_too_large(struct invoke_error *e, size_t size, size_t max);

/* Appends the JSON document. */
void invoke_error_body(const struct invoke_error *e, struct buf *out);

#endif
