/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment variables of the AWS SDKs that our programs understand, in one table (README shows the same). They are
 * the function's as well: no child loses them. An empty value counts as unset.
 */
#ifndef EDGE_AWS_SETTINGS_H
#define EDGE_AWS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"

struct err;

/* Texts are borrowed from the environment; NULL = unset. */
struct aws_settings {
	const char *region;
	const char *default_region;
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;
	const char *security_token; /* older name of the same */
	const char *expiration;
	const char *profile;
	const char *default_profile; /* older name of the same */
	const char *config_file;
	const char *credentials_file;
	const char *role_arn;
	const char *role_session_name;
	const char *web_identity_token_file;
	const char *container_relative_uri;
	const char *container_full_uri;
	const char *container_token;
	const char *container_token_file;
	const char *metadata_disabled;
	const char *metadata_endpoint;
	const char *metadata_mode;
	const char *metadata_timeout;
	const char *metadata_attempts;
	const char *endpoint_url;
	const char *endpoint_url_sqs;
	const char *endpoint_url_sts;
	const char *endpoint_url_sso;
	const char *endpoint_url_sso_oidc;
	const char *ignore_endpoint_urls;
	const char *max_attempts;
	const char *ca_bundle;
	const char *ssl_cert_file;
	const char *home;
	/* read from the texts above */
	int64_t expires_ms; /* 0 = unset */
	int64_t metadata_timeout_us;
	unsigned metadata_tries;
};

/* 0, or -1 with the reason. */
int aws_settings_load(struct aws_settings *s, struct err *err) MUST_CHECK;
void aws_settings_print_help(FILE *out);

/* "true" in any case. */
bool aws_settings_true(const char *value);
/* The profile in use: AWS_PROFILE, else "default". */
const char *aws_settings_profile(const struct aws_settings *s);

#endif
