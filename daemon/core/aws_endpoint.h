/* SPDX-License-Identifier: Apache-2.0 */
/* Where AWS services are: regions, partitions, host names, and the parts of an endpoint's URL. Pure. */
#ifndef CORE_AWS_ENDPOINT_H
#define CORE_AWS_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;
struct err;

#define AWS_REGION_LEN 64 /* with NUL */

/* Letters, digits and dashes: nothing that could turn a host name into another. */
bool aws_region_is_valid(const char *region);

/* Appends e.g. https://sqs.eu-west-1.amazonaws.com */
void aws_endpoint_default(struct buf *url, const char *service, const char *region);

/* The region that a queue URL of Amazon's own hosts names (https://sqs.REGION.amazonaws.com/..., the older
 * https://REGION.queue.amazonaws.com/... and https://queue.amazonaws.com/...). false: it is none of these. */
bool aws_endpoint_queue_region(const char *queue_url, char region[AWS_REGION_LEN]) MUST_CHECK;

struct aws_url {
	char host[272];	  /* as in the Host header: with the port when it is not the scheme's own */
	const char *path; /* into the parsed text; "" or from its first '/' */
	bool tls;
};

/* http and https; no user, query or fragment. -1 with the reason, which does not repeat the URL. */
int aws_url_parse(const char *url, struct aws_url *out, struct err *err) MUST_CHECK;

/* This machine, or one of the link-local addresses where ECS and EKS keep credentials. */
bool aws_endpoint_is_link_local(const struct aws_url *url);

#endif
