/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the sources of credentials. */
#include "edge/aws_plan.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"
#include "core/aws_profile.h"
#include "edge/aws_credentials.h"
#include "edge/aws_settings.h"

struct planning {
	struct aws_plan *plan;
	const struct aws_settings *s;
	const struct aws_profiles *p;
	struct err *err;
};

static const char *value_of(const struct planning *pl, const char *profile, const char *key)
{
	return aws_profiles_get(pl->p, AWS_PROFILE, profile, key);
}

/* --- keys --- */

static int use_environment(struct planning *pl)
{
	const struct aws_settings *s = pl->s;
	const char *token = s->security_token != NULL ? s->security_token : s->session_token;

	if (s->secret_access_key == NULL) {
		return err_set(pl->err, 2, "AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
	}
	pl->plan->base = AWS_BASE_KEYS;
	pl->plan->keys = aws_credentials_new(s->access_key_id, s->secret_access_key, token, s->expires_ms,
					     "environment", pl->err);
	return pl->plan->keys != NULL ? 0 : -1;
}

/* 1: this file has none for the profile. */
static int use_keys_of(struct planning *pl, enum aws_file file, const char *profile)
{
	const char *id = aws_profiles_get_from(pl->p, file, profile, "aws_access_key_id");
	const char *secret = aws_profiles_get_from(pl->p, file, profile, "aws_secret_access_key");
	const char *token = aws_profiles_get_from(pl->p, file, profile, "aws_security_token");
	const char *where = file == AWS_FILE_CONFIG ? "config file" : "credentials file";

	if (id == NULL) {
		return 1;
	}
	if (token == NULL) {
		token = aws_profiles_get_from(pl->p, file, profile, "aws_session_token");
	}
	pl->plan->base = AWS_BASE_KEYS;
	pl->plan->keys = aws_credentials_new(id, secret, token, 0, where, pl->err);
	return pl->plan->keys != NULL ? 0 : err_wrap(pl->err, "profile %.100s", profile);
}

/* --- a profile without role_arn --- */

/* 1: not configured, for this and the next ones. */
static int use_web_identity(struct planning *pl, const char *profile, bool with_environment)
{
	const struct aws_settings none = { 0 };
	const struct aws_settings *s = with_environment ? pl->s : &none;
	const char *file = s->web_identity_token_file;
	struct aws_plan *plan = pl->plan;

	plan->token_file = file != NULL ? file : value_of(pl, profile, "web_identity_token_file");
	if (plan->token_file == NULL) {
		return 1;
	}
	plan->base = AWS_BASE_WEB_IDENTITY;
	plan->web_role.arn = s->role_arn != NULL ? s->role_arn : value_of(pl, profile, "role_arn");
	plan->web_role.session_name = s->role_session_name != NULL ? s->role_session_name
								   : value_of(pl, profile, "role_session_name");
	if (plan->web_role.arn == NULL) {
		return err_set(pl->err, 2,
			       "there is a web identity token file, but neither AWS_ROLE_ARN nor role_arn in "
			       "profile %.100s",
			       profile);
	}
	return 0;
}

static const char *sso_value(const struct planning *pl, const char *profile, const char *session, const char *key)
{
	const char *value = session != NULL ? aws_profiles_get(pl->p, AWS_SSO_SESSION, session, key) : NULL;

	return value != NULL ? value : value_of(pl, profile, key);
}

static int use_sso(struct planning *pl, const char *profile)
{
	struct aws_sso *sso = &pl->plan->sso;
	const char *session = value_of(pl, profile, "sso_session");
	const char *start_url;

	sso->role = value_of(pl, profile, "sso_role_name");
	sso->account = value_of(pl, profile, "sso_account_id");
	if (sso->role == NULL && sso->account == NULL) {
		return 1;
	}
	if (session != NULL && !aws_profiles_has(pl->p, AWS_SSO_SESSION, session)) {
		return err_set(pl->err, 2, "profile %.100s: there is no [sso-session %.100s]", profile, session);
	}
	start_url = sso_value(pl, profile, session, "sso_start_url");
	sso->region = sso_value(pl, profile, session, "sso_region");
	sso->cache_key = session != NULL ? session : start_url;
	sso->profile = profile;
	sso->by_session = session != NULL;
	if (sso->role == NULL || sso->account == NULL || start_url == NULL || sso->region == NULL) {
		return err_set(pl->err, 2, "profile %.100s: %s is missing for SSO", profile,
			       sso->role == NULL      ? "sso_role_name"
			       : sso->account == NULL ? "sso_account_id"
			       : start_url == NULL    ? "sso_start_url"
						      : "sso_region");
	}
	pl->plan->base = AWS_BASE_SSO;
	return 0;
}

static int use_process(struct planning *pl, const char *profile)
{
	pl->plan->command = value_of(pl, profile, "credential_process");
	if (pl->plan->command == NULL) {
		return 1;
	}
	pl->plan->base = AWS_BASE_PROCESS;
	return 0;
}

static int use_profile(struct planning *pl, const char *profile, bool with_environment)
{
	int r = use_web_identity(pl, profile, with_environment);

	if (r == 1) {
		r = use_sso(pl, profile);
	}
	if (r == 1) {
		r = use_keys_of(pl, AWS_FILE_CREDENTIALS, profile);
	}
	if (r == 1 && value_of(pl, profile, "login_session") != NULL) {
		return err_set(pl->err, 2,
			       "profile %.100s: login_session is not supported; `aws configure "
			       "export-credentials` as credential_process is",
			       profile);
	}
	if (r == 1) {
		r = use_process(pl, profile);
	}
	return r == 1 ? use_keys_of(pl, AWS_FILE_CONFIG, profile) : r;
}

/* --- container and instance --- */

static int use_container(struct planning *pl)
{
	if (pl->s->container_relative_uri == NULL && pl->s->container_full_uri == NULL) {
		return 1;
	}
	pl->plan->base = AWS_BASE_CONTAINER;
	return 0;
}

static int use_metadata(struct planning *pl)
{
	if (aws_settings_true(pl->s->metadata_disabled)) {
		return 1;
	}
	pl->plan->base = AWS_BASE_METADATA;
	return 0;
}

/* --- roles --- */

static bool has_role(const struct planning *pl, const char *profile)
{
	return value_of(pl, profile, "role_arn") != NULL && value_of(pl, profile, "web_identity_token_file") == NULL;
}

static bool has_keys(const struct planning *pl, const char *profile)
{
	return value_of(pl, profile, "aws_access_key_id") != NULL ||
	       value_of(pl, profile, "aws_secret_access_key") != NULL;
}

static int use_source(struct planning *pl, const char *profile, const char *source)
{
	int r;

	if (strcasecmp(source, "Environment") == 0) {
		r = pl->s->access_key_id != NULL ? use_environment(pl) : 1;
	} else if (strcasecmp(source, "EcsContainer") == 0) {
		r = use_container(pl);
	} else if (strcasecmp(source, "Ec2InstanceMetadata") == 0) {
		r = use_metadata(pl);
	} else {
		return err_set(pl->err, 2,
			       "profile %.100s: credential_source=%.100s: not allowed; expected Environment, "
			       "EcsContainer or Ec2InstanceMetadata",
			       profile, source);
	}
	if (r == 1) {
		return err_set(pl->err, 1, "profile %.100s: credential_source=%s has no credentials", profile,
			       source);
	}
	return r;
}

static int add_role(struct planning *pl, const char *profile)
{
	const char *duration = value_of(pl, profile, "duration_seconds");
	struct aws_plan *plan = pl->plan;
	uint64_t seconds;

	if (duration != NULL && !text_to_u64(duration, 900, 43200, &seconds)) {
		return err_set(pl->err, 2,
			       "profile %.100s: duration_seconds=%.20s: not allowed; expected a whole number "
			       "from 900 to 43200",
			       profile, duration);
	}
	if (plan->role_count == AWS_PLAN_ROLES) {
		return err_set(pl->err, 2,
			       "profile %.100s: more than %d roles in a row, or source_profile goes in a circle",
			       profile, AWS_PLAN_ROLES);
	}
	if (value_of(pl, profile, "mfa_serial") != NULL) {
		return err_set(pl->err, 2,
			       "profile %.100s: mfa_serial wants a code typed in, which is not possible here; "
			       "`aws configure export-credentials` as credential_process may help",
			       profile);
	}
	plan->roles[plan->role_count++] = (struct sts_role){
		.arn = value_of(pl, profile, "role_arn"),
		.session_name = value_of(pl, profile, "role_session_name"),
		.external_id = value_of(pl, profile, "external_id"),
		.duration_s = duration,
	};
	return 0;
}

/* The profile that another takes its credentials from. 1: it has a role itself. */
static int use_source_profile(struct planning *pl, const char *profile, const char *source)
{
	int r;

	if (!aws_profiles_has(pl->p, AWS_PROFILE, source)) {
		return err_set(pl->err, 2, "profile %.100s: there is no source_profile %.100s", profile, source);
	}
	/* One that names itself means its own keys. */
	if (strcmp(profile, source) == 0 && !has_keys(pl, source)) {
		return err_set(pl->err, 2, "profile %.100s: source_profile is the profile itself, which has no keys",
			       profile);
	}
	if (!has_keys(pl, source) && has_role(pl, source)) {
		return 1;
	}
	r = use_profile(pl, source, false);
	return r == 1 ? err_set(pl->err, 2, "profile %.100s: its source_profile %.100s has no credentials", profile,
				source)
		      : r;
}

static int use_roles(struct planning *pl, const char *profile)
{
	for (;;) {
		const char *source_profile = value_of(pl, profile, "source_profile");
		const char *source = value_of(pl, profile, "credential_source");
		int r = add_role(pl, profile);

		if (r != 0) {
			return r;
		}
		if ((source == NULL) == (source_profile == NULL)) {
			return err_set(pl->err, 2,
				       "profile %.100s: role_arn wants %s source_profile or credential_source",
				       profile, source == NULL ? "a" : "only one of");
		}
		r = source != NULL ? use_source(pl, profile, source)
				   : use_source_profile(pl, profile, source_profile);
		if (r != 1) {
			return r;
		}
		profile = source_profile;
	}
}

int aws_plan_make(struct aws_plan *plan, const struct aws_settings *s, const struct aws_profiles *p, struct err *err)
{
	struct planning pl = { .plan = plan, .s = s, .p = p, .err = err };
	const char *profile = aws_settings_profile(s);
	int r;

	memset(plan, 0, sizeof(*plan));
	if (s->access_key_id != NULL) {
		return use_environment(&pl);
	}
	if (has_role(&pl, profile)) {
		return use_roles(&pl, profile);
	}
	r = use_profile(&pl, profile, true);
	if (r == 1) {
		r = use_container(&pl);
	}
	if (r == 1) {
		r = use_metadata(&pl);
	}
	return r == 1 ? 0 : r;
}

void aws_plan_fini(struct aws_plan *plan)
{
	aws_credentials_unref(plan->keys);
	plan->keys = NULL;
}
