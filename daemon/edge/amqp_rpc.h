/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of invocations over AMQP, as both ends write and read them. A request is published to the queue named after
 * the function; its body is the event. Properties: reply_to and correlation_id (both optional), content_type, delivery_mode.
 * Headers, all strings, all optional:
 *	X-Amz-Client-Context	base64 JSON
 *	X-Amzn-Trace-Id
 *	X-Amz-Invocation-Type	RequestResponse, Event (nobody waits for the result) or DryRun
 *	X-Amz-Log-Type		None or Tail
 *	X-Amz-Tenant-Id
 *	x-amzn-RequestId	a UUID: the id that a gateway has chosen
 * A reply has the request's correlation_id and delivery_mode and never any other property of it. Its type is
 * "response", or "error" with one of the headers
 *	X-Amz-Function-Error	"Unhandled": the function failed, the body is its error document
 *	x-amzn-ErrorType	the call was refused, the body is the document that the Invoke API would give
 * Further headers: X-Amz-Executed-Version, x-amzn-RequestId, X-Amz-Log-Result.
 */
#ifndef EDGE_AMQP_RPC_H
#define EDGE_AMQP_RPC_H

#include "base/attr.h"
#include "edge/invoke_error.h"

struct amqp_mail;
struct amqp_message;
struct config;
struct event;
struct outcome;

/* One reference, or NULL with *error filled. The body is moved out of m. */
struct event *amqp_rpc_event(const struct config *cfg, struct amqp_message *m, struct invoke_error *error) MUST_CHECK;

/* Replies to m, ready to be published. m has a reply_to. */
struct amqp_mail *amqp_rpc_reply(const struct config *cfg, const struct amqp_message *m, const struct event *ev,
				 const struct outcome *out) MUST_CHECK;
struct amqp_mail *amqp_rpc_error(const struct amqp_message *m, const struct invoke_error *e) MUST_CHECK;

#endif
