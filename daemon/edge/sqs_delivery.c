/* SPDX-License-Identifier: Apache-2.0 */
/* One message of the request queue, from its arrival to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/dispatch.h"
#include "core/envelope.h"
#include "core/function_name.h"
#include "core/sqs_refusal.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "edge/payload.h"
#include "edge/sqs.h"
#include "edge/sqs_bridge_priv.h"

/* Of a message besides its event: the context, generously. */
static const size_t envelope_room = 1024 * 1024;
/* While the daemon ends there is not the time to wait for a server that is away: the request stays, nothing is lost. */
static const unsigned drain_attempts = 2;

static void send_answer(struct delivery *d);
static void delete_request(struct delivery *d);

static void set_timer(const struct delivery *d, struct loop_timer *t, unsigned seconds)
{
	loop_timer_set(d->home->deps.loop, t, loop_now_us(d->home->deps.loop) + (int64_t)seconds * 1000000);
}

static void set_stage(struct delivery *d, enum delivery_stage stage)
{
	d->home->count[d->stage]--;
	d->home->count[stage]++;
	d->stage = stage;
	bridge_pump(d->home);
}

void delivery_free(struct delivery *d)
{
	struct sqs_bridge *b = d->home;

	list_unlink(&d->link);
	b->count[d->stage]--;
	aws_call_cancel(d->call);
	aws_call_cancel(d->renewal);
	loop_timer_clear(b->deps.loop, &d->renew);
	loop_timer_clear(b->deps.loop, &d->retry);
	if (d->has_inv) {
		dispatch_cancel(b->deps.dispatch, &d->inv, loop_now_us(b->deps.loop));
		invocation_fini(&d->inv);
	}
	blob_unref(d->answer);
	free(d->message_id);
	free(d->receipt);
	free(d->correlation);
	free(d->deadline);
	free(d->sent_for);
	free(d->error_type);
	free(d);
	bridge_pump(b);
}

/* --- keeping it hidden --- */

static void on_renewed(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct delivery *d = ctx;

	(void)text;
	d->renewal = NULL;
	if (failure != NULL) {
		log_warn("a message could not be kept hidden and may be delivered again message=%s: %s",
			 d->message_id, failure->message);
	}
}

static void on_renew(void *ctx)
{
	struct delivery *d = ctx;

	if (d->renewal == NULL) {
		d->renewal = sqs_change_visibility(d->home->deps.sqs, d->home->requests, d->receipt, BRIDGE_HIDE_S,
						   on_renewed, d);
	}
	set_timer(d, &d->renew, BRIDGE_RENEW_S);
}

/* --- back to the queue --- */

static void on_returned(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct delivery *d = ctx;

	(void)text;
	d->call = NULL;
	if (failure != NULL) {
		log_warn("a message could not be given back and stays hidden for a while message=%s: %s",
			 d->message_id, failure->message);
	}
	delivery_free(d);
}

void delivery_return(struct delivery *d, unsigned wait_s)
{
	set_stage(d, DELIVERY_RETURNING);
	d->home->stats.returned++;
	loop_timer_clear(d->home->deps.loop, &d->renew);
	/* A renewal that arrives after it would undo it. */
	aws_call_cancel(d->renewal);
	d->renewal = NULL;
	d->call = sqs_change_visibility(d->home->deps.sqs, d->home->requests, d->receipt, wait_s, on_returned, d);
}

/* --- answering --- */

/* Another try later, or the end: nothing is lost, the request is still there. */
static void try_again(struct delivery *d, const char *what, const struct aws_failure *failure)
{
	unsigned wait = bridge_receive_wait_s(++d->failures);

	d->home->stats.failures++;
	log_warn("%s message=%s: %s; trying again in %u s", what, d->message_id, failure->message, wait);
	if (d->home->draining && d->failures >= drain_attempts) {
		delivery_free(d);
	} else {
		set_timer(d, &d->retry, wait);
	}
}

static void on_retry(void *ctx)
{
	struct delivery *d = ctx;

	if (d->stage == DELIVERY_SENDING) {
		send_answer(d);
	} else {
		delete_request(d);
	}
}

void delivery_hurry(struct delivery *d)
{
	if ((d->stage == DELIVERY_SENDING || d->stage == DELIVERY_DELETING) && d->call == NULL) {
		set_timer(d, &d->retry, 0);
	}
}

static void remember_answered(struct sqs_bridge *b, const char *name)
{
	char **slot = &b->answered[b->answered_at++ % ANSWERED_KEPT];

	free(*slot);
	*slot = xstrdup(name);
}

static bool was_answered(const struct sqs_bridge *b, const char *name)
{
	for (unsigned i = 0; i < ANSWERED_KEPT; i++) {
		if (b->answered[i] != NULL && strcmp(b->answered[i], name) == 0) {
			return true;
		}
	}
	return false;
}

static void on_deleted(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct delivery *d = ctx;

	(void)text;
	d->call = NULL;
	if (failure != NULL && sqs_may_try_again(failure)) {
		try_again(d, "an answered request could not be deleted", failure);
		return;
	}
	if (failure != NULL) {
		d->home->stats.failures++;
		log_error("an answered request could not be deleted message=%s: %s", d->message_id, failure->message);
	} else {
		log_debug("Response sent and request deleted from the queue message=%s", d->message_id);
	}
	delivery_free(d);
}

static void delete_request(struct delivery *d)
{
	if (d->stage != DELIVERY_DELETING) {
		d->failures = 0;
	}
	set_stage(d, DELIVERY_DELETING);
	d->call = sqs_delete(d->home->deps.sqs, d->home->requests, d->receipt, on_deleted, d);
}

/* What the function has done is done: it does not run again should the deletion fail. */
static void end_answered(struct delivery *d)
{
	remember_answered(d->home, d->message_id);
	if (d->sent_for != NULL) {
		remember_answered(d->home, d->sent_for);
	}
	delete_request(d);
}

/* The log is the last place where the response can be seen. */
static void drop_answer(struct delivery *d, const struct aws_failure *failure)
{
	struct blob *text;
	char why[128];

	d->home->stats.failures++;
	log_error("Response dropped: the response queue refuses it message=%s: %s", d->message_id, failure->message);
	text = payload_unpack(d->answer, MAX_RESPONSE_BODY + envelope_room, why, sizeof(why));
	if (text != NULL) {
		log_warn("the dropped response begins message=%s response=%s", d->message_id, text->data);
	}
	blob_unref(text);
	blob_unref(d->answer);
	d->answer = NULL;
}

static void set_too_large(struct delivery *d, const char *why)
{
	char text[320];

	snprintf(text, sizeof(text),
		 "{\"errorType\":\"" FAULT_TOO_LARGE "\",\"errorMessage\":\"Response dropped: %s\"}", why);
	d->answer = blob_copy(text, strlen(text));
	free(d->error_type);
	d->error_type = xstrdup(FAULT_TOO_LARGE);
}

static void on_refused(struct delivery *d, const struct aws_failure *failure)
{
	bool told = d->error_type != NULL && strcmp(d->error_type, FAULT_TOO_LARGE) == 0;
	size_t size = d->answer->len;
	char why[128];

	drop_answer(d, failure);
	if (sqs_judge(failure->code, failure->message) == SQS_TOO_LARGE && !told) {
		snprintf(why, sizeof(why), "with %zu bytes it is larger than the response queue takes", size);
		set_too_large(d, why);
		send_answer(d);
	} else {
		d->home->stats.dropped++;
		delete_request(d);
	}
}

static void on_sent(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct delivery *d = ctx;
	struct sqs_bridge *b = d->home;

	(void)text;
	d->call = NULL;
	if (failure != NULL && sqs_may_try_again(failure)) {
		try_again(d, "a response could not be sent", failure);
		return;
	}
	if (failure != NULL) {
		on_refused(d, failure);
		return;
	}
	if (d->error_type != NULL) {
		b->stats.answered_errors++;
	} else {
		b->stats.answered++;
	}
	end_answered(d);
}

/* Other proxies get what they always got: the bare body. */
static size_t make_attributes(const struct delivery *d, struct sqs_attribute out[3])
{
	size_t n = 0;

	if (d->correlation == NULL) {
		return 0;
	}
	out[n++] = (struct sqs_attribute){ BRIDGE_ATTR_REQUEST, "String", d->correlation, 0 };
	if (d->deadline != NULL) {
		out[n++] = (struct sqs_attribute){ BRIDGE_ATTR_DEADLINE, "Number", d->deadline, 0 };
	}
	if (d->error_type != NULL) {
		out[n++] = (struct sqs_attribute){ BRIDGE_ATTR_ERROR, "String", d->error_type, 0 };
	}
	return n;
}

static void send_answer(struct delivery *d)
{
	struct sqs_attribute attributes[3];
	struct sqs_send_args args = {
		.queue_url = d->home->responses,
		.body = d->answer->data,
		.body_len = d->answer->len,
		.attributes = attributes,
		.attribute_count = make_attributes(d, attributes),
		.delay_s = -1,
	};

	if (text_ends(args.queue_url, ".fifo")) {
		args.group_id = "proxy_lambda";
		args.deduplication_id = d->message_id;
	}
	set_stage(d, DELIVERY_SENDING);
	d->call = sqs_send(d->home->deps.sqs, &args, on_sent, d);
}

static void answer(struct delivery *d, struct blob *body, bool is_error)
{
	struct sqs_bridge *b = d->home;
	size_t limit = (size_t)b->deps.cfg->bridge_max_message;
	struct sqs_attribute attributes[3];
	size_t packed_len = 0;
	size_t beside;
	char why[200];

	if (b->responses == NULL) {
		b->stats.dropped++;
		log_info("Response dropped: no response queue configured message=%s response=%s", d->message_id,
			 body->data);
		end_answered(d);
		return;
	}
	if (is_error) {
		d->error_type = xstrdup("Unhandled");
	}
	beside = sqs_attributes_size(attributes, make_attributes(d, attributes));
	d->answer = payload_pack(body, limit > beside ? limit - beside : 0, &packed_len);
	if (d->answer == NULL) {
		log_error("Response dropped: message size %zuB, max allowed by SQS is %zu bytes message=%s "
			  "compressed=%zu",
			  body->len + beside, limit, d->message_id, packed_len + beside);
		snprintf(why, sizeof(why),
			 "message size %zuB, max allowed by SQS is %zu bytes (PROXY_LAMBDA_MAX_MESSAGE), and "
			 "compressed it is %zu bytes or more.",
			 body->len + beside, limit, limit);
		set_too_large(d, why);
	}
	send_answer(d);
}

static void hold(struct delivery *d)
{
	struct sqs_bridge *b = d->home;

	b->stats.held++;
	b->error_us = loop_now_us(b->deps.loop);
	set_stage(d, DELIVERY_HELD);
	log_warn("Restart your lambda for a rerun message=%s (its process, or this daemon)", d->message_id);
}

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct delivery *d = container_of(inv, struct delivery, inv);
	struct sqs_bridge *b = d->home;
	const char *text = out->body != NULL ? out->body->data : "";
	enum bridge_fate fate = bridge_fate(&b->policy, out->kind);

	/* The timeout of an event that has none is that of an init, or of a drain: none of the function's errors. */
	if ((b->draining && fate == BRIDGE_HOLD) || (out->kind == OUTCOME_TIMEOUT && inv->event->unlimited)) {
		fate = BRIDGE_RETURN;
	}
	if (outcome_is_function_error(out->kind)) {
		log_warn("Lambda error: %s message=%s outcome=%s", text, d->message_id, outcome_name(out->kind));
	} else if (out->kind == OUTCOME_RESPONSE) {
		log_debug("Lambda response: %s message=%s", text, d->message_id);
	}
	switch (fate) {
	case BRIDGE_ANSWER:
	case BRIDGE_ANSWER_ERROR:
		answer(d, out->body, fate == BRIDGE_ANSWER_ERROR);
		break;
	case BRIDGE_HOLD:
		hold(d);
		break;
	case BRIDGE_RETURN:
	case BRIDGE_FATE_COUNT:
		delivery_return(d, bridge_return_wait_s(&b->policy, out->kind, d->receives));
		break;
	}
}

static const struct invocation_ops delivery_ops = { .done = on_done };

/* --- arrival --- */

/* Two with one id in a runtime would get each other's answers. */
static bool is_id_taken(const struct sqs_bridge *b, const char *id)
{
	const struct list *pos;

	list_foreach(&b->deliveries, pos) {
		const struct delivery *d = container_of(pos, struct delivery, link);

		if (d->has_inv && d->stage == DELIVERY_RUNNING && strcmp(d->inv.event->id, id) == 0) {
			return true;
		}
	}
	return false;
}

static struct event *make_event(const struct sqs_bridge *b, const struct envelope *e)
{
	const struct config *cfg = b->deps.cfg;
	struct event *ev = event_new();

	if (e->request_id != NULL && text_is_uuid(e->request_id)) {
		if (is_id_taken(b, e->request_id)) {
			log_debug("a message with that request id is at hand already, this one gets another id=%s "
				  "new_id=%s",
				  e->request_id, ev->id);
		} else {
			strcpy(ev->id, e->request_id);
		}
	}
	ev->body = blob_copy(e->event.ptr, e->event.len);
	ev->arn = e->arn != NULL ? xstrdup(e->arn)
				 : function_arn(cfg->region, cfg->account_id, cfg->function_name, "");
	ev->trace_id = xstrdup(e->trace_id != NULL ? e->trace_id : BRIDGE_NO_TRACE);
	ev->client_context = xstrdup(e->client_context);
	ev->cognito_identity = xstrdup(e->cognito_identity);
	ev->deadline_ms = (int64_t)e->deadline_ms;
	ev->unlimited = !cfg->bridge_enforce_timeout;
	return ev;
}

/* NULL with the reason in why. */
static struct event *read_message(const struct sqs_bridge *b, const struct sqs_message *m, char *why, size_t why_size)
{
	struct blob *text = payload_unpack(m->body, MAX_REQUEST_BODY + envelope_room, why, why_size);
	struct event *ev = NULL;
	struct envelope e;

	if (text == NULL) {
		return NULL;
	}
	if (envelope_read(text->data, text->len, &e, why, why_size) == 0) {
		if (e.event.len > MAX_REQUEST_BODY) {
			snprintf(why, why_size, "its event has %zu bytes, %zu are the limit", e.event.len,
				 MAX_REQUEST_BODY);
		} else {
			ev = make_event(b, &e);
			log_debug("Lambda request: %.*s message=%s", (int)(e.event.len < 900 ? e.event.len : 900),
				  e.event.ptr, m->id);
		}
		if (e.missing != NULL) {
			log_warn("a message came without %s message=%s", e.missing, m->id);
		}
	}
	envelope_fini(&e);
	blob_unref(text);
	return ev;
}

/* A new delivery of a message that is at hand already brings the handle that counts from now on. true: it was one. */
static bool take_duplicate(struct sqs_bridge *b, const struct sqs_message *m)
{
	struct list *pos;

	list_foreach(&b->deliveries, pos) {
		struct delivery *d = container_of(pos, struct delivery, link);

		if (strcmp(d->message_id, m->id) == 0 && d->stage != DELIVERY_RETURNING) {
			log_debug("a message that is being worked on was delivered again message=%s", m->id);
			free(d->receipt);
			d->receipt = xstrdup(m->receipt);
			b->stats.duplicates++;
			return true;
		}
	}
	return false;
}

/* A proxy that did not see the reply to its SendMessage sends once more. What is on its way back to the queue does not count:
 * it may be this very message, which can come again before we hear that it is back. */
static bool is_sent_twice(const struct sqs_bridge *b, const struct delivery *twin)
{
	const struct list *pos;

	if (twin->sent_for == NULL) {
		return false;
	}
	list_foreach(&b->deliveries, pos) {
		const struct delivery *d = container_of(pos, struct delivery, link);

		if (d != twin && !d->is_twin && d->stage != DELIVERY_RETURNING && d->sent_for != NULL &&
		    strcmp(d->sent_for, twin->sent_for) == 0) {
			return true;
		}
	}
	return was_answered(b, twin->sent_for);
}

static char *attribute_of(const struct sqs_message *m, const char *name)
{
	const struct sqs_attribute *a = sqs_message_attribute(m, name);

	return a != NULL && text_starts(a->type, "String")   ? xstrdup(a->value)
	       : a != NULL && text_starts(a->type, "Number") ? xstrdup(a->value)
							     : NULL;
}

static unsigned receive_count(const struct sqs_message *m)
{
	const char *text = sqs_message_system(m, "ApproximateReceiveCount");
	uint64_t n = 1;

	return text != NULL && text_to_u64(text, 1, UINT32_MAX, &n) ? (unsigned)n : 1;
}

static struct delivery *delivery_new(struct sqs_bridge *b, const struct sqs_message *m)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	d->home = b;
	d->stage = DELIVERY_RUNNING;
	d->message_id = xstrdup(m->id);
	d->receipt = xstrdup(m->receipt);
	d->correlation = attribute_of(m, BRIDGE_ATTR_REQUEST);
	d->deadline = attribute_of(m, BRIDGE_ATTR_DEADLINE);
	if (d->correlation != NULL && d->deadline != NULL) {
		d->sent_for = xasprintf("%s %s", d->correlation, d->deadline);
	}
	d->receives = receive_count(m);
	loop_timer_init(&d->renew, on_renew, d);
	loop_timer_init(&d->retry, on_retry, d);
	list_push_back(&b->deliveries, &d->link);
	b->count[d->stage]++;
	return d;
}

void delivery_take(struct sqs_bridge *b, const struct sqs_message *m)
{
	struct event *ev;
	struct delivery *d;
	char why[256];

	b->stats.received++;
	if (take_duplicate(b, m)) {
		return;
	}
	d = delivery_new(b, m);
	if (was_answered(b, m->id) || is_sent_twice(b, d)) {
		log_debug("a message that was answered or sent twice is deleted message=%s", m->id);
		d->is_twin = true;
		b->stats.duplicates++;
		delete_request(d);
		return;
	}
	ev = read_message(b, m, why, sizeof(why));
	if (ev == NULL) {
		b->stats.unusable++;
		log_error("a message on the request queue is not an event and stays there message=%s: %s", m->id,
			  why);
		delivery_return(d, bridge_return_wait_s(&b->policy, OUTCOME_EXIT, d->receives + 1));
		return;
	}
	set_timer(d, &d->renew, BRIDGE_RENEW_S);
	d->has_inv = true;
	invocation_init(&d->inv, &delivery_ops, ev);
	dispatch_submit(b->deps.dispatch, &d->inv, loop_now_us(b->deps.loop));
}
