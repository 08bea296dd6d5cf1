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

static const unsigned purge_batch = 10;
static const int long_poll_s = 20;
/* Long enough to delete what was received; what a proxy that was ended takes with it comes back as soon. */
static const int hide_s = 5;
static const int64_t retry_us = 2 * 1000 * 1000;
/* A response to another proxy goes back to the queue at once, and whoever had it steps aside for a moment, so that it finds
 * its way: those who do not want it become fewer with each try. After so many tries the other has probably gone. */
static const unsigned free_returns = 20;
static const int64_t aside_us = 50 * 1000;

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

/* --- purging --- */

static void release_foreign(struct proxy_lambda *p);

static void on_released(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct proxy_lambda *p = ctx;

	(void)text;
	p->call = NULL;
	if (failure != NULL) {
		log_warn("another proxy's response stays hidden for %d s: %s", hide_s, failure->message);
	}
	release_foreign(p);
}

static void release_foreign(struct proxy_lambda *p)
{
	char *receipt;

	if (p->foreign_count == 0) {
		if (p->purge_again) {
			proxy_purge(p);
		} else {
			proxy_send(p);
		}
		return;
	}
	receipt = p->foreign[--p->foreign_count];
	p->call = sqs_change_visibility(p->sqs, p->responses, receipt, 0, on_released, p);
	free(receipt);
}

static void on_purged(void *ctx, const struct aws_failure *failure, const bool *failed, size_t count)
{
	struct proxy_lambda *p = ctx;

	(void)failed;
	p->call = NULL;
	if (failure != NULL) {
		proxy_fail(p, "Proxy.QueueError", "Error deleting messages: %s", failure->message);
		return;
	}
	log_info("stale responses deleted count=%zu", count);
	release_foreign(p);
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
	const char *stale[10];
	size_t stale_count = 0;

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
	for (size_t i = 0; i < count && i < countof(stale); i++) {
		if (owner_of(p, &messages[i]) != OWNER_OTHER) {
			stale[stale_count++] = messages[i].receipt;
		} else if (p->foreign_count < PROXY_FOREIGN_MAX) {
			p->foreign[p->foreign_count++] = xstrdup(messages[i].receipt);
		}
	}
	/* Others' responses would come again and again; who sends such ones marks all, so that the rest does no harm. */
	p->purge_again = stale_count > 0;
	if (stale_count > 0) {
		p->call = sqs_delete_batch(p->sqs, p->responses, stale, stale_count, on_purged, p);
	} else {
		release_foreign(p);
	}
}

void proxy_purge(struct proxy_lambda *p)
{
	const struct sqs_receive_args args = { .queue_url = p->responses,
					       .max = purge_batch,
					       .visibility_s = hide_s };

	p->call = sqs_receive(p->sqs, &args, on_stale, p);
}

/* --- waiting --- */

static void give_response(struct proxy_lambda *p)
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

static void on_deleted(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct proxy_lambda *p = ctx;

	(void)text;
	p->call = NULL;
	if (failure != NULL) {
		/* The answer is at hand; that it comes up again is the next purge's affair. */
		log_warn("Error deleting messages: %s", failure->message);
	}
	give_response(p);
}

static void on_passed_on(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct proxy_lambda *p = ctx;

	(void)text;
	p->call = NULL;
	if (failure != NULL) {
		log_warn("a response that is not ours could not be put back: %s", failure->message);
	}
	loop_timer_set(p->deps.loop, &p->retry, loop_now_us(p->deps.loop) + (int64_t)p->aside * aside_us);
}

/* 1 to 4: two that step aside at the same time must not come back at the same time. */
static unsigned random_aside(void)
{
	char hex[3];

	text_random_hex(hex, 1);
	return (unsigned)(hex[1] & 3) + 1;
}

static void pass_on(struct proxy_lambda *p, const struct sqs_message *m, enum owner owner)
{
	const char *text = sqs_message_system(m, "ApproximateReceiveCount");
	uint64_t receives = 1;

	if (owner == OWNER_NOBODY) {
		log_info("a stale response was deleted message=%s", m->id);
		p->aside = 0;
		p->call = sqs_delete(p->sqs, p->responses, m->receipt, on_passed_on, p);
		return;
	}
	if (text == NULL || !text_to_u64(text, 1, 1000, &receives)) {
		receives = 1;
	}
	p->aside = random_aside();
	p->call = sqs_change_visibility(p->sqs, p->responses, m->receipt, receives > free_returns ? 1 : 0,
					on_passed_on, p);
}

static void on_response(void *ctx, const struct aws_failure *failure, const struct sqs_message *messages,
			size_t count)
{
	struct proxy_lambda *p = ctx;
	const struct sqs_attribute *error;
	enum owner owner;

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
	if (count == 0) {
		wait_for_response(p);
		return;
	}
	owner = owner_of(p, &messages[0]);
	if (owner != OWNER_MINE) {
		pass_on(p, &messages[0], owner);
		return;
	}
	error = sqs_message_attribute(&messages[0], BRIDGE_ATTR_ERROR);
	p->response_error = error != NULL ? xstrdup(error->value) : NULL;
	p->response = blob_ref(messages[0].body);
	p->call = sqs_delete(p->sqs, p->responses, messages[0].receipt, on_deleted, p);
}

static void wait_for_response(void *ctx)
{
	struct proxy_lambda *p = ctx;
	int64_t left_s = (p->deadline_ms - clock_wall_ms()) / 1000;
	const struct sqs_receive_args args = {
		.queue_url = p->responses,
		.max = 1,
		.wait_s = left_s <= 0		 ? 1
			  : left_s < long_poll_s ? (unsigned)left_s
						 : (unsigned)long_poll_s,
		.visibility_s = hide_s,
	};

	p->call = sqs_receive(p->sqs, &args, on_response, p);
}

void proxy_wait(struct proxy_lambda *p)
{
	loop_timer_init(&p->retry, wait_for_response, p);
	wait_for_response(p);
}

void proxy_wait_reset(struct proxy_lambda *p)
{
	aws_call_cancel(p->call);
	p->call = NULL;
	loop_timer_clear(p->deps.loop, &p->retry);
	while (p->foreign_count > 0) {
		free(p->foreign[--p->foreign_count]);
	}
	blob_unref(p->response);
	p->response = NULL;
	free(p->response_error);
	p->response_error = NULL;
}
