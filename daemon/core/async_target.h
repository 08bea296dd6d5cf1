/* SPDX-License-Identifier: Apache-2.0 */
/* Where results of asynchronous invocations go: what the values of ASYNC_ON_SUCCESS and its kin mean. */
#ifndef CORE_ASYNC_TARGET_H
#define CORE_ASYNC_TARGET_H

#include <stdbool.h>

#include "base/attr.h"

#define ASYNC_TARGET_EXPECTED                                                                                        \
	"the URL or ARN of an SQS queue, an Invoke URL (http://HOST/2015-03-31/functions/NAME/invocations), "        \
	"amqp:QUEUE or file:PATH"

enum async_target_kind {
	ASYNC_TO_SQS,	   /* text: queue URL */
	ASYNC_TO_SQS_ARN,  /* region, account, text: its name */
	ASYNC_TO_FUNCTION, /* text: URL of an Invoke API */
	ASYNC_TO_AMQP,	   /* text: queue */
	ASYNC_TO_FILE,	   /* text: path */
};

struct async_target {
	enum async_target_kind kind;
	const char *text; /* into what was parsed */
	char region[64];  /* of an ARN */
	char account[13]; /* the same */
	char domain[32];  /* the same: of the partition's hosts */
};

/* false: it is none. */
bool async_target_parse(const char *value, struct async_target *out) MUST_CHECK;

#endif
