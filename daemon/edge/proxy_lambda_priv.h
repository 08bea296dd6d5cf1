/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by edge/proxy_lambda.c (the Runtime API and the course of an event) and edge/proxy_wait.c (the response queue). */
#ifndef EDGE_PROXY_LAMBDA_PRIV_H
#define EDGE_PROXY_LAMBDA_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "edge/proxy_lambda.h"
#include "edge/proxy_settings.h"
#include "loop/loop.h"

struct aws_call;
struct aws_failure;
struct blob;
struct event;
struct httpc;
struct httpc_call;
struct sqs;

#define PROXY_BATCH 10u

struct proxy_settling {
	struct proxy_lambda *home;
	struct aws_call *call;
	bool deletes;
};

struct proxy_lambda {
	struct proxy_deps deps;
	struct sqs *sqs;
	struct httpc *http; /* for the Runtime API */
	struct httpc_call *runtime_call;
	bool asking; /* it is the one for the next event */
	bool draining;
	char *runtime_url;
	struct aws_call *call; /* one at a time */
	struct loop_timer retry;
	struct loop_timer deadline;
	/* of the event at hand */
	struct event *event; /* NULL = none */
	int64_t deadline_ms;
	char *requests;
	char *responses;	/* NULL = none: asynchronous */
	bool responses_guessed; /* by default: that it is not there means that there is none */
	bool sent;
	unsigned failures; /* of receiving, in a row */
	/* what was received and is being deleted or put back, all at the same time */
	struct proxy_settling settling[PROXY_BATCH];
	unsigned settling_count; /* under way */
	void (*settled)(struct proxy_lambda *p);
	bool delete_failed;
	bool purge_again;
	struct blob *response;
	char *response_error; /* its error type; NULL = a response */
};

/* proxy_lambda.c: ends the event at hand and asks for the next. */
void proxy_send(struct proxy_lambda *p);
void proxy_respond(struct proxy_lambda *p, struct blob *body);				   /* moved */
void proxy_respond_error(struct proxy_lambda *p, const char *type, struct blob *document); /* moved */
void proxy_fail(struct proxy_lambda *p, const char *type, const char *fmt, ...) PRINTF(3, 4);

/* proxy_wait.c */
void proxy_purge(struct proxy_lambda *p);	  /* then proxy_send() */
void proxy_wait(struct proxy_lambda *p);	  /* then one of the others */
void proxy_give_response(struct proxy_lambda *p); /* p->response, which came */
void proxy_wait_reset(struct proxy_lambda *p);	  /* nothing is under way any more */

#endif
