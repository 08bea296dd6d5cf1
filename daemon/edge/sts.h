/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Security Token Service: temporary credentials for a role, and who one is. Calls end as edge/aws_call.h says. */
#ifndef EDGE_STS_H
#define EDGE_STS_H

#include "base/attr.h"

struct aws_call;
struct aws_caller;
struct aws_credentials;
struct err;

/* All borrowed for the call of the function. */
struct sts_role {
	const char *arn;
	const char *session_name; /* NULL = one is made up */
	const char *external_id;  /* NULL = none */
	const char *duration_s;	  /* decimal; NULL = the service's default */
};

/* creds is NULL on failure, then err says why. Both are borrowed. */
typedef void (*sts_fn)(void *ctx, struct aws_credentials *creds, const struct err *err);

/* source signs the request; the callback gets credentials whose source is "assume-role". */
struct aws_call *sts_assume_role(struct aws_caller *c, struct aws_credentials *source, const struct sts_role *role,
				 sts_fn fn, void *ctx) MUST_CHECK;
struct aws_call *sts_assume_role_with_web_identity(struct aws_caller *c, const struct sts_role *role,
						   const char *token, sts_fn fn, void *ctx) MUST_CHECK;

/* arn is NULL on failure. */
typedef void (*sts_identity_fn)(void *ctx, const char *arn, const struct err *err);
struct aws_call *sts_get_caller_identity(struct aws_caller *c, sts_identity_fn fn, void *ctx) MUST_CHECK;

#endif
