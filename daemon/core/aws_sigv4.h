/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4 of a POST without a query, as SQS, STS, Lambda's Invoke and their like take it. Pure: the time is an argument,
 * so that a wrong local clock can be corrected; libcurl's own signing would always take the local one.
 */
#ifndef CORE_AWS_SIGV4_H
#define CORE_AWS_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;

#define AWS_DATE_LEN 17 /* "20150830T123600Z" and NUL */

struct aws_sign_args {
	const char *access_key_id;
	const char *secret;
	const char *token; /* NULL = none */
	const char *region;
	const char *service;
	const char *host;	    /* as in the Host header */
	const char *path;	    /* as on the request line; "" means "/" */
	const char *content_type;   /* no blanks but single ones */
	const char *target;	    /* X-Amz-Target; NULL = none */
	const char *client_context; /* X-Amz-Client-Context; the same */
	const char *log_type;	    /* X-Amz-Log-Type; the same */
	const void *body;
	size_t body_len;
	int64_t time_ms;
};

/* Writes the value of X-Amz-Date and appends that of Authorization. The request must carry all of these and
 * X-Amz-Security-Token when there is a token. */
void aws_sign(const struct aws_sign_args *args, char date[AWS_DATE_LEN], struct buf *authorization);

#endif
