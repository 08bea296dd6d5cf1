/* SPDX-License-Identifier: Apache-2.0 */
/* The response queue: purging, waiting, whose response it is. */
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/bridge_rules.h"
#include "core/invocation.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "edge/payload.h"
#include "edge/proxy_lambda_priv.h"
#include "edge/sqs.h"

static const int long_poll_s = 20;
/* Long enough to settle what was received; what a proxy that was ended takes with it comes back as soon. */
static const int hide_s = 5;
static const int64_t retry_us = 2 * 1000 * 1000;
/* So long an answer, or the next receive, waits for what was received to be deleted or put back. */
static const int64_t settle_us = 2 * 1000 * 1000;
/* A response to another proxy goes back to the queue at once, and whoever had it steps aside for a moment, so that it finds
 * its way: those who do not want it become fewer with each try. After so many tries the other has probably gone. */
static const unsigned free_returns = 100;
static const int64_t aside_us = 20 * 1000;

static void wait_for_response(void *ctx);

/* --- whose is it? --- */

enum owner { OWNER_MINE, OWNER_OTHER, OWNER_NOBODY };

static enum owner owner_of(const struct proxy_lambda *p, const struct sqs_message *m)
{
	const struct sqs_attribute *request = sqs_message_attribute(m, BRIDGE_ATTR_REQUEST);
	const struct sqs_attribute *deadline = sqs_message_attribute(m, BRIDGE_ATTR_DEADLINE);
	uint64_t deadline_ms;

	/* Older emulators say nothing: the first message that comes is the answer, and before the event was sent what is
	 * there is left over. */
	if (request == NULL || strcmp(request->value, p->event->id) == 0) {
		return p->sent || request != NULL ? OWNER_MINE : OWNER_NOBODY;
	}
	if (deadline != NULL && text_to_u64(deadline->value, 0, INT64_MAX, &deadline_ms) &&
	    (int64_t)deadline_ms < clock_wall_ms()) {
		return OWNER_NOBODY;
	}
	return deadline != NULL ? OWNER_OTHER : OWNER_NOBODY;
}

/* --- settling what was received: all at once, because others wait for it --- */

static void on_settled(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct proxy_settling *one = ctx;
	struct proxy_lambda *p = one->home;

	(void)text;
	one->call = NULL;
	p->settling_count--;
	if (failure != NULL) {
		log_warn("a response could not be %s: %s", one->deletes ? "deleted" : "put back", failure->message);
		p->delete_failed = p->delete_failed || one->deletes;
	}
	if (p->settling_count == 0) {
		p->settled(p);
	}
}

static unsigned return_wait_s(const struct sqs_message *m)
{
	const char *text = sqs_message_system(m, "ApproximateReceiveCount");
	uint64_t receives;

	return text != NULL && text_to_u64(text, free_returns, UINT32_MAX, &receives) ? 1 : 0;
}

static void cancel_settling(struct proxy_lambda *p)
{
	for (unsigned i = 0; i < PROXY_BATCH; i++) {
		aws_call_cancel(p->settling[i].call);
		p->settling[i].call = NULL;
	}
	p->settling_count = 0;
}

static void settle(struct proxy_lambda *p, const struct sqs_message *m, bool deletes)
{
	struct proxy_settling *one = &p->settling[p->settling_count++];

	one->home = p;
	one->deletes = deletes;
	one->call = deletes ? sqs_delete(p->sqs, p->responses, m->receipt, on_settled, one)
			    : sqs_change_visibility(p->sqs, p->responses, m->receipt, return_wait_s(m), on_settled,
						    one);
}

/* --- purging --- */

static void purged(struct proxy_lambda *p)
{
	if (p->delete_failed) {
		proxy_fail(p, "Proxy.QueueError", "Error deleting messages: stale responses stay on %s",
			   p->responses);
	} else if (p->purge_again) {
		proxy_purge(p);
	} else {
		proxy_send(p);
	}
}

/* No queue, or none that this function may read. */
static bool means_no_queue(const struct proxy_lambda *p, const struct aws_failure *f)
{
	return p->responses_guessed && f->trouble == AWS_REFUSED &&
	       (strstr(f->code, "QueueDoesNotExist") != NULL || strstr(f->code, "NonExistentQueue") != NULL ||
		strstr(f->code, "AccessDenied") != NULL);
}

static void on_stale(void *ctx, const struct aws_failure *failure, const struct sqs_message *messages, size_t count)
{
	struct proxy_lambda *p = ctx;
	unsigned stale = 0;

	p->call = NULL;
	if (failure != NULL && means_no_queue(p, failure)) {
		log_info("No response queue is configured: the caller gets null queue=%s code=%s", p->responses,
			 failure->code);
		free(p->responses);
		p->responses = NULL;
		proxy_send(p);
		return;
	}
	if (failure != NULL) {
		proxy_fail(p, "Proxy.QueueError", "Failed to receive messages: %s", failure->message);
		return;
	}
	p->settled = purged;
	p->delete_failed = false;
	for (size_t i = 0; i < count && i < PROXY_BATCH; i++) {
		bool deletes = owner_of(p, &messages[i]) != OWNER_OTHER;

		stale += deletes;
		settle(p, &messages[i], deletes);
	}
	if (stale > 0) {
		log_info("stale responses are deleted count=%u", stale);
	}
	/* Others' responses would come again and again; who sends such ones marks all, so that the rest does no harm. */
	p->purge_again = stale > 0;
	if (p->settling_count == 0) {
		purged(p);
	}
}

void proxy_purge(struct proxy_lambda *p)
{
	const struct sqs_receive_args args = { .queue_url = p->responses,
					       .max = PROXY_BATCH,
					       .visibility_s = hide_s };

	p->call = sqs_receive(p->sqs, &args, on_stale, p);
}

/* --- waiting --- */

void proxy_give_response(struct proxy_lambda *p)
{
	struct blob *message = steal_ptr(&p->response);
	char why[160];
	struct blob *body = payload_unpack(message, MAX_RESPONSE_BODY, why, sizeof(why));

	blob_unref(message);
	if (body == NULL) {
		proxy_fail(p, "Proxy.InvalidResponse", "Failed to decode the response: %s", why);
	} else if (p->response_error != NULL) {
		proxy_respond_error(p, p->response_error, body);
	} else {
		proxy_respond(p, body);
	}
}

/* 1 to 4: two that step aside at the same time must not come back at the same time. */
static int64_t random_aside_us(void)
{
	char hex[3];

	text_random_hex(hex, 1);
	return ((hex[1] & 3) + 1) * aside_us;
}

/* That the answer could not be deleted is no reason not to give it: the next purge will. */
static void sorted_out(struct proxy_lambda *p)
{
	if (p->response != NULL) {
		proxy_give_response(p);
	} else {
		loop_timer_set(p->deps.loop, &p->retry, loop_now_us(p->deps.loop) + random_aside_us());
	}
}

static void take_response(struct proxy_lambda *p, const struct sqs_message *m)
{
	const struct sqs_attribute *error = sqs_message_attribute(m, BRIDGE_ATTR_ERROR);

	p->response_error = error != NULL ? xstrdup(error->value) : NULL;
	p->response = blob_ref(m->body);
}

static void on_responses(void *ctx, const struct aws_failure *failure, const struct sqs_message *messages,
			 size_t count)
{
	struct proxy_lambda *p = ctx;

	p->call = NULL;
	if (failure != NULL && !failure->transient) {
		proxy_fail(p, "Proxy.QueueError", "Failed to receive messages: %s", failure->message);
		return;
	}
	if (failure != NULL) {
		log_warn("Failed to receive messages, trying again: %s", failure->message);
		loop_timer_set(p->deps.loop, &p->retry, loop_now_us(p->deps.loop) + retry_us);
		return;
	}
	p->settled = sorted_out;
	for (size_t i = 0; i < count && i < PROXY_BATCH; i++) {
		enum owner owner = owner_of(p, &messages[i]);

		if (owner == OWNER_MINE && p->response == NULL) {
			take_response(p, &messages[i]);
		}
		settle(p, &messages[i], owner != OWNER_OTHER);
	}
	if (p->settling_count == 0) {
		wait_for_response(p);
	} else {
		loop_timer_set(p->deps.loop, &p->retry, loop_now_us(p->deps.loop) + settle_us);
	}
}

static void wait_for_response(void *ctx)
{
	struct proxy_lambda *p = ctx;
	int64_t left_s = (p->deadline_ms - clock_wall_ms()) / 1000;
	const struct sqs_receive_args args = {
		.queue_url = p->responses,
		.max = PROXY_BATCH,
		.wait_s = left_s <= 0		 ? 1
			  : left_s < long_poll_s ? (unsigned)left_s
						 : (unsigned)long_poll_s,
		.visibility_s = hide_s,
	};

	p->call = sqs_receive(p->sqs, &args, on_responses, p);
}

/* Time to receive again, or settling takes too long. What is not settled comes back when it is hidden no longer. */
static void on_retry(void *ctx)
{
	struct proxy_lambda *p = ctx;

	if (p->settling_count > 0) {
		log_warn("messages could not be deleted or put back in time count=%u queue=%s", p->settling_count,
			 p->responses);
		cancel_settling(p);
	}
	if (p->response != NULL) {
		proxy_give_response(p);
	} else {
		wait_for_response(p);
	}
}

void proxy_wait(struct proxy_lambda *p)
{
	loop_timer_init(&p->retry, on_retry, p);
	wait_for_response(p);
}

void proxy_wait_reset(struct proxy_lambda *p)
{
	aws_call_cancel(p->call);
	p->call = NULL;
	loop_timer_clear(p->deps.loop, &p->retry);
	cancel_settling(p);
	blob_unref(p->response);
	p->response = NULL;
	free(p->response_error);
	p->response_error = NULL;
}
