/* SPDX-License-Identifier: Apache-2.0 */
/* A small document over HTTP with a few attempts: how credentials come from containers, instances and SSO. */
#ifndef EDGE_AWS_FETCH_H
#define EDGE_AWS_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct aws_fetch;
struct blob;
struct buf;
struct err;
struct httpc;
struct loop;

struct aws_fetch_args {
	const char *method;
	const char *url;	    /* copied */
	const char *const *headers; /* NULL terminated; copied, and wiped later */
	struct blob *body;	    /* takes a reference; NULL = none */
	int64_t timeout_us;	    /* of one attempt */
	int64_t pause_us;	    /* between two */
	unsigned attempts;
	bool direct; /* past any proxy */
};

/* body is NULL when there was no answer with status 200 and a body, then err says what there was. Borrowed. */
typedef void (*aws_fetch_fn)(void *ctx, struct buf *body, const struct err *err);

/* Calls fn once, never from inside; after it, or after stopping it, the handle is gone. */
struct aws_fetch *aws_fetch_start(struct loop *loop, struct httpc *http, const struct aws_fetch_args *args,
				  aws_fetch_fn fn, void *ctx) MUST_CHECK;
void aws_fetch_stop(struct aws_fetch *f); /* NULL is fine */

#endif
