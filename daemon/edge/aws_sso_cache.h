/* SPDX-License-Identifier: Apache-2.0 */
/* The token that `aws sso login` leaves in its cache, as the AWS CLI reads and writes it. For edge/aws_sso.c. */
#ifndef EDGE_AWS_SSO_CACHE_H
#define EDGE_AWS_SSO_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct aws_settings;
struct aws_sso;
struct blob;
struct buf;
struct err;
struct json;

struct aws_sso_token {
	char *path;
	struct json *doc;
	const char *access_token; /* into doc */
	int64_t expires_ms;
};

/* -1: nobody has signed in, or the file makes no sense. Can be finished in either case. */
int aws_sso_cache_read(struct aws_sso_token *t, const struct aws_settings *s, const struct aws_sso *sso,
		       struct err *err) MUST_CHECK;
void aws_sso_cache_fini(struct aws_sso_token *t); /* wipes it */

/* Is it one that can be renewed without the user? */
bool aws_sso_cache_is_renewable(const struct aws_sso_token *t, int64_t now_ms);
/* The body of CreateToken (POST /token, JSON). */
struct blob *aws_sso_cache_request(const struct aws_sso_token *t) MUST_CHECK;
/* Takes the answer to that over and writes the file anew, so that other programs find the new token as well: the old
 * refresh token may be of no use any more. -1: the answer makes no sense, t is as it was. */
int aws_sso_cache_renew(struct aws_sso_token *t, const struct buf *answer, int64_t now_ms,
			struct err *err) MUST_CHECK;

#endif
