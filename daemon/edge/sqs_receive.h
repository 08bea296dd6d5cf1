/* SPDX-License-Identifier: Apache-2.0 */
/* What ReceiveMessage answers, as messages. For edge/sqs.c alone (and its tests). */
#ifndef EDGE_SQS_RECEIVE_H
#define EDGE_SQS_RECEIVE_H

#include "edge/sqs.h"

struct json;

/* Calls fn once, with the messages or a failure. doc NULL: the reply was empty. */
void sqs_receive_finish(const struct json *doc, sqs_receive_fn fn, void *ctx);

#endif
