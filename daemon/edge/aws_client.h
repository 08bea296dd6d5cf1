/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS for a program: reads the SDKs' environment variables and profile files, finds credentials, calls services.
 * Everything happens on the loop; nothing blocks.
 *
 *	struct aws *aws = aws_new(&deps, &err);		one per program, when it is needed: it initialises TLS
 *	struct sqs *sqs = sqs_new(aws);
 *	call = sqs_receive(sqs, &args, on_messages, me);	or cancel it with aws_call_cancel(call)
 *
 * How calls end and are cancelled: edge/aws_call.h.
 */
#ifndef EDGE_AWS_CLIENT_H
#define EDGE_AWS_CLIENT_H

#include <stdbool.h>

#include "base/attr.h"
#include "edge/aws_call.h"
#include "edge/aws_credentials.h"

struct aws;
struct children;
struct guard;
struct loop;

struct aws_deps {
	struct loop *loop;
	struct children *children; /* for credential_process; NULL: that one is refused with an error */
	struct guard *guard;	   /* watches those commands; NULL = none */
	const char *region;	   /* when neither the environment nor the profile names one; NULL = us-east-1 */
};

/* NULL with the reason: something in the environment or the profile files is not as it should be. */
struct aws *aws_new(const struct aws_deps *deps, struct err *err) MUST_CHECK;
/* Cancels what is under way, without callbacks; not from inside a callback; NULL is fine. */
void aws_free(struct aws *aws);
const char *aws_region(const struct aws *aws);
struct aws_caller *aws_caller_of(struct aws *aws);
/* Asks for credentials, for programs that want to say early that there are none. list_unlink(&wait->link) ends it. */
void aws_get_credentials(struct aws *aws, struct aws_wait *wait);

#endif
