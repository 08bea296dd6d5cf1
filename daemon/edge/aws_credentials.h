/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials as the AWS SDKs find them: environment, profile files (keys, assume-role, web identity, SSO,
 * credential_process), container endpoint, instance metadata. The first source that is configured counts; when it fails
 * there is no looking further, so that nobody works under another identity than he believes.
 *
 * What was found is kept. 15 minutes before it expires a new walk begins in the background while the old ones go on
 * being used; in the last 10 minutes callers wait for the new ones, and take the old if that fails and they are still
 * valid. Any number of callers share one walk; a failure is remembered for a moment, longer each time.
 */
#ifndef EDGE_AWS_CREDENTIALS_H
#define EDGE_AWS_CREDENTIALS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"

struct aws_settings;
struct children;
struct err;
struct httpc;
struct loop;

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

/* All copied. token may be NULL; source is a literal. */
struct aws_credentials *aws_credentials_new(const char *access_key_id, const char *secret, const char *token,
					    int64_t expires_ms, const char *source) MUST_CHECK;
struct aws_credentials *aws_credentials_ref(struct aws_credentials *c);
void aws_credentials_unref(struct aws_credentials *c); /* NULL is fine */

struct aws_chain_deps {
	struct loop *loop;
	struct httpc *http;
	struct children *children; /* NULL: credential_process is refused */
	const struct aws_settings *settings;
	const char *region; /* for STS */
};

struct aws_chain;

/* creds is NULL on failure, then err says what failed. Both are borrowed. */
typedef void (*aws_chain_fn)(void *ctx, struct aws_credentials *creds, const struct err *err);

/* Embedded in whoever waits. */
struct aws_chain_wait {
	aws_chain_fn fn;
	void *ctx;
	/* private */
	struct list link;
};

struct aws_chain *aws_chain_new(const struct aws_chain_deps *deps) MUST_CHECK;
void aws_chain_free(struct aws_chain *chain); /* no callbacks any more; NULL is fine */

void aws_chain_wait_init(struct aws_chain_wait *w, aws_chain_fn fn, void *ctx);
/* Calls back once, always in a later turn of the loop or when the walk ends, never from inside. */
void aws_chain_get(struct aws_chain *chain, struct aws_chain_wait *w);
void aws_chain_cancel(struct aws_chain_wait *w); /* idempotent */
/* The service did not take these (ExpiredToken ...): they are not handed out again, unless a new walk finds the same. */
void aws_chain_reject(struct aws_chain *chain, const struct aws_credentials *creds);

#endif
