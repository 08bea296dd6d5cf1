/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the SQS bridge: what becomes of a message when its invocation has ended, when it is tried again, and which
 * queues belong to a function. No I/O.
 */
#ifndef CORE_BRIDGE_RULES_H
#define CORE_BRIDGE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/invocation.h"

/* Message attributes by which the two ends recognise each other; older proxies and emulators send and read none. */
#define BRIDGE_ATTR_REQUEST "LambdaRequestId" /* of the call; the response carries the same */
#define BRIDGE_ATTR_DEADLINE "LambdaDeadlineMs"
#define BRIDGE_ATTR_ERROR "LambdaFunctionError" /* the response is an error document: the error's type */

#define BRIDGE_MESSAGE_DEFAULT 262144u /* bytes: what every queue takes */
#define BRIDGE_MESSAGE_MAX 1048576u
/* A message that is worked on is hidden for this long at a time, renewed well before. So a daemon that is killed keeps its
 * messages from others for no longer. */
#define BRIDGE_HIDE_S 30u
#define BRIDGE_RENEW_S 10u
/* A runtime that ends so soon after it reported an error, or answered, does so by itself; a person takes longer to restart
 * it. */
#define BRIDGE_OWN_END_US ((int64_t)2 * 1000 * 1000)

/* What a runtime is shown when nobody said anything else, and in local payload mode. */
#define BRIDGE_NO_TRACE                                                                                              \
	"Root=0-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0;Lineage=00000000:0"
#define LOCAL_REQUEST_ID "local-request-id"
#define LOCAL_DEADLINE_MS 2035313041000

enum bridge_fate {
	BRIDGE_ANSWER,	     /* send the response, then delete the request */
	BRIDGE_ANSWER_ERROR, /* the same with the error document */
	BRIDGE_HOLD,	     /* keep it hidden until the runtime was restarted */
	BRIDGE_RETURN,	     /* back to the queue, to be taken again after a wait */
	BRIDGE_FATE_COUNT,   // keep last
};

struct bridge_policy {
	bool answer_errors;   /* function errors are answered */
	int64_t auto_rerun_s; /* function errors are tried again after so many seconds; 0 = after a restart */
};

enum bridge_fate bridge_fate(const struct bridge_policy *policy, enum outcome_kind kind);
/* Seconds until a returned message may be taken again. receives: how often it was received so far, this time included. A
 * crash is tried again at once, the next one in a row later and later, so that nothing spins. */
unsigned bridge_return_wait_s(const struct bridge_policy *policy, enum outcome_kind kind, unsigned receives);
/* Seconds until the next attempt after so many failed calls in a row: of receiving, or of what ends one message. */
unsigned bridge_receive_wait_s(unsigned failures);

/* http or https, a host, a path, and no user: the URL is logged. */
bool bridge_queue_url_is_valid(const char *url);
/* The URL of the queue of that name in the function's account and region: of an ARN with 7 or 8 parts, any partition.
 * false: not a function's ARN. */
bool bridge_queue_url(const char *arn, const char *queue, char *out, size_t size) MUST_CHECK;

#endif
