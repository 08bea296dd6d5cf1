/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and receiving of the SQS bridge. */
#include "edge/sqs_bridge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/dispatch.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "edge/managed_settings.h"
#include "edge/sqs.h"
#include "edge/sqs_bridge_priv.h"

static const unsigned long_poll_s = 20;
static const unsigned batch_max = 10;
/* Failed events that may wait for a restart. Beyond, the queue is left alone: no function fails as often and is mended. */
static const unsigned held_max = 100;

/* --- looking up queues --- */

/* The names that are looked up for "auto", the usual one first. */
static const char *const request_names[] = { "proxy_lambda_req", "PROXY_LAMBDA_REQ", NULL };
static const char *const response_names[] = { "proxy_lambda_resp", "PROXY_LAMBDA_RESP", NULL };

static void look_up(struct sqs_bridge *b);

static void print_start(const struct sqs_bridge *b)
{
	const struct config *cfg = b->deps.cfg;

	log_info("SQS bridge request_queue=%s response_queue=%s", b->requests,
		 b->responses != NULL ? b->responses : "none (asynchronous: nobody is answered)");
	log_info("for a runtime that is started by hand: export AWS_LAMBDA_FUNCTION_VERSION='%s' && export "
		 "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%llu && export AWS_LAMBDA_FUNCTION_NAME=%s && export "
		 "AWS_LAMBDA_RUNTIME_API=%s",
		 cfg->version, (unsigned long long)cfg->memory_mb, cfg->function_name, b->deps.runtime_api);
}

static void wait_for_retry(struct sqs_bridge *b, unsigned seconds)
{
	b->waiting = true;
	loop_timer_set(b->deps.loop, &b->retry, loop_now_us(b->deps.loop) + (int64_t)seconds * 1000000);
}

static void on_looked_up(void *ctx, const struct aws_failure *failure, const char *url)
{
	struct sqs_bridge *b = ctx;
	char **slot = b->requests == NULL ? &b->requests : &b->responses;
	const char *const *names = b->requests == NULL ? request_names : response_names;

	b->call = NULL;
	if (failure == NULL) {
		*slot = xstrdup(url);
		b->lookup = 0;
		b->receive_failures = 0;
	} else if (names[b->lookup + 1] != NULL && failure->trouble == AWS_REFUSED) {
		b->lookup++;
	} else {
		unsigned wait = bridge_receive_wait_s(++b->receive_failures);

		b->stats.failures++;
		b->lookup = 0;
		log_warn("queue %s not found, trying again in %u s: %s", names[0], wait, failure->message);
		wait_for_retry(b, wait);
		return;
	}
	look_up(b);
}

/* Settles the URLs one after the other, then begins. */
static void look_up(struct sqs_bridge *b)
{
	const struct config *cfg = b->deps.cfg;
	const char *name = NULL;

	if (b->requests == NULL) {
		name = request_names[b->lookup];
	} else if (b->responses == NULL && cfg->bridge_responses != NULL) {
		name = response_names[b->lookup];
	}
	if (name == NULL) {
		print_start(b);
		bridge_pump(b);
		return;
	}
	b->call = sqs_get_queue_url(b->deps.sqs, name, NULL, on_looked_up, b);
}

static bool is_looked_up(const struct sqs_bridge *b)
{
	return b->requests != NULL && (b->responses != NULL || b->deps.cfg->bridge_responses == NULL);
}

/* --- receiving --- */

static unsigned places(const struct sqs_bridge *b)
{
	unsigned all = managed_capacity(b->deps.cfg);
	unsigned running = b->count[DELIVERY_RUNNING];
	unsigned ending = b->count[DELIVERY_SENDING] + b->count[DELIVERY_DELETING];

	/* Answers may be on their way while the next events run, but must not pile up when they cannot be sent. */
	return running < all && ending < all + batch_max && b->count[DELIVERY_HELD] < held_max ? all - running : 0;
}

static void on_messages(void *ctx, const struct aws_failure *failure, const struct sqs_message *messages,
			size_t count)
{
	struct sqs_bridge *b = ctx;

	b->call = NULL;
	if (failure != NULL) {
		unsigned wait = bridge_receive_wait_s(++b->receive_failures);

		b->stats.failures++;
		log_warn("Failed to get messages: %s; trying again in %u s", failure->message, wait);
		wait_for_retry(b, wait);
		return;
	}
	if (b->receive_failures > 0) {
		log_info("messages can be received again queue=%s", b->requests);
		b->receive_failures = 0;
	}
	if (!b->polled && count == 0) {
		log_info("Lambda connected. Waiting for an incoming event from AWS.");
	}
	b->polled = true;
	for (size_t i = 0; i < count; i++) {
		delivery_take(b, &messages[i]);
	}
	bridge_pump(b);
}

static void receive(struct sqs_bridge *b)
{
	unsigned free_places = places(b);
	const struct sqs_receive_args args = {
		.queue_url = b->requests,
		.max = free_places < batch_max ? free_places : batch_max,
		.wait_s = b->polled ? long_poll_s : 0,
		.visibility_s = (int)BRIDGE_HIDE_S,
	};

	if (free_places > 0 && b->call == NULL && !b->draining && is_looked_up(b)) {
		b->call = sqs_receive(b->deps.sqs, &args, on_messages, b);
	}
}

static void on_pump(void *ctx)
{
	struct sqs_bridge *b = ctx;

	if (!b->waiting) {
		receive(b);
	}
}

static void on_retry(void *ctx)
{
	struct sqs_bridge *b = ctx;

	b->waiting = false;
	if (is_looked_up(b)) {
		receive(b);
	} else {
		look_up(b);
	}
}

void bridge_pump(struct sqs_bridge *b)
{
	loop_timer_set(b->deps.loop, &b->pump, loop_now_us(b->deps.loop));
}

/* --- life --- */

struct sqs_bridge *sqs_bridge_new(const struct sqs_bridge_deps *deps)
{
	struct sqs_bridge *b = xcalloc(1, sizeof(*b));
	const struct config *cfg = deps->cfg;

	b->deps = *deps;
	b->policy.answer_errors = cfg->bridge_answer_errors;
	b->policy.auto_rerun_s = config_rerun_s(cfg);
	b->error_us = INT64_MIN / 2;
	list_init(&b->deliveries);
	loop_timer_init(&b->retry, on_retry, b);
	loop_timer_init(&b->pump, on_pump, b);
	if (strcmp(cfg->bridge_requests, "auto") != 0) {
		b->requests = xstrdup(cfg->bridge_requests);
	}
	if (cfg->bridge_responses != NULL && strcmp(cfg->bridge_responses, "auto") != 0) {
		b->responses = xstrdup(cfg->bridge_responses);
	}
	return b;
}

void sqs_bridge_free(struct sqs_bridge *b)
{
	struct list *pos, *tmp;

	if (b == NULL) {
		return;
	}
	aws_call_cancel(b->call);
	list_foreach_safe(&b->deliveries, pos, tmp) {
		delivery_free(container_of(pos, struct delivery, link));
	}
	loop_timer_clear(b->deps.loop, &b->retry);
	loop_timer_clear(b->deps.loop, &b->pump);
	for (unsigned i = 0; i < ANSWERED_KEPT; i++) {
		free(b->answered[i]);
	}
	free(b->requests);
	free(b->responses);
	free(b);
}

void sqs_bridge_start(struct sqs_bridge *b)
{
	look_up(b);
}

static void return_held(struct sqs_bridge *b, bool may_spin)
{
	struct list *pos, *tmp;

	list_foreach_safe(&b->deliveries, pos, tmp) {
		struct delivery *d = container_of(pos, struct delivery, link);

		if (d->stage == DELIVERY_HELD) {
			unsigned wait = may_spin ? bridge_return_wait_s(&b->policy, OUTCOME_EXIT, d->receives + 1)
						 : 0;

			log_info("a runtime was restarted: the event runs again message=%s wait_s=%u", d->message_id,
				 wait);
			delivery_return(d, wait);
		}
	}
}

void sqs_bridge_runtime_lost(struct sqs_bridge *b)
{
	if (b != NULL && b->count[DELIVERY_HELD] > 0) {
		return_held(b, loop_now_us(b->deps.loop) - b->error_us < BRIDGE_OWN_END_US);
	}
}

void sqs_bridge_drain(struct sqs_bridge *b)
{
	struct list *pos;

	if (b == NULL || b->draining) {
		return;
	}
	b->draining = true;
	loop_timer_clear(b->deps.loop, &b->retry);
	aws_call_cancel(b->call);
	b->call = NULL;
	return_held(b, false);
	list_foreach(&b->deliveries, pos) {
		delivery_hurry(container_of(pos, struct delivery, link));
	}
}

unsigned sqs_bridge_busy(const struct sqs_bridge *b)
{
	unsigned n = 0;

	for (unsigned i = 0; b != NULL && i < DELIVERY_STAGES; i++) {
		n += b->count[i];
	}
	return n;
}

static void render(struct buf *out, const char *outcome, uint64_t n)
{
	buf_printf(out, "lambda_sqs_bridge_messages_total{fate=\"%s\"} %llu\n", outcome, (unsigned long long)n);
}

void sqs_bridge_render(const struct sqs_bridge *b, struct buf *out)
{
	buf_puts(out,
		 "# HELP lambda_sqs_bridge_messages_total Messages of the request queue by what became of them.\n"
		 "# TYPE lambda_sqs_bridge_messages_total counter\n");
	render(out, "received", b->stats.received);
	render(out, "duplicate", b->stats.duplicates);
	render(out, "answered", b->stats.answered);
	render(out, "answered_error", b->stats.answered_errors);
	render(out, "response_dropped", b->stats.dropped);
	render(out, "returned", b->stats.returned);
	render(out, "held", b->stats.held);
	render(out, "unusable", b->stats.unusable);
	buf_puts(out, "# HELP lambda_sqs_bridge_failures_total Calls of SQS that failed after all retries.\n"
		      "# TYPE lambda_sqs_bridge_failures_total counter\n");
	buf_printf(out, "lambda_sqs_bridge_failures_total %llu\n", (unsigned long long)b->stats.failures);
	buf_puts(out,
		 "# HELP lambda_sqs_bridge_messages Messages at hand.\n# TYPE lambda_sqs_bridge_messages gauge\n");
	buf_printf(out, "lambda_sqs_bridge_messages{state=\"working\"} %u\n",
		   sqs_bridge_busy(b) - b->count[DELIVERY_HELD]);
	buf_printf(out, "lambda_sqs_bridge_messages{state=\"held\"} %u\n", b->count[DELIVERY_HELD]);
}
