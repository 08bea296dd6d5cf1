/* SPDX-License-Identifier: Apache-2.0 */
/* AWS credentials as a value, and how one waits for them. Where they come from: edge/aws_chain.h. */
#ifndef EDGE_AWS_CREDENTIALS_H
#define EDGE_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"

struct err;
struct json;

/* Immutable, shared by reference count, wiped when the last reference goes. */
struct aws_credentials {
	char *access_key_id;
	char *secret;
	char *token;	    /* NULL = none */
	int64_t expires_ms; /* wall clock; 0 = never */
	const char *source; /* where they come from, for a log: "environment", "profile", ... */
	/* private */
	unsigned refs;
};

/* All copied; token NULL or "" = none; source is a literal. NULL with the reason when a part is missing or has a blank or
 * control character: nothing like that can be sent, and a line break at the end is a common accident. */
struct aws_credentials *aws_credentials_new(const char *access_key_id, const char *secret, const char *token,
					    int64_t expires_ms, const char *source, struct err *err) MUST_CHECK;
struct aws_credentials *aws_credentials_ref(struct aws_credentials *c); /* NULL is fine */
void aws_credentials_unref(struct aws_credentials *c);			/* NULL is fine */

/* ISO 8601 with Z or an offset, fractions of seconds allowed. false: it is not. */
bool aws_credentials_time(const char *s, int64_t *ms) MUST_CHECK;

/* From a document with AccessKeyId, SecretAccessKey, a token of the given name, Expiration. */
struct aws_credentials *aws_credentials_from_json(const struct json *doc, const char *token_name, const char *source,
						  struct err *err) MUST_CHECK;

/* creds is NULL on failure, then err says what failed. Both are borrowed. */
typedef void (*aws_wait_fn)(void *ctx, struct aws_credentials *creds, const struct err *err);

/* Embedded in whoever waits. Unlinking it (list_unlink) ends the wait. */
struct aws_wait {
	aws_wait_fn fn;
	void *ctx;
	struct list link;
};

/* A place that hands out credentials. get: calls back once, never from inside. reject: the service did not take these. */
struct aws_provider {
	void (*get)(void *ctx, struct aws_wait *wait);
	void (*reject)(void *ctx, const struct aws_credentials *creds);
	void *ctx;
};

#endif
