/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jansson behind a few functions. Events and responses are never parsed: this is for error documents, for what the
 * Invoke API requires to be JSON, and for reading the replies of other services.
 */
#ifndef IO_JSON_H
#define IO_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct blob;
struct err;

bool json_text_is_valid(const char *data, size_t len); /* any JSON value */
bool json_text_is_object(const char *data, size_t len);

/* Of an error document with a cause (application/vnd.aws.lambda.error.cause+json) the part that callers see:
 * errorMessage, errorType and stackTrace. NULL: it is not a JSON object. */
struct blob *json_without_error_cause(const char *data, size_t len) MUST_CHECK;

/* --- reading documents --- */

struct json; /* a value; what the readers below return is borrowed from the document */

struct json *json_doc_read(const char *data, size_t len) MUST_CHECK; /* NULL = not JSON; else json_doc_free() */
void json_doc_free(struct json *doc);				     /* NULL is fine */
void json_doc_wipe(struct json *doc); /* the same, for documents with secrets: no string stays in memory */

enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT
};
enum json_kind json_kind_of(const struct json *value); /* not of NULL */

/* Each takes NULL and values of another type for "nothing there". */
const struct json *json_member(const struct json *object, const char *name);
const struct json *json_item(const struct json *array, size_t index);
size_t json_count(const struct json *array); /* items, or members of an object; 0 for all else */
/* A string's UTF-8, NUL terminated (it may hold others); NULL = not a string. len may be NULL. */
const char *json_string_of(const struct json *value, size_t *len);
const char *json_member_string(const struct json *object, const char *name);
bool json_integer_of(const struct json *value, int64_t *out);

typedef void (*json_member_fn)(void *ctx, const char *name, const struct json *value);
void json_each_member(const struct json *object, json_member_fn fn, void *ctx); /* in the document's order */

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
