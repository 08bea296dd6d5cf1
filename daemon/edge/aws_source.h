/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of credentials that take time: each constructor begins a look-up. It ends by calling fn once (never from
 * inside the constructor), after which the source is gone, or by its stop function. For edge/aws_walk.c.
 */
#ifndef EDGE_AWS_SOURCE_H
#define EDGE_AWS_SOURCE_H

#include "base/attr.h"

struct aws_credentials;
struct aws_settings;
struct aws_sso;
struct children;
struct err;
struct guard;
struct httpc;
struct loop;

/* creds is NULL on failure, then err says why. Both are borrowed. */
typedef void (*aws_source_fn)(void *ctx, struct aws_credentials *creds, const struct err *err);

/* Embedded in each source; stop frees it. */
struct aws_source {
	void (*stop)(struct aws_source *s);
	aws_source_fn fn;
	void *ctx;
};

struct aws_source_deps {
	struct loop *loop;
	struct httpc *http;
	struct children *children; /* NULL = no processes */
	struct guard *guard;	   /* NULL = none */
	const struct aws_settings *settings;
};

struct aws_source *aws_source_process(const struct aws_source_deps *deps, const char *command, aws_source_fn fn,
				      void *ctx) MUST_CHECK;
struct aws_source *aws_source_container(const struct aws_source_deps *deps, aws_source_fn fn, void *ctx) MUST_CHECK;
struct aws_source *aws_source_metadata(const struct aws_source_deps *deps, aws_source_fn fn, void *ctx) MUST_CHECK;
struct aws_source *aws_source_sso(const struct aws_source_deps *deps, const struct aws_sso *sso, aws_source_fn fn,
				  void *ctx) MUST_CHECK;

#endif
