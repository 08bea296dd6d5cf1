/* SPDX-License-Identifier: Apache-2.0 */
/* What an AWS service says when it refuses: JSON (SQS, SSO) or XML (STS). Bounded, one line, nothing of ours in it. */
#ifndef EDGE_AWS_ERROR_H
#define EDGE_AWS_ERROR_H

#include <stddef.h>

struct aws_error {
	char code[128];	   /* "QueueDoesNotExist"; "" = the body names none */
	char message[256]; /* first line of it; "" = none */
};

/* body is NUL terminated. header: the value of x-amzn-ErrorType or x-amzn-query-error, for bodies that name no code; NULL = none. */
void aws_error_parse(struct aws_error *e, const char *body, size_t len, const char *header);

#endif
