/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the AWS client put together. */
#include "edge/aws_client.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "core/aws_endpoint.h"
#include "core/aws_profile.h"
#include "edge/aws_chain.h"
#include "edge/aws_files.h"
#include "edge/aws_settings.h"
#include "io/httpc.h"
#include "loop/loop.h"

struct aws {
	struct aws_settings settings;
	struct httpc *http;
	struct aws_caller *caller;
	struct aws_chain *chain;
};

static void get(void *ctx, struct aws_wait *wait)
{
	aws_chain_get(ctx, wait);
}

static void reject(void *ctx, const struct aws_credentials *creds)
{
	aws_chain_reject(ctx, creds);
}

static int find_region(const struct aws_settings *s, const struct aws_profiles *p, const char *fallback,
		       const char **region, struct err *err)
{
	const char *in_profile = aws_profiles_get(p, AWS_PROFILE, aws_settings_profile(s), "region");
	const char *name = s->region != NULL	       ? "AWS_REGION"
			   : s->default_region != NULL ? "AWS_DEFAULT_REGION"
						       : "region";

	*region = s->region != NULL ? s->region : s->default_region;
	if (*region == NULL) {
		*region = in_profile != NULL ? in_profile : fallback != NULL ? fallback : "us-east-1";
	}
	if (!aws_region_is_valid(*region)) {
		return err_set(err, 2, "%s=%.100s: not allowed; expected a region like eu-central-1", name, *region);
	}
	return 0;
}

static int open_http(struct aws *aws, const struct aws_profiles *p, struct loop *loop, struct err *err)
{
	const struct aws_settings *s = &aws->settings;
	const char *in_profile = aws_profiles_get(p, AWS_PROFILE, aws_settings_profile(s), "ca_bundle");
	const struct httpc_options options = {
		.ca_file = s->ca_bundle != NULL ? s->ca_bundle
			   : in_profile != NULL ? in_profile
						: s->ssl_cert_file,
	};

	aws->http = httpc_new(loop, &options, err);
	return aws->http != NULL ? 0 : -1;
}

static int build(struct aws *aws, const struct aws_deps *deps, const struct aws_profiles *p, struct err *err)
{
	struct aws_caller_deps caller = { .loop = deps->loop, .settings = &aws->settings, .profiles = p };
	struct aws_source_deps source = {
		.loop = deps->loop,
		.children = deps->children,
		.guard = deps->guard,
		.settings = &aws->settings,
	};
	struct aws_provider provider = { .get = get, .reject = reject };

	if (find_region(&aws->settings, p, deps->region, &caller.region, err) != 0 ||
	    open_http(aws, p, deps->loop, err) != 0) {
		return -1;
	}
	caller.http = aws->http;
	source.http = aws->http;
	aws->caller = aws_caller_new(&caller, err);
	if (aws->caller == NULL) {
		return -1;
	}
	aws->chain = aws_chain_new(&source, aws->caller);
	provider.ctx = aws->chain;
	aws_caller_set_provider(aws->caller, &provider);
	return 0;
}

struct aws *aws_new(const struct aws_deps *deps, struct err *err)
{
	struct aws *aws = xcalloc(1, sizeof(*aws));
	struct aws_profiles *profiles = NULL;

	if (aws_settings_load(&aws->settings, err) == 0) {
		profiles = aws_files_load(&aws->settings, err);
	}
	if (profiles == NULL || build(aws, deps, profiles, err) != 0) {
		aws_profiles_free(profiles);
		aws_free(aws);
		return NULL;
	}
	aws_profiles_free(profiles);
	return aws;
}

/* The chain first: it may be calling STS. What waits for it is unlinked, not called. */
void aws_free(struct aws *aws)
{
	if (aws == NULL) {
		return;
	}
	aws_chain_free(aws->chain);
	aws_caller_free(aws->caller);
	httpc_free(aws->http);
	free(aws);
}

const char *aws_region(const struct aws *aws)
{
	return aws_caller_region(aws->caller);
}

struct aws_caller *aws_caller_of(struct aws *aws)
{
	return aws->caller;
}

void aws_get_credentials(struct aws *aws, struct aws_wait *wait)
{
	aws_chain_get(aws->chain, wait);
}
