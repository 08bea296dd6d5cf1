/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping credentials fresh, and those who wait for them. */
#include "edge/aws_chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/aws_refresh.h"
#include "edge/aws_walk.h"
#include "loop/loop.h"

struct aws_chain {
	struct aws_source_deps deps;
	struct aws_caller *caller;
	struct aws_credentials *current; /* NULL = none yet, or rejected */
	int64_t obtained_ms;
	struct aws_walk *walk; /* under way */
	struct list waits;     // aws_wait::link
	struct loop_timer timer;
	int64_t not_before_us; /* after a failure: no new search until then */
	unsigned failures;     /* in a row */
	struct err why;	       /* the last of them */
};

static void settle(struct aws_chain *chain);

static void serve(struct aws_chain *chain, struct aws_credentials *creds, const struct err *err)
{
	struct list served;

	/* Who asks again from inside its callback is not served in this round. */
	list_init(&served);
	list_move_all(&served, &chain->waits);
	aws_credentials_ref(creds);
	while (!list_empty(&served)) {
		struct aws_wait *w = list_first(&served, struct aws_wait, link);

		list_unlink(&w->link);
		w->fn(w->ctx, creds, err);
	}
	aws_credentials_unref(creds);
}

/* A source that answers the same again (as instances do until 5 minutes before the end) is not asked at each call: what
 * is left of their life counts as all of it. */
static void keep(struct aws_chain *chain, struct aws_credentials *creds, int64_t now_ms)
{
	log_debug("AWS credentials found source=%s temporary=%s", creds->source,
		  creds->expires_ms != 0 ? "true" : "false");
	aws_credentials_unref(chain->current);
	chain->current = aws_credentials_ref(creds);
	chain->obtained_ms = now_ms;
	chain->failures = 0;
	chain->not_before_us = 0;
}

static void on_walked(void *ctx, struct aws_credentials *creds, const struct err *err)
{
	struct aws_chain *chain = ctx;
	int64_t now_ms = clock_wall_ms();

	chain->walk = NULL;
	if (creds != NULL && aws_refresh_state(now_ms, creds->expires_ms, now_ms) != AWS_EXPIRED) {
		keep(chain, creds, now_ms);
	} else {
		if (creds != NULL) {
			err_set(&chain->why, 1, "%s: they have expired already", creds->source);
		} else {
			chain->why = *err;
		}
		chain->failures++;
		chain->not_before_us = loop_now_us(chain->deps.loop) + aws_refresh_backoff_us(chain->failures);
		log_warn("no AWS credentials to be had: %s", chain->why.msg);
	}
	settle(chain);
}

static void search(struct aws_chain *chain)
{
	if (chain->walk == NULL) {
		chain->walk = aws_walk_start(&chain->deps, chain->caller, on_walked, chain);
	}
}

/* What those who wait get now, and whether a search has to begin. */
static void settle(struct aws_chain *chain)
{
	bool pausing = loop_now_us(chain->deps.loop) < chain->not_before_us;
	enum aws_freshness state = AWS_EXPIRED;

	if (list_empty(&chain->waits)) {
		return;
	}
	if (chain->current != NULL) {
		state = aws_refresh_state(chain->obtained_ms, chain->current->expires_ms, clock_wall_ms());
	}
	if (state == AWS_FRESH || (state != AWS_EXPIRED && pausing)) {
		serve(chain, chain->current, NULL);
	} else if (state == AWS_AGEING) {
		search(chain);
		serve(chain, chain->current, NULL);
	} else if (pausing) {
		serve(chain, NULL, &chain->why);
	} else {
		search(chain);
	}
}

static void on_timer(void *ctx)
{
	settle(ctx);
}

struct aws_chain *aws_chain_new(const struct aws_source_deps *deps, struct aws_caller *caller)
{
	struct aws_chain *chain = xcalloc(1, sizeof(*chain));

	chain->deps = *deps;
	chain->caller = caller;
	list_init(&chain->waits);
	loop_timer_init(&chain->timer, on_timer, chain);
	return chain;
}

void aws_chain_free(struct aws_chain *chain)
{
	if (chain == NULL) {
		return;
	}
	while (!list_empty(&chain->waits)) {
		list_unlink(chain->waits.next);
	}
	aws_walk_stop(chain->walk);
	loop_timer_clear(chain->deps.loop, &chain->timer);
	aws_credentials_unref(chain->current);
	free(chain);
}

void aws_chain_get(struct aws_chain *chain, struct aws_wait *wait)
{
	list_push_back(&chain->waits, &wait->link);
	loop_timer_set(chain->deps.loop, &chain->timer, loop_now_us(chain->deps.loop));
}

void aws_chain_reject(struct aws_chain *chain, const struct aws_credentials *creds)
{
	if (chain->current == creds && creds != NULL) {
		aws_credentials_unref(chain->current);
		chain->current = NULL;
		chain->not_before_us = 0;
	}
}
