/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the AWS variables. */
#include "edge/aws_settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"
#include "core/aws_endpoint.h"
#include "edge/aws_credentials.h"
#include "edge/env_table.h"

struct row {
	const char *name;
	size_t offset;
	const char *help;
};

#define AT(member) offsetof(struct aws_settings, member)

static const struct row table[] = {
	{ "AWS_REGION", AT(region), NULL },
	{ "AWS_DEFAULT_REGION", AT(default_region), NULL },
	{ "AWS_ACCESS_KEY_ID", AT(access_key_id), "credentials; before all other sources" },
	{ "AWS_SECRET_ACCESS_KEY", AT(secret_access_key), "belongs to AWS_ACCESS_KEY_ID" },
	{ "AWS_SESSION_TOKEN", AT(session_token), "belongs to AWS_ACCESS_KEY_ID when that is temporary" },
	{ "AWS_SECURITY_TOKEN", AT(security_token), "older name of AWS_SESSION_TOKEN, goes before it" },
	{ "AWS_CREDENTIAL_EXPIRATION", AT(expiration), "when AWS_ACCESS_KEY_ID expires, ISO 8601" },
	{ "AWS_PROFILE", AT(profile), "profile of the AWS files (default: default)" },
	{ "AWS_DEFAULT_PROFILE", AT(default_profile), "the same, goes before it" },
	{ "AWS_CONFIG_FILE", AT(config_file), "default: ~/.aws/config" },
	{ "AWS_SHARED_CREDENTIALS_FILE", AT(credentials_file), "default: ~/.aws/credentials" },
	{ "AWS_WEB_IDENTITY_TOKEN_FILE", AT(web_identity_token_file),
	  "token to assume AWS_ROLE_ARN with (service accounts of Kubernetes)" },
	{ "AWS_ROLE_ARN", AT(role_arn), "role to assume with AWS_WEB_IDENTITY_TOKEN_FILE" },
	{ "AWS_ROLE_SESSION_NAME", AT(role_session_name), "name of that session" },
	{ "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AT(container_relative_uri),
	  "path of the credentials at 169.254.170.2 (ECS)" },
	{ "AWS_CONTAINER_CREDENTIALS_FULL_URI", AT(container_full_uri),
	  "URL of the credentials: https, this machine or the addresses of ECS and EKS" },
	{ "AWS_CONTAINER_AUTHORIZATION_TOKEN", AT(container_token), "Authorization header for that URL" },
	{ "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AT(container_token_file),
	  "file with that header, read each time" },
	{ "AWS_EC2_METADATA_DISABLED", AT(metadata_disabled), "true: never ask the instance metadata service" },
	{ "AWS_EC2_METADATA_SERVICE_ENDPOINT", AT(metadata_endpoint), "default: http://169.254.169.254" },
	{ "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", AT(metadata_mode), "IPv6: http://[fd00:ec2::254]" },
	{ "AWS_METADATA_SERVICE_TIMEOUT", AT(metadata_timeout), "seconds for each of its answers (default 1)" },
	{ "AWS_METADATA_SERVICE_NUM_ATTEMPTS", AT(metadata_attempts), "attempts for each (default 1)" },
	{ "AWS_ENDPOINT_URL_SQS", AT(endpoint_url_sqs), "where SQS is; before AWS_ENDPOINT_URL" },
	{ "AWS_ENDPOINT_URL_STS", AT(endpoint_url_sts), "where STS is; before AWS_ENDPOINT_URL" },
	{ "AWS_ENDPOINT_URL_SSO", AT(endpoint_url_sso), "where SSO hands out credentials; before AWS_ENDPOINT_URL" },
	{ "AWS_ENDPOINT_URL_SSO_OIDC", AT(endpoint_url_sso_oidc),
	  "where SSO renews its token; before AWS_ENDPOINT_URL" },
	{ "AWS_ENDPOINT_URL", AT(endpoint_url), "where all services are; default: Amazon's hosts in the region" },
	{ "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", AT(ignore_endpoint_urls),
	  "true: leave those five and the profile's" },
	{ "AWS_MAX_ATTEMPTS", AT(max_attempts), "attempts of each call of a service, 1 to 20 (default 3)" },
	{ "AWS_CA_BUNDLE", AT(ca_bundle), "file of trusted certificate authorities" },
	{ "SSL_CERT_FILE", AT(ssl_cert_file),
	  "the same when AWS_CA_BUNDLE is not set; default: where systems keep it" },
	{ "HOME", AT(home), NULL },
};

/* What would otherwise be found out when the credentials are needed, again and again. */
static int read_values(struct aws_settings *s, struct err *err)
{
	char shown[ENV_SHOWN_LEN];
	struct aws_url url;
	uint64_t tries = 1;

	s->metadata_timeout_us = 1000 * 1000;
	if (s->expiration != NULL && !aws_credentials_time(s->expiration, &s->expires_ms)) {
		return env_refuse(err, "AWS_CREDENTIAL_EXPIRATION", s->expiration,
				  "a time like 2026-11-21T12:00:00Z");
	}
	if (s->metadata_timeout != NULL &&
	    (!text_to_us(s->metadata_timeout, &s->metadata_timeout_us) || s->metadata_timeout_us == 0)) {
		return env_refuse(err, "AWS_METADATA_SERVICE_TIMEOUT", s->metadata_timeout, "seconds, more than 0");
	}
	if (s->metadata_attempts != NULL && !text_to_u64(s->metadata_attempts, 1, 100, &tries)) {
		return env_refuse(err, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", s->metadata_attempts,
				  "a whole number from 1 to 100");
	}
	s->metadata_tries = (unsigned)tries;
	if (s->metadata_endpoint != NULL && aws_url_parse(s->metadata_endpoint, &url, err) != 0) {
		return err_wrap(err, "AWS_EC2_METADATA_SERVICE_ENDPOINT=%s", env_shown(s->metadata_endpoint, shown));
	}
	return 0;
}

int aws_settings_load(struct aws_settings *s, struct err *err)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < countof(table); i++) {
		const char *value = getenv(table[i].name);

		if (value != NULL && *value != '\0') {
			memcpy((char *)s + table[i].offset, &value, sizeof(value));
		}
	}
	return read_values(s, err);
}

void aws_settings_print_help(FILE *out)
{
	for (size_t i = 0; i < countof(table); i++) {
		if (table[i].help != NULL) {
			env_print_help(out, table[i].name, table[i].help, NULL);
		}
	}
}

bool aws_settings_true(const char *value)
{
	return value != NULL && strcasecmp(value, "true") == 0;
}

const char *aws_settings_profile(const struct aws_settings *s)
{
	if (s->default_profile != NULL) {
		return s->default_profile;
	}
	return s->profile != NULL ? s->profile : "default";
}
