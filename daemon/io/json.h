/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jansson behind a few functions. Events and responses are never parsed: this is for error documents and for what the
 * Invoke API requires to be JSON.
 */
#ifndef IO_JSON_H
#define IO_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct blob;
struct err;

bool json_text_is_valid(const char *data, size_t len); /* any JSON value */
bool json_text_is_object(const char *data, size_t len);

/* Of an error document with a cause (application/vnd.aws.lambda.error.cause+json) the part that callers see:
 * errorMessage, errorType and stackTrace. NULL: it is not a JSON object. */
struct blob *json_without_error_cause(const char *data, size_t len) MUST_CHECK;

struct json_strings {
	char **items;
	size_t count;
};

/* The array of strings that is the member `name` of an object; absent or null = empty. -1: the text is not an object, or
 * the member is something else; what is in err. */
int json_strings_of(const char *data, size_t len, const char *name, struct json_strings *out,
		    struct err *err) MUST_CHECK;
void json_strings_free(struct json_strings *s);

#endif
