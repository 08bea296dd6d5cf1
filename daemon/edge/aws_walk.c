/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying out the plan for credentials. */
#include "edge/aws_walk.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/aws_profile.h"
#include "edge/aws_call.h"
#include "edge/aws_credentials.h"
#include "edge/aws_files.h"
#include "edge/aws_plan.h"
#include "edge/aws_settings.h"
#include "loop/loop.h"

struct aws_walk {
	struct aws_source_deps deps;
	struct aws_caller *caller;
	aws_source_fn fn;
	void *ctx;
	struct loop_timer timer;
	struct aws_profiles *profiles;
	struct aws_plan plan;
	size_t roles_left;
	struct aws_credentials *creds; /* so far */
	struct aws_source *source;
	struct aws_call *sts;
};

static void free_walk(struct aws_walk *w)
{
	if (w->source != NULL) {
		w->source->stop(w->source);
	}
	aws_call_cancel(w->sts);
	loop_timer_clear(w->deps.loop, &w->timer);
	aws_credentials_unref(w->creds);
	aws_plan_fini(&w->plan);
	aws_profiles_free(w->profiles);
	free(w);
}

void aws_walk_stop(struct aws_walk *w)
{
	if (w != NULL) {
		free_walk(w);
	}
}

static void end(struct aws_walk *w, struct aws_credentials *creds, const struct err *err)
{
	w->fn(w->ctx, creds, err);
	free_walk(w);
}

static void assume_next(struct aws_walk *w);

static void on_assumed(void *ctx, struct aws_credentials *creds, const struct err *err)
{
	struct aws_walk *w = ctx;

	w->sts = NULL;
	if (creds == NULL) {
		end(w, NULL, err);
		return;
	}
	aws_credentials_unref(w->creds);
	w->creds = aws_credentials_ref(creds);
	assume_next(w);
}

static void assume_next(struct aws_walk *w)
{
	if (w->roles_left == 0) {
		end(w, w->creds, NULL);
		return;
	}
	w->roles_left--;
	w->sts = sts_assume_role(w->caller, w->creds, &w->plan.roles[w->roles_left], on_assumed, w);
}

static void on_source(void *ctx, struct aws_credentials *creds, const struct err *err)
{
	struct aws_walk *w = ctx;

	w->source = NULL;
	if (creds == NULL) {
		end(w, NULL, err);
		return;
	}
	w->creds = aws_credentials_ref(creds);
	assume_next(w);
}

/* The last in the order: that it does not answer means that there is nothing at all. */
static void on_metadata(void *ctx, struct aws_credentials *creds, const struct err *why)
{
	struct aws_walk *w = ctx;
	struct err err = ERR_INIT;

	if (creds == NULL && w->plan.role_count == 0) {
		err_set(&err, 1,
			"none found: not in the environment, in profile %.100s, beside a container or in %.200s",
			aws_settings_profile(w->deps.settings), why->msg);
		why = &err;
	}
	on_source(w, creds, why);
}

static void use_web_identity(struct aws_walk *w)
{
	struct buf token = BUF_INIT;
	struct err err = ERR_INIT;

	if (aws_files_read(w->plan.token_file, &token, &err) != 0 || token.len == 0) {
		err_wrap(&err, "web identity token");
		end(w, NULL, &err);
	} else {
		token.data[strcspn(token.data, "\r\n")] = '\0';
		w->sts = sts_assume_role_with_web_identity(w->caller, &w->plan.web_role, token.data, on_assumed, w);
	}
	if (token.data != NULL) {
		explicit_bzero(token.data, token.cap);
	}
	buf_fini(&token);
}

static void begin(struct aws_walk *w)
{
	struct err err = ERR_INIT;

	switch (w->plan.base) {
	case AWS_BASE_NONE:
		err_set(&err, 1,
			"none found: not in the environment, in profile %.100s or beside a container, and "
			"AWS_EC2_METADATA_DISABLED is true",
			aws_settings_profile(w->deps.settings));
		end(w, NULL, &err);
		break;
	case AWS_BASE_KEYS:
		w->creds = aws_credentials_ref(w->plan.keys);
		assume_next(w);
		break;
	case AWS_BASE_WEB_IDENTITY:
		use_web_identity(w);
		break;
	case AWS_BASE_SSO:
		w->source = aws_source_sso(&w->deps, &w->plan.sso, on_source, w);
		break;
	case AWS_BASE_PROCESS:
		w->source = aws_source_process(&w->deps, w->plan.command, on_source, w);
		break;
	case AWS_BASE_CONTAINER:
		w->source = aws_source_container(&w->deps, on_source, w);
		break;
	case AWS_BASE_METADATA:
		w->source = aws_source_metadata(&w->deps, on_metadata, w);
		break;
	}
}

static void on_start(void *ctx)
{
	struct aws_walk *w = ctx;
	struct err err = ERR_INIT;

	/* Anew each time: whoever mends the files does not have to restart us. */
	w->profiles = aws_files_load(w->deps.settings, &err);
	if (w->profiles == NULL || aws_plan_make(&w->plan, w->deps.settings, w->profiles, &err) != 0) {
		end(w, NULL, &err);
		return;
	}
	w->roles_left = w->plan.role_count;
	begin(w);
}

struct aws_walk *aws_walk_start(const struct aws_source_deps *deps, struct aws_caller *caller, aws_source_fn fn,
				void *ctx)
{
	struct aws_walk *w = xcalloc(1, sizeof(*w));

	w->deps = *deps;
	w->caller = caller;
	w->fn = fn;
	w->ctx = ctx;
	loop_timer_init(&w->timer, on_start, w);
	loop_timer_set(deps->loop, &w->timer, loop_now_us(deps->loop));
	return w;
}
