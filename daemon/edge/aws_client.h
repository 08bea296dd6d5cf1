/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of AWS services: endpoint and region, credentials, SigV4, retries with back-off and jitter, clock skew, errors.
 * Each service (edge/sqs.h, edge/sts.h) is a thin layer on this. Everything happens on the loop; nothing blocks.
 *
 *	struct aws *aws = aws_new(&deps, &err);		one per program
 *	struct sqs *sqs = sqs_new(aws);
 *	call = sqs_receive(sqs, &args, on_messages, me);	or cancel it with aws_call_cancel(call)
 *
 * A call ends in exactly one of two ways: its callback runs once (never from inside the function that starts it), or its
 * owner cancels it; after either the handle is gone.
 */
#ifndef EDGE_AWS_CLIENT_H
#define EDGE_AWS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

struct aws;
struct aws_call;
struct aws_credentials;
struct blob;
struct children;
struct err;
struct loop;

struct aws_deps {
	struct loop *loop;
	struct children *children; /* for credential_process; NULL: that one is refused with an error */
	const char *region;	   /* when neither the environment nor the profile names one; NULL = us-east-1 */
};

/* Reads the environment and the profile files. */
struct aws *aws_new(const struct aws_deps *deps, struct err *err) MUST_CHECK; /* NULL with the reason */
void aws_free(struct aws *aws); /* cancels what is under way, without callbacks; NULL is fine */
const char *aws_region(const struct aws *aws);

enum aws_trouble {
	AWS_REFUSED,	    /* the service answered with an error; code says which */
	AWS_UNREACHABLE,    /* no connection, no complete answer, or not in time; or 5xx to the last attempt */
	AWS_NO_CREDENTIALS, /* none found, or their source failed */
	AWS_BAD_REPLY,	    /* an answer that is not what the service is known to send */
};

/* Why a call failed, after all its retries. Borrowed for the callback. */
struct aws_failure {
	enum aws_trouble trouble;
	int status;	   /* HTTP status, 0 = none */
	char code[128];	   /* AWS_REFUSED: "QueueDoesNotExist", "AccessDeniedException", ...; never empty */
	char message[384]; /* one line: what was asked of whom and what came back. No secrets */
	bool transient;	   /* trying again later makes sense without changing anything */
	bool maybe_done;   /* the service may have carried it out all the same */
};

/* Cancelling does not undo: what the service has got it will do. A message that a cancelled sqs_receive() was about to
 * bring comes back when its visibility timeout ends. */
void aws_call_cancel(struct aws_call *call); /* NULL is fine */

/* --- for the service layers --- */

struct aws_service {
	const char *id;	    /* "sqs": name in the signature and in host names */
	const char *region; /* NULL = aws_region() */
};

struct aws_request {
	struct aws_service service;
	const char *operation; /* for texts: "ReceiveMessage" */
	const char *target;    /* X-Amz-Target; NULL = none */
	const char *content_type;
	struct blob *body;		     /* moved */
	struct aws_credentials *credentials; /* to sign with; NULL = those of the chain */
	bool unsigned_;			     /* no credentials, no signature */
	int64_t timeout_us;		     /* of one attempt; 0 = 60 s */
	unsigned attempts;		     /* 0 = AWS_MAX_ATTEMPTS, else 3 */
	size_t max_reply;		     /* 0 = 1 MiB */
};

/* failure is NULL and body the reply's (status 2xx), or failure says why not and body is NULL. */
typedef void (*aws_fn)(void *ctx, const struct aws_failure *failure, struct buf *body);

struct aws_call *aws_start(struct aws *aws, struct aws_request *req, aws_fn fn, void *ctx) MUST_CHECK;

#endif
