/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One search for credentials from beginning to end: reads the files, makes the plan, asks the source, assumes the roles.
 * Ends by calling fn once (never from inside aws_walk_start) or by aws_walk_stop(); after either it is gone.
 */
#ifndef EDGE_AWS_WALK_H
#define EDGE_AWS_WALK_H

#include "base/attr.h"
#include "edge/aws_source.h"

struct aws_caller;
struct aws_walk;

struct aws_walk *aws_walk_start(const struct aws_source_deps *deps, struct aws_caller *caller, aws_source_fn fn,
				void *ctx) MUST_CHECK;
void aws_walk_stop(struct aws_walk *w); /* NULL is fine */

#endif
