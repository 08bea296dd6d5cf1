/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of an AWS service with all that belongs to it: endpoint, credentials, signature, retries with back-off and
 * jitter, clock skew, errors. Service layers (edge/sqs.h, edge/sts.h) are thin on top; programs use edge/aws_client.h.
 *
 * A call ends in exactly one of two ways: its callback runs once (never from inside the function that starts it), or its
 * owner cancels it; after either the handle is gone.
 */
#ifndef EDGE_AWS_CALL_H
#define EDGE_AWS_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct aws_call;
struct aws_caller;
struct aws_credentials;
struct aws_profiles;
struct aws_provider;
struct aws_settings;
struct blob;
struct buf;
struct err;
struct httpc;
struct loop;

enum aws_trouble {
	AWS_REFUSED,	    /* the service answered with an error; code says which */
	AWS_UNREACHABLE,    /* no connection, no complete answer, or not in time */
	AWS_NO_CREDENTIALS, /* none found, or their source failed */
	AWS_BAD_REPLY,	    /* an answer that is not what the service is known to send */
};

/* Why a call failed, after all its retries. Borrowed for the callback. */
struct aws_failure {
	enum aws_trouble trouble;
	int status;	   /* HTTP status; 0 = none */
	char code[128];	   /* AWS_REFUSED: "QueueDoesNotExist", "AccessDeniedException", ...; never empty */
	char message[512]; /* one line: what was asked of whom and what came back. No secrets */
	bool transient;	   /* trying again later makes sense without changing anything */
	bool maybe_done;   /* the service may have carried it out all the same */
};

/* Cancelling does not undo: what the service has got it will do. A message that a cancelled sqs_receive() was about to
 * bring comes back when its visibility timeout ends. */
void aws_call_cancel(struct aws_call *call); /* NULL is fine */

/* --- for the service layers --- */

struct aws_caller_deps {
	struct loop *loop;
	struct httpc *http;
	const struct aws_settings *settings;
	const struct aws_profiles *profiles;
	const char *region; /* copied */
};

/* NULL with the reason: an endpoint or AWS_MAX_ATTEMPTS is not what it should be. */
struct aws_caller *aws_caller_new(const struct aws_caller_deps *deps, struct err *err) MUST_CHECK;
void aws_caller_free(struct aws_caller *c); /* cancels what is under way, without callbacks; NULL is fine */
/* Where calls without credentials of their own get them. Copied. */
void aws_caller_set_provider(struct aws_caller *c, const struct aws_provider *provider);
const char *aws_caller_region(const struct aws_caller *c);

struct aws_request {
	const char *service;		     /* "sqs": name in the signature and in host names */
	const char *region;		     /* NULL = aws_caller_region() */
	const char *operation;		     /* for texts: "ReceiveMessage"; a literal */
	const char *target;		     /* X-Amz-Target; NULL = none; a literal */
	const char *content_type;	     /* a literal */
	struct blob *body;		     /* moved */
	struct aws_credentials *credentials; /* to sign with; NULL = those of the provider */
	bool anonymous;			     /* no credentials, no signature */
	int64_t timeout_us;		     /* of one attempt; 0 = 30 s */
	size_t max_reply;		     /* 0 = 1 MiB */
	void (*free_ctx)(void *ctx);	     /* after the callback or the cancellation; NULL = nothing to free */
};

/* failure is NULL and body the reply's (status 2xx), or failure says why not and body is NULL. Both are borrowed; body
 * may be moved out. */
typedef void (*aws_call_fn)(void *ctx, const struct aws_failure *failure, struct buf *body);

struct aws_call *aws_call_start(struct aws_caller *c, const struct aws_request *req, aws_call_fn fn,
				void *ctx) MUST_CHECK;

/* For a service layer that cannot read a reply. */
void aws_failure_bad_reply(struct aws_failure *f, const char *service, const char *operation, const char *what);

#endif
