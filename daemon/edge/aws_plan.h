/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which source of credentials counts, decided from the environment and the profile files alone, as botocore does:
 * environment, assume-role profile, web identity, SSO, credentials file, credential_process, config file, container,
 * instance metadata. Getting them is edge/aws_walk.h's work.
 */
#ifndef EDGE_AWS_PLAN_H
#define EDGE_AWS_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "edge/sts.h"

struct aws_credentials;
struct aws_profiles;
struct aws_settings;
struct err;

#define AWS_PLAN_ROLES 8

enum aws_base {
	AWS_BASE_NONE, /* nothing is configured */
	AWS_BASE_KEYS,
	AWS_BASE_WEB_IDENTITY,
	AWS_BASE_SSO,
	AWS_BASE_PROCESS,
	AWS_BASE_CONTAINER,
	AWS_BASE_METADATA,
};

struct aws_sso {
	const char *cache_key; /* name of the session, or the start URL */
	const char *region;
	const char *account;
	const char *role;
	const char *profile; /* for texts */
	bool by_session;     /* its token can be renewed */
};

/* Texts are borrowed from the settings and the profiles. */
struct aws_plan {
	enum aws_base base;
	struct aws_credentials *keys; /* AWS_BASE_KEYS */
	struct sts_role web_role;     /* AWS_BASE_WEB_IDENTITY */
	const char *token_file;
	struct aws_sso sso;  /* AWS_BASE_SSO */
	const char *command; /* AWS_BASE_PROCESS */
	/* To assume after that, the last one first. */
	struct sts_role roles[AWS_PLAN_ROLES];
	size_t role_count;
};

/* 0, or -1 with what is wrong in the configuration. Can be finished in either case. */
int aws_plan_make(struct aws_plan *plan, const struct aws_settings *s, const struct aws_profiles *p,
		  struct err *err) MUST_CHECK;
void aws_plan_fini(struct aws_plan *plan);

#endif
