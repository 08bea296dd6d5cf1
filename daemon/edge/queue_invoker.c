/* SPDX-License-Identifier: Apache-2.0 */
/* Calls into requests, replies into outcomes. */
#include "edge/queue_invoker.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/fault.h"
#include "core/invocation.h"
#include "edge/amqp_rpc.h"
#include "edge/amqp_settings.h"
#include "edge/config.h"
#include "io/amqp.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

/* How long a call waits for a broker that is away, or takes nothing. */
static const int64_t patience_us = 5 * 1000000;
/* Our queue for replies outlives our connection by this. */
static const uint32_t reply_queue_ms = 60000;
enum { BUCKETS = 1024 };

struct queue_invoker {
	struct invoker invoker;
	struct queue_invoker_deps deps;
	struct mailbox *inbox;
	struct loop_fd source;
	struct loop_timer timer;
	struct amqp_consumer *consumer;
	struct amqp_publisher *publisher;
	char *reply_queue;
	struct list by_id[BUCKETS]; // call::bucket
	struct list waiting;	    // call::link; for the broker
	struct list sent;	    // call::link; by deadline, as all have the same time
	unsigned running;
	bool consumer_up;
	bool publisher_up;
	bool blocked; /* the broker takes nothing for now */
	uint64_t outcomes[OUTCOME_COUNT];
	uint64_t cancelled;
	uint64_t strays; /* replies that nobody waits for */
};

struct call {
	struct list bucket;
	struct list link;
	struct invocation *inv;
	int64_t deadline_us;
	bool sent;
};

static struct queue_invoker *of(const struct invoker *self)
{
	return container_of((struct invoker *)(uintptr_t)self, struct queue_invoker, invoker);
}

static bool is_up(const struct queue_invoker *q)
{
	return q->consumer_up && q->publisher_up;
}

/* What is given to the publisher cannot be taken back when its caller goes: so it is not given what would only wait there. */
static bool can_send(const struct queue_invoker *q)
{
	return is_up(q) && !q->blocked;
}

static struct list *bucket_of(struct queue_invoker *q, const char *id, size_t len)
{
	return &q->by_id[text_hash(id, len) % BUCKETS];
}

static struct call *find(struct queue_invoker *q, const char *id, size_t len)
{
	struct list *head, *pos;

	if (len != UUID_LEN - 1) {
		return NULL;
	}
	head = bucket_of(q, id, len);
	list_foreach(head, pos) {
		struct call *c = container_of(pos, struct call, bucket);

		if (memcmp(c->inv->event->id, id, len) == 0) {
			return c;
		}
	}
	return NULL;
}

static void arm(struct queue_invoker *q)
{
	const struct call *a = list_first(&q->waiting, struct call, link);
	const struct call *b = list_first(&q->sent, struct call, link);

	if (a == NULL && b == NULL) {
		loop_timer_clear(q->deps.loop, &q->timer);
	} else if (b == NULL || (a != NULL && a->deadline_us < b->deadline_us)) {
		loop_timer_set(q->deps.loop, &q->timer, a->deadline_us);
	} else {
		loop_timer_set(q->deps.loop, &q->timer, b->deadline_us);
	}
}

static void forget(struct queue_invoker *q, struct call *c)
{
	list_unlink(&c->bucket);
	list_unlink(&c->link);
	free(c);
	q->running--;
}

static void end(struct queue_invoker *q, struct call *c, const struct outcome *out)
{
	struct invocation *inv = c->inv;

	forget(q, c);
	q->outcomes[out->kind]++;
	inv->ops->done(inv, out);
}

static void end_kind(struct queue_invoker *q, struct call *c, enum outcome_kind kind)
{
	struct outcome out = { .kind = kind };

	end(q, c, &out);
}

static void end_timeout(struct queue_invoker *q, struct call *c)
{
	struct outcome out = { .kind = OUTCOME_TIMEOUT };
	struct fault f;

	fault_timeout(&f, q->deps.cfg->timeout_us);
	out.body = fault_body(&f, c->inv->event->id);
	end(q, c, &out);
	blob_unref(out.body);
}

/* --- requests --- */

static struct amqp_mail *make_request(const struct queue_invoker *q, const struct event *ev)
{
	static const char *const types[] = { NULL, "Event", "DryRun" };
	struct amqp_mail *m = amqp_mail_new(AMQP_PUBLISH);

	m->mandatory = true;
	m->notify = ev->type == INVOKE_EVENT;
	m->routing_key = xstrdup(ev->function);
	m->msg.correlation_id = xstrdup(ev->id);
	m->msg.correlation_len = strlen(ev->id);
	m->msg.message_id = xstrdup(ev->id);
	m->msg.content_type = xstrdup("application/json");
	m->msg.delivery_mode = q->deps.settings->durable ? 2 : 1;
	m->msg.body = blob_ref(ev->body);
	if (ev->type != INVOKE_EVENT) {
		m->msg.reply_to = xstrdup(q->reply_queue);
		/* Nobody will wait for it any more then. */
		m->msg.expiration = xasprintf("%lld", (long long)(q->deps.cfg->timeout_us / 1000));
	}
	amqp_message_add_header(&m->msg, "x-amzn-RequestId", ev->id);
	amqp_message_add_header(&m->msg, "X-Amz-Invocation-Type", types[ev->type]);
	amqp_message_add_header(&m->msg, "X-Amz-Log-Type", ev->want_tail ? "Tail" : NULL);
	amqp_message_add_header(&m->msg, "X-Amzn-Trace-Id", ev->trace_id);
	amqp_message_add_header(&m->msg, "X-Amz-Tenant-Id", ev->tenant_id);
	if (ev->client_context != NULL) {
		struct buf text = BUF_INIT;

		text_base64(&text, ev->client_context, strlen(ev->client_context));
		amqp_message_add_header(&m->msg, "X-Amz-Client-Context", text.data);
		buf_fini(&text);
	}
	return m;
}

static void send_call(struct queue_invoker *q, struct call *c, int64_t now_us)
{
	/* Registered before it is published: the reply may be faster than anything that follows. */
	list_unlink(&c->link);
	c->sent = true;
	c->deadline_us = now_us + q->deps.cfg->timeout_us;
	list_push_back(&q->sent, &c->link);
	amqp_publish(q->publisher, make_request(q, c->inv->event));
}

static void send_waiting(struct queue_invoker *q)
{
	while (can_send(q) && !list_empty(&q->waiting)) {
		send_call(q, list_first(&q->waiting, struct call, link), loop_now_us(q->deps.loop));
	}
}

static void submit(struct invoker *self, struct invocation *inv)
{
	struct queue_invoker *q = of(self);
	int64_t now_us = loop_now_us(q->deps.loop);
	struct call *c;

	if (q->running >= q->deps.cfg->max_pending) {
		struct outcome out = { .kind = OUTCOME_THROTTLED };

		q->outcomes[out.kind]++;
		inv->ops->done(inv, &out);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->inv = inv;
	c->deadline_us = now_us + patience_us;
	list_push_back(bucket_of(q, inv->event->id, strlen(inv->event->id)), &c->bucket);
	list_push_back(&q->waiting, &c->link);
	q->running++;
	if (can_send(q)) {
		send_call(q, c, now_us);
	}
	arm(q);
}

static void cancel(struct invoker *self, struct invocation *inv)
{
	struct queue_invoker *q = of(self);
	struct call *c = find(q, inv->event->id, strlen(inv->event->id));

	if (c != NULL) {
		forget(q, c);
		q->cancelled++;
		arm(q);
	}
}

static void on_timer(void *ctx)
{
	struct queue_invoker *q = ctx;
	int64_t now_us = loop_now_us(q->deps.loop);
	struct call *c;

	while ((c = list_first(&q->waiting, struct call, link)) != NULL && c->deadline_us <= now_us) {
		end_kind(q, c, OUTCOME_UNAVAILABLE);
	}
	while ((c = list_first(&q->sent, struct call, link)) != NULL && c->deadline_us <= now_us) {
		end_timeout(q, c);
	}
	arm(q);
}

/* --- replies --- */

static void end_response(struct queue_invoker *q, struct call *c, const struct amqp_message *m)
{
	const char *tail = amqp_message_header(m, "X-Amz-Log-Result");
	struct outcome out = { .kind = OUTCOME_RESPONSE };
	struct buf text = BUF_INIT;

	if (m->body == NULL) {
		out.kind = OUTCOME_TOO_LARGE;
		out.body = fault_too_large_body((size_t)m->body_size, MAX_RESPONSE_BODY);
	} else {
		out.kind = amqp_message_header(m, "X-Amz-Function-Error") != NULL ? OUTCOME_ERROR : OUTCOME_RESPONSE;
		out.body = blob_ref(m->body);
		out.content_type = m->content_type;
	}
	out.id = amqp_message_header(m, "x-amzn-RequestId");
	out.version = amqp_message_header(m, "X-Amz-Executed-Version");
	if (tail != NULL && text_unbase64(&text, tail, strlen(tail))) {
		out.log_tail = buf_to_blob(&text);
	}
	end(q, c, &out);
	blob_unref(out.body);
	blob_unref(out.log_tail);
	buf_fini(&text);
}

static void on_reply(struct queue_invoker *q, const struct amqp_message *m)
{
	struct call *c = m->correlation_id != NULL ? find(q, m->correlation_id, m->correlation_len) : NULL;

	if (c == NULL) {
		q->strays++;
		log_debug("AMQP reply that nobody waits for");
	} else if (amqp_message_header(m, "x-amzn-ErrorType") != NULL) {
		log_warn("AMQP request was refused requestId=%s type=%s", c->inv->event->id,
			 amqp_message_header(m, "x-amzn-ErrorType"));
		end_kind(q, c, OUTCOME_UNAVAILABLE);
	} else if (c->inv->event->type == INVOKE_DRY_RUN) {
		struct outcome out = { .kind = OUTCOME_ACCEPTED };

		out.version = amqp_message_header(m, "X-Amz-Executed-Version");
		end(q, c, &out);
	} else {
		end_response(q, c, m);
	}
}

static void on_settled(struct queue_invoker *q, const struct amqp_mail *m)
{
	struct call *c = find(q, m->msg.correlation_id, m->msg.correlation_len);

	if (c != NULL) {
		end_kind(q, c, m->kind == AMQP_RETURNED ? OUTCOME_NO_FUNCTION : OUTCOME_ACCEPTED);
	}
}

static void on_refused(struct queue_invoker *q, const struct amqp_mail *m)
{
	struct call *c = find(q, m->msg.correlation_id, m->msg.correlation_len);

	log_error("AMQP the broker refused a request queue=%s reason=\"%s\"", m->routing_key, m->text);
	if (c != NULL) {
		end_kind(q, c, OUTCOME_UNAVAILABLE);
	}
}

/* The broker was restarted, and what was in it went with it: nobody will answer. */
static void end_lost(struct queue_invoker *q)
{
	unsigned n = 0;

	for (; !list_empty(&q->sent); n++) {
		end_kind(q, list_first(&q->sent, struct call, link), OUTCOME_UNAVAILABLE);
	}
	if (n > 0) {
		log_warn("AMQP the broker was restarted, calls were lost count=%u", n);
	}
}

static void on_up(struct queue_invoker *q, const struct amqp_mail *m)
{
	bool up = m->kind == AMQP_UP;

	if (m->publisher) {
		q->publisher_up = up;
		q->blocked = false; /* the next connection is told anew */
	} else {
		q->consumer_up = up;
	}
	if (up && m->fresh && !q->deps.settings->durable) {
		end_lost(q);
	}
	send_waiting(q);
}

static void on_blocked(struct queue_invoker *q, bool blocked)
{
	q->blocked = blocked;
	send_waiting(q);
}

static void on_mail(void *ctx, struct amqp_mail *m)
{
	struct queue_invoker *q = ctx;

	switch (m->kind) {
	case AMQP_DELIVERY:
		on_reply(q, &m->msg);
		break;
	case AMQP_CONFIRMED:
	case AMQP_RETURNED:
		on_settled(q, m);
		break;
	case AMQP_REFUSED:
		on_refused(q, m);
		break;
	case AMQP_UP:
	case AMQP_DOWN:
		on_up(q, m);
		break;
	case AMQP_FAILED:
		q->deps.failed(q->deps.ctx, m->text);
		break;
	case AMQP_BLOCKED:
	case AMQP_UNBLOCKED:
		on_blocked(q, m->kind == AMQP_BLOCKED);
		break;
	case AMQP_CANCELLED:
	case AMQP_ENDED:
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
	struct queue_invoker *q = ctx;

	(void)events;
	amqp_mail_each(q->inbox, on_mail, q);
	arm(q);
}

/* --- the rest --- */

static bool ready(const struct invoker *self)
{
	return is_up(of(self));
}

static void metrics(const struct invoker *self, struct buf *out)
{
	const struct queue_invoker *q = of(self);

	buf_puts(out, "# HELP lambda_invocations_total Invocations by outcome.\n"
		      "# TYPE lambda_invocations_total counter\n");
	for (unsigned k = 0; k < OUTCOME_COUNT; k++) {
		buf_printf(out, "lambda_invocations_total{outcome=\"%s\"} %llu\n", outcome_name((enum outcome_kind)k),
			   (unsigned long long)q->outcomes[k]);
	}
	buf_printf(out, "lambda_invocations_total{outcome=\"cancelled\"} %llu\n", (unsigned long long)q->cancelled);
	buf_printf(out,
		   "# HELP lambda_invocations_running Invocations without an outcome yet.\n"
		   "# TYPE lambda_invocations_running gauge\nlambda_invocations_running %u\n"
		   "# HELP lambda_amqp_connected Connections to the broker that are up.\n"
		   "# TYPE lambda_amqp_connected gauge\n"
		   "lambda_amqp_connected{role=\"consumer\"} %d\nlambda_amqp_connected{role=\"publisher\"} %d\n"
		   "# HELP lambda_amqp_stray_replies_total Replies that nobody waited for any more.\n"
		   "# TYPE lambda_amqp_stray_replies_total counter\nlambda_amqp_stray_replies_total %llu\n",
		   q->running, q->consumer_up, q->publisher_up, (unsigned long long)q->strays);
}

static int start_threads(struct queue_invoker *q)
{
	const struct amqp_settings *s = q->deps.settings;
	const struct amqp_publisher_opts publisher = {
		.uri = &s->uri,
		.name = "lambda-server requests",
		.inbox = q->inbox,
	};
	const struct amqp_consumer_opts consumer = {
		.uri = &s->uri,
		.name = "lambda-server replies",
		.inbox = q->inbox,
		.queue = q->reply_queue,
		.durable = s->durable,
		.no_ack = true,
		.expires_ms = reply_queue_ms,
		.max_body = MAX_RESPONSE_BODY,
	};

	q->publisher = amqp_publisher_new(&publisher);
	q->consumer = q->publisher != NULL ? amqp_consumer_new(&consumer) : NULL;
	return q->consumer != NULL ? 0 : -1;
}

struct queue_invoker *queue_invoker_new(const struct queue_invoker_deps *deps, struct err *err)
{
	struct queue_invoker *q = xcalloc(1, sizeof(*q));
	char id[UUID_LEN];

	q->invoker = (struct invoker){ .submit = submit, .cancel = cancel, .ready = ready, .metrics = metrics };
	q->deps = *deps;
	for (unsigned i = 0; i < BUCKETS; i++) {
		list_init(&q->by_id[i]);
	}
	list_init(&q->waiting);
	list_init(&q->sent);
	loop_fd_init(&q->source, on_inbox, q);
	loop_timer_init(&q->timer, on_timer, q);
	text_uuid(id);
	q->reply_queue = xasprintf("lambda-server-%s", id);
	q->inbox = mailbox_new();
	if (q->inbox == NULL || loop_fd_add(deps->loop, &q->source, mailbox_fd(q->inbox), EPOLLIN) != 0 ||
	    start_threads(q) != 0) {
		err_set(err, 1, "AMQP: no thread or mailbox could be made: %s", strerror(errno));
		queue_invoker_free(q);
		return NULL;
	}
	return q;
}

/* What a thread that was left behind borrows has to stay, and to be found by those who look for leaks. */
static struct queue_invoker *volatile abandoned;

void queue_invoker_free(struct queue_invoker *q)
{
	bool ended;

	if (q == NULL) {
		return;
	}
	assert(q->running == 0);
	loop_timer_clear(q->deps.loop, &q->timer);
	loop_fd_del(q->deps.loop, &q->source);
	if (q->publisher != NULL) {
		amqp_publisher_stop(q->publisher);
	}
	if (q->consumer != NULL) {
		amqp_consumer_stop(q->consumer);
	}
	ended = amqp_publisher_join(q->publisher);
	ended = amqp_consumer_join(q->consumer) && ended;
	if (!ended) {
		abandoned = q;
		return;
	}
	amqp_publisher_free(q->publisher);
	amqp_consumer_free(q->consumer);
	if (q->inbox != NULL) {
		amqp_mail_each(q->inbox, NULL, NULL);
		mailbox_free(q->inbox);
	}
	free(q->reply_queue);
	free(q);
}

struct invoker *queue_invoker_invoker(struct queue_invoker *q)
{
	return &q->invoker;
}

unsigned queue_invoker_running(const struct queue_invoker *q)
{
	return q->running;
}
