/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials as the AWS SDKs find them (edge/aws_plan.h), kept and replaced in time. The first source that is configured
 * counts; when it fails there is no looking further, so that nobody works under another identity than he believes.
 *
 * Asked 15 minutes before the end, it begins a new search in the background and goes on handing out what it has; in the
 * last 10 minutes callers wait for the new ones, and get the old if the search fails while they are still valid. Any
 * number of callers share one search; a failure is remembered for a moment, longer each time.
 */
#ifndef EDGE_AWS_CHAIN_H
#define EDGE_AWS_CHAIN_H

#include "base/attr.h"
#include "edge/aws_credentials.h"
#include "edge/aws_source.h"

struct aws_caller;
struct aws_chain;

/* The caller is for STS; it and what deps point to outlive the chain. */
struct aws_chain *aws_chain_new(const struct aws_source_deps *deps, struct aws_caller *caller) MUST_CHECK;
void aws_chain_free(struct aws_chain *chain); /* no callbacks any more; NULL is fine */

/* Calls back once, in a later turn of the loop; list_unlink(&wait->link) ends the wait. */
void aws_chain_get(struct aws_chain *chain, struct aws_wait *wait);
/* The service did not take these: they are not handed out again, unless a new search finds the same. */
void aws_chain_reject(struct aws_chain *chain, const struct aws_credentials *creds);

#endif
