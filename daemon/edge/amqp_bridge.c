/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries into invocations, outcomes into replies and acknowledgements. */
#include "edge/amqp_bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/dispatch.h"
#include "edge/amqp_rpc.h"
#include "edge/amqp_settings.h"
#include "edge/config.h"
#include "edge/crash_count.h"
#include "io/amqp.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

static const int returns_per_crash = 10;
static const int64_t consumer_timeout_us = (int64_t)1800 * 1000000;

enum phase { SERVING, CANCELLING, FINISHING_PUBLISHER, FINISHING_CONSUMER, FINISHED };

struct amqp_bridge {
	struct amqp_bridge_deps deps;
	struct mailbox *inbox;
	struct loop_fd source;
	struct amqp_consumer *consumer;
	struct amqp_publisher *publisher;
	char *consumer_name;
	char *publisher_name;
	struct crash_count *crashes;
	struct list deliveries; // delivery::link
	unsigned running;	/* of them */
	enum phase phase;
	bool cancelled; /* no further deliveries come */
	bool consumer_up;
	bool publisher_up;
	uint64_t delivered;
	uint64_t redelivered;
	uint64_t replied;
	uint64_t requeued;
	uint64_t refused;
	uint64_t lost_connections;
};

/* A message that is being worked on. */
struct delivery {
	struct invocation inv;
	struct list link;
	struct amqp_bridge *bridge;
	struct amqp_tag tag;
	struct amqp_message msg; /* without its body */
	bool redelivered;
};

/* --- poison: messages that end the runtime --- */

/* FNV-1a */
static uint64_t hash(uint64_t h, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		h = (h ^ (unsigned char)data[i]) * 1099511628211u;
	}
	return h;
}

/* A message without an id is known by what is in it. Correlation ids alone are no ids: clients begin to count at 1. */
static uint64_t hash_content(const struct delivery *d)
{
	const struct blob *body = d->inv.event->body;

	return hash(hash(14695981039346656037u, d->msg.correlation_id, d->msg.correlation_len), body->data,
		    body->len);
}

static const char *key_of(const struct delivery *d, uint64_t *content, size_t *len)
{
	if (d->msg.message_id != NULL) {
		*len = strlen(d->msg.message_id);
		return d->msg.message_id;
	}
	*content = hash_content(d);
	*len = sizeof(*content);
	return (const char *)content;
}

static void forget_crashes(const struct delivery *d)
{
	uint64_t content;
	size_t len;
	const char *key;

	/* A message that comes for the first time has none. */
	if (d->redelivered) {
		key = key_of(d, &content, &len);
		crash_count_forget(d->bridge->crashes, key, len);
	}
}

/* How often did it end a runtime, this time included? A quorum queue counts for all daemons. */
static unsigned count_crash(const struct delivery *d)
{
	uint64_t content;
	unsigned own;
	size_t len;
	const char *key = key_of(d, &content, &len);

	if (!d->redelivered) {
		crash_count_forget(d->bridge->crashes, key, len); /* of another message that looks the same */
	}
	own = crash_count_add(d->bridge->crashes, key, len);
	return d->msg.delivery_count >= (int64_t)own ? (unsigned)d->msg.delivery_count + 1 : own;
}

/* --- the end of a delivery --- */

static void check_finished(struct amqp_bridge *b)
{
	if (b->phase == CANCELLING && b->cancelled && b->running == 0) {
		b->phase = FINISHING_PUBLISHER;
		amqp_publisher_stop(b->publisher);
	}
}

static void delivery_free(struct delivery *d)
{
	struct amqp_bridge *b = d->bridge;

	list_unlink(&d->link);
	b->running--;
	amqp_message_fini(&d->msg);
	invocation_fini(&d->inv);
	free(d);
	check_finished(b);
}

static void answer(struct amqp_bridge *b, struct amqp_mail *reply, struct amqp_tag tag)
{
	if (reply != NULL) {
		b->replied++;
		amqp_publish_then_ack(b->publisher, reply, b->consumer, tag);
	} else {
		amqp_ack(b->consumer, tag);
	}
}

static bool wants_reply(const struct amqp_message *m, const struct event *ev)
{
	return m->reply_to != NULL && (ev == NULL || ev->type != INVOKE_EVENT);
}

static void requeue(struct delivery *d)
{
	d->bridge->requeued++;
	amqp_requeue(d->bridge->consumer, d->tag);
	delivery_free(d);
}

/* Without its consumer an auto-delete queue is gone. */
static bool can_go_back(const struct amqp_bridge *b)
{
	return b->phase == SERVING || !b->deps.settings->auto_delete;
}

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct delivery *d = container_of(inv, struct delivery, inv);
	struct amqp_bridge *b = d->bridge;
	struct amqp_mail *reply = NULL;

	if (out->kind == OUTCOME_SHUTDOWN || out->kind == OUTCOME_THROTTLED) {
		requeue(d);
		return;
	}
	if (out->kind == OUTCOME_EXIT) {
		unsigned crashes = count_crash(d);

		if (crashes < b->deps.settings->max_deliveries && can_go_back(b)) {
			log_warn("AMQP message goes back to the queue: the runtime ended while it worked on it "
				 "requestId=%s "
				 "deliveries=%u",
				 inv->event->id, crashes);
			requeue(d);
			return;
		}
		log_warn("AMQP message is answered with the error: it ended the runtime too often requestId=%s "
			 "deliveries=%u",
			 inv->event->id, crashes);
	}
	forget_crashes(d);
	if (wants_reply(&d->msg, inv->event)) {
		reply = amqp_rpc_reply(b->deps.cfg, &d->msg, inv->event, out);
	}
	answer(b, reply, d->tag);
	delivery_free(d);
}

static const struct invocation_ops delivery_ops = { .done = on_done };

/* --- the start of a delivery --- */

/* Neither is ever run: the caller gets what the Invoke API would say. */
static void refuse(struct amqp_bridge *b, struct amqp_mail *m, const struct invoke_error *e)
{
	b->refused++;
	log_warn("AMQP message refused type=%s reason=\"%s\"", e->type, e->text);
	answer(b, wants_reply(&m->msg, NULL) ? amqp_rpc_error(&m->msg, e) : NULL, m->tag);
}

static void answer_dry_run(struct amqp_bridge *b, const struct amqp_mail *m, const struct event *ev)
{
	struct outcome out = { .kind = OUTCOME_RESPONSE, .body = blob_static("") };

	answer(b, wants_reply(&m->msg, ev) ? amqp_rpc_reply(b->deps.cfg, &m->msg, ev, &out) : NULL, m->tag);
	blob_unref(out.body);
}

/*
 * A daemon that is killed by what the function does leaves no crash count, but a quorum queue counts. It counts what was
 * given back without having run, too, by daemons that came and went: so much more is borne.
 */
static bool was_tried_too_often(const struct amqp_bridge *b, const struct amqp_mail *m)
{
	return m->msg.delivery_count >= (int64_t)b->deps.settings->max_deliveries * returns_per_crash;
}

static void give_up(struct amqp_bridge *b, struct amqp_mail *m, struct event *ev)
{
	struct fault f;
	struct outcome out = { .kind = OUTCOME_EXIT };
	struct amqp_mail *reply = NULL;

	fault_set(&f, FAULT_EXIT_ERROR, "the message was delivered %lld times and never answered",
		  (long long)m->msg.delivery_count);
	log_warn("AMQP message is answered with the error: it was delivered too often requestId=%s deliveries=%lld",
		 ev->id, (long long)m->msg.delivery_count);
	out.body = fault_body(&f, ev->id);
	if (wants_reply(&m->msg, ev)) {
		reply = amqp_rpc_reply(b->deps.cfg, &m->msg, ev, &out);
	}
	blob_unref(out.body);
	event_unref(ev);
	answer(b, reply, m->tag);
}

static void run(struct amqp_bridge *b, struct amqp_mail *m, struct event *ev)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	d->bridge = b;
	d->tag = m->tag;
	d->msg = m->msg;
	memset(&m->msg, 0, sizeof(m->msg));
	d->redelivered = m->redelivered;
	list_push_back(&b->deliveries, &d->link);
	b->running++;
	invocation_init(&d->inv, &delivery_ops, ev);
	/* The prefetch bounds them; and from a queue that goes with its consumer nobody else could take them. */
	d->inv.bounded = true;
	d->inv.no_return = b->deps.settings->auto_delete;
	dispatch_submit(b->deps.dispatch, &d->inv, loop_now_us(b->deps.loop));
}

static void on_delivery(struct amqp_bridge *b, struct amqp_mail *m)
{
	struct invoke_error e;
	struct event *ev = amqp_rpc_event(b->deps.cfg, &m->msg, &e);

	b->delivered++;
	b->redelivered += m->redelivered;
	if (ev == NULL) {
		refuse(b, m, &e);
	} else if (ev->type == INVOKE_DRY_RUN) {
		answer_dry_run(b, m, ev);
		event_unref(ev);
	} else if (was_tried_too_often(b, m)) {
		give_up(b, m, ev);
	} else {
		run(b, m, ev);
	}
}

/*
 * The broker closes the channel on a reply, again and again: over its size limit, say. The caller is told what it can be,
 * and if the broker does not take that either, there is nobody to tell.
 */
static void on_refused(struct amqp_bridge *b, struct amqp_mail *m)
{
	struct invoke_error e;

	if (amqp_message_header(&m->msg, "x-amzn-ErrorType") != NULL) {
		log_error("AMQP request ends without a reply: the broker refused the error, too queue=%s",
			  m->routing_key);
		amqp_ack(b->consumer, m->tag);
		return;
	}
	invoke_error_set(&e, 502, "ServiceException", true, "The message broker refused the reply: %.300s", m->text);
	m->msg.reply_to = xstrdup(m->routing_key);
	answer(b, amqp_rpc_error(&m->msg, &e), m->tag);
}

/* --- what the threads say --- */

static void on_ended(struct amqp_bridge *b, bool publisher)
{
	if (b->phase == FINISHING_PUBLISHER && publisher) {
		/* Its acknowledgements are in the consumer's mailbox already. */
		b->phase = FINISHING_CONSUMER;
		amqp_consumer_stop(b->consumer);
	} else if (b->phase == FINISHING_CONSUMER && !publisher) {
		b->phase = FINISHED;
		b->deps.idle(b->deps.ctx);
	}
}

static void on_cancelled(struct amqp_bridge *b)
{
	b->cancelled = true;
	b->deps.quiet(b->deps.ctx);
	check_finished(b);
}

/* The broker gives them out anew. What runs already runs on: its reply still helps whoever waits. */
static void drop_waiting(struct amqp_bridge *b)
{
	struct list *pos, *tmp;

	if (b->deps.settings->auto_delete) {
		return; /* the queue may have gone with the connection */
	}
	list_foreach_safe(&b->deliveries, pos, tmp) {
		struct delivery *d = container_of(pos, struct delivery, link);

		if (invocation_is_waiting(&d->inv)) {
			dispatch_cancel(b->deps.dispatch, &d->inv, loop_now_us(b->deps.loop));
			delivery_free(d);
		}
	}
}

static void on_up(struct amqp_bridge *b, bool publisher, bool up)
{
	if (publisher) {
		b->publisher_up = up;
	} else {
		b->consumer_up = up;
	}
	b->lost_connections += !up;
	if (!up && !publisher) {
		drop_waiting(b);
	}
}

static void on_mail(void *ctx, struct amqp_mail *m)
{
	struct amqp_bridge *b = ctx;

	switch (m->kind) {
	case AMQP_DELIVERY:
		on_delivery(b, m);
		break;
	case AMQP_UP:
	case AMQP_DOWN:
		on_up(b, m->publisher, m->kind == AMQP_UP);
		break;
	case AMQP_CANCELLED:
		on_cancelled(b);
		break;
	case AMQP_REFUSED:
		on_refused(b, m);
		break;
	case AMQP_FAILED:
		b->deps.failed(b->deps.ctx, m->text);
		break;
	case AMQP_ENDED:
		on_ended(b, m->publisher);
		break;
	case AMQP_CONFIRMED:
	case AMQP_RETURNED:
	case AMQP_BLOCKED:
	case AMQP_UNBLOCKED:
	case AMQP_PUBLISH:
	case AMQP_ACK:
	case AMQP_REQUEUE:
	case AMQP_CANCEL:
	case AMQP_STOP:
		break;
	}
}

static void on_inbox(void *ctx, uint32_t events)
{
	struct amqp_bridge *b = ctx;

	(void)events;
	amqp_mail_each(b->inbox, on_mail, b);
}

/* --- life --- */

static int start_threads(struct amqp_bridge *b)
{
	const struct amqp_settings *s = b->deps.settings;
	const struct amqp_consumer_opts consumer = {
		.uri = &s->uri,
		.name = b->consumer_name,
		.inbox = b->inbox,
		.queue = b->deps.cfg->function_name,
		.durable = s->durable,
		.auto_delete = s->auto_delete,
		.quorum = s->quorum,
		.prefetch = s->prefetch,
		.max_body = MAX_REQUEST_BODY,
	};
	const struct amqp_publisher_opts publisher = {
		.uri = &s->uri,
		.name = b->publisher_name,
		.inbox = b->inbox,
	};

	/* The publisher first: deliveries may be there before the second call returns. */
	b->publisher = amqp_publisher_new(&publisher);
	b->consumer = b->publisher != NULL ? amqp_consumer_new(&consumer) : NULL;
	return b->consumer != NULL ? 0 : -1;
}

/* The broker does not tell how long it waits: its default is taken. */
static void check_consumer_timeout(const struct config *cfg)
{
	if (cfg->timeout_us > consumer_timeout_us) {
		log_warn("AWS_LAMBDA_FUNCTION_TIMEOUT=%lld: RabbitMQ takes back what is not acknowledged after its "
			 "consumer_timeout, by default 1800 s, and the message is run again; set consumer_timeout "
			 "higher",
			 (long long)(cfg->timeout_us / 1000000));
	}
}

struct amqp_bridge *amqp_bridge_new(const struct amqp_bridge_deps *deps, struct err *err)
{
	struct amqp_bridge *b = xcalloc(1, sizeof(*b));

	check_consumer_timeout(deps->cfg);
	b->deps = *deps;
	list_init(&b->deliveries);
	loop_fd_init(&b->source, on_inbox, b);
	b->crashes = crash_count_new();
	b->consumer_name = xasprintf("%s requests", deps->cfg->function_name);
	b->publisher_name = xasprintf("%s replies", deps->cfg->function_name);
	b->inbox = mailbox_new();
	if (b->inbox == NULL || loop_fd_add(deps->loop, &b->source, mailbox_fd(b->inbox), EPOLLIN) != 0 ||
	    start_threads(b) != 0) {
		err_set(err, 1, "AMQP: no thread or mailbox could be made: %s", strerror(errno));
		amqp_bridge_free(b);
		return NULL;
	}
	return b;
}

/* What a thread that was left behind borrows has to stay, and to be found by those who look for leaks. */
static struct amqp_bridge *volatile abandoned;

void amqp_bridge_free(struct amqp_bridge *b)
{
	bool ended;

	if (b == NULL) {
		return;
	}
	while (!list_empty(&b->deliveries)) {
		struct delivery *d = list_first(&b->deliveries, struct delivery, link);

		dispatch_cancel(b->deps.dispatch, &d->inv, loop_now_us(b->deps.loop));
		delivery_free(d);
	}
	loop_fd_del(b->deps.loop, &b->source);
	if (b->phase != FINISHED) {
		if (b->publisher != NULL) {
			amqp_publisher_stop(b->publisher);
		}
		if (b->consumer != NULL) {
			amqp_consumer_stop(b->consumer);
		}
	}
	ended = amqp_publisher_join(b->publisher);
	ended = amqp_consumer_join(b->consumer) && ended;
	if (!ended) {
		abandoned = b;
		return;
	}
	amqp_publisher_free(b->publisher);
	amqp_consumer_free(b->consumer);
	crash_count_free(b->crashes);
	if (b->inbox != NULL) {
		amqp_mail_each(b->inbox, NULL, NULL);
		mailbox_free(b->inbox);
	}
	free(b->consumer_name);
	free(b->publisher_name);
	free(b);
}

void amqp_bridge_quiesce(struct amqp_bridge *b)
{
	if (b->phase == SERVING) {
		b->phase = CANCELLING;
		amqp_consumer_cancel(b->consumer);
	}
}

bool amqp_bridge_busy(const struct amqp_bridge *b)
{
	return b->phase != FINISHED;
}

static void counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help, name, name,
		   (unsigned long long)value);
}

void amqp_bridge_metrics(const struct amqp_bridge *b, struct buf *out)
{
	buf_printf(out,
		   "# HELP lambda_amqp_connected Connections to the broker that are up.\n"
		   "# TYPE lambda_amqp_connected gauge\n"
		   "lambda_amqp_connected{role=\"consumer\"} %d\nlambda_amqp_connected{role=\"publisher\"} %d\n",
		   b->consumer_up, b->publisher_up);
	buf_printf(out,
		   "# HELP lambda_amqp_running Deliveries that wait for or are with a runtime.\n"
		   "# TYPE lambda_amqp_running gauge\nlambda_amqp_running %u\n",
		   b->running);
	counter(out, "lambda_amqp_deliveries_total", "Messages delivered by the broker.", b->delivered);
	counter(out, "lambda_amqp_redeliveries_total", "Of these, marked as redelivered.", b->redelivered);
	counter(out, "lambda_amqp_replies_total", "Replies published.", b->replied);
	counter(out, "lambda_amqp_requeued_total", "Messages given back to the broker.", b->requeued);
	counter(out, "lambda_amqp_refused_total", "Messages that were no valid invocations.", b->refused);
	counter(out, "lambda_amqp_connection_losses_total", "Connections lost.", b->lost_connections);
}
