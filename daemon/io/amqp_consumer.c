/* SPDX-License-Identifier: Apache-2.0 */
/* The consuming half. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/amqp.h"
#include "io/amqp_worker.h"

struct amqp_consumer {
	struct amqp_worker w;
	struct amqp_consumer_opts opts;
	char *queue; /* opts.queue */
	/* the thread's own */
	bool cancelled; /* by us */
	bool tell_cancelled;
	amqp_bytes_t consumer_tag; /* of the library; owned */
};

static struct amqp_consumer *of(struct amqp_worker *w)
{
	return container_of(w, struct amqp_consumer, w);
}

static size_t queue_arguments(const struct amqp_consumer_opts *o, amqp_table_entry_t out[2])
{
	size_t n = 0;

	/* Nothing that is not needed: the arguments of an existing queue have to be the same. */
	if (o->quorum) {
		out[n].key = amqp_cstring_bytes("x-queue-type");
		out[n].value.kind = AMQP_FIELD_KIND_UTF8;
		out[n++].value.value.bytes = amqp_cstring_bytes("quorum");
	}
	if (o->expires_ms > 0) {
		out[n].key = amqp_cstring_bytes("x-expires");
		out[n].value.kind = AMQP_FIELD_KIND_I32;
		out[n++].value.value.i32 = (int32_t)o->expires_ms;
	}
	return n;
}

static int declare(struct amqp_consumer *c, struct err *err)
{
	const struct amqp_consumer_opts *o = &c->opts;
	amqp_table_entry_t entries[2] = { 0 };
	amqp_table_t arguments = { (int)queue_arguments(o, entries), entries };
	char what[160];

	snprintf(what, sizeof(what), "declaring queue %.100s", o->queue);
	amqp_queue_declare(c->w.conn.state, AMQP_CHANNEL, amqp_cstring_bytes(o->queue), 0, o->durable, 0,
			   o->auto_delete, arguments);
	return amqp_conn_check(&c->w.conn, what, err);
}

static int consume(struct amqp_consumer *c, struct err *err)
{
	const amqp_basic_consume_ok_t *ok;

	ok = amqp_basic_consume(c->w.conn.state, AMQP_CHANNEL, amqp_cstring_bytes(c->opts.queue), amqp_empty_bytes, 0,
				c->opts.no_ack, 0, amqp_empty_table);
	if (amqp_conn_check(&c->w.conn, "consume", err) != 0) {
		return -1;
	}
	amqp_bytes_free(c->consumer_tag);
	c->consumer_tag = amqp_bytes_malloc_dup(ok->consumer_tag);
	log_info("AMQP consuming queue=%s prefetch=%u", c->opts.queue, c->opts.prefetch);
	return 0;
}

/* Did the queue survive? Only asked where it tells whether the broker was restarted. */
static bool queue_exists(struct amqp_consumer *c)
{
	amqp_connection_state_t state = c->w.conn.state;
	amqp_channel_close_ok_t ok = { 0 };
	amqp_rpc_reply_t reply;

	amqp_channel_open(state, AMQP_PROBE_CHANNEL);
	amqp_queue_declare(state, AMQP_PROBE_CHANNEL, amqp_cstring_bytes(c->opts.queue), 1, 0, 0, 0,
			   amqp_empty_table);
	reply = amqp_get_rpc_reply(state);
	if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
		(void)amqp_channel_close(state, AMQP_PROBE_CHANNEL, AMQP_REPLY_SUCCESS);
		return true;
	}
	if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
		(void)amqp_send_method(state, AMQP_PROBE_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
	}
	return false;
}

static int on_opened(struct amqp_worker *w, struct err *err)
{
	struct amqp_consumer *c = of(w);
	struct amqp_mail *up;
	bool fresh;

	if (c->cancelled) {
		return 0;
	}
	fresh = c->opts.expires_ms > 0 && !queue_exists(c);
	if (declare(c, err) != 0) {
		return -1;
	}
	amqp_basic_qos(w->conn.state, AMQP_CHANNEL, 0, c->opts.prefetch, 0);
	if (amqp_conn_check(&w->conn, "prefetch", err) != 0 || consume(c, err) != 0) {
		return -1;
	}
	up = amqp_mail_new(AMQP_UP);
	up->fresh = fresh;
	mailbox_send(w->outbox, &up->mail);
	return 0;
}

static int on_event(struct amqp_worker *w, struct amqp_event *ev, struct err *err)
{
	struct amqp_consumer *c = of(w);

	if (ev->kind == AMQP_EV_DELIVERY) {
		ev->mail->tag.generation = w->generation;
		mailbox_send(w->outbox, &ev->mail->mail);
		return 0;
	}
	amqp_mail_free(ev->mail);
	if (ev->kind == AMQP_EV_CANCELLED && !c->cancelled) {
		log_warn("AMQP the queue was deleted, declaring it again queue=%s", c->opts.queue);
		return declare(c, err) != 0 ? -1 : consume(c, err);
	}
	return 0;
}

static int cancel(struct amqp_consumer *c, struct err *err)
{
	c->cancelled = true;
	if (!c->w.up) {
		amqp_worker_tell(&c->w, AMQP_CANCELLED, NULL);
		return 0;
	}
	/* Deliveries that came before the broker's answer are in the library's buffers: they are told first. */
	c->tell_cancelled = true;
	amqp_basic_cancel(c->w.conn.state, AMQP_CHANNEL, c->consumer_tag);
	return amqp_conn_check(&c->w.conn, "cancel", err);
}

static int on_mail(struct amqp_worker *w, struct amqp_mail *m, struct err *err)
{
	bool current = w->up && m->tag.generation == w->generation;
	int r = 0;

	if (m->kind == AMQP_CANCEL) {
		r = cancel(of(w), err);
	} else if (m->kind == AMQP_ACK && current) {
		r = amqp_conn_status(amqp_basic_ack(w->conn.state, AMQP_CHANNEL, m->tag.tag, 0), "ack", err);
	} else if (m->kind == AMQP_REQUEUE && current) {
		r = amqp_conn_status(amqp_basic_nack(w->conn.state, AMQP_CHANNEL, m->tag.tag, 0, 1), "requeue", err);
	} else if (!current) {
		log_debug("AMQP answer to a delivery of a lost connection dropped: the broker delivers it again");
	}
	amqp_mail_free(m);
	return r;
}

static void tell_cancelled(struct amqp_consumer *c)
{
	if (c->tell_cancelled) {
		c->tell_cancelled = false;
		amqp_worker_tell(&c->w, AMQP_CANCELLED, NULL);
	}
}

static int on_flush(struct amqp_worker *w, struct err *err)
{
	(void)err;
	tell_cancelled(of(w));
	return 0;
}

static void on_lost(struct amqp_worker *w, const char *why)
{
	(void)why;
	tell_cancelled(of(w));
}

static bool on_done(const struct amqp_worker *w)
{
	(void)w;
	return true; /* what was asked for before the stop was done in order */
}

static const struct amqp_worker_ops ops = {
	.opened = on_opened,
	.event = on_event,
	.mail = on_mail,
	.flush = on_flush,
	.lost = on_lost,
	.done = on_done,
};

struct amqp_consumer *amqp_consumer_new(const struct amqp_consumer_opts *opts)
{
	struct amqp_consumer *c = xcalloc(1, sizeof(*c));

	c->opts = *opts;
	c->queue = xstrdup(opts->queue);
	c->opts.queue = c->queue;
	c->w.ops = &ops;
	c->w.uri = opts->uri;
	c->w.name = opts->name;
	c->w.outbox = opts->inbox;
	c->w.conn.max_body = opts->max_body;
	if (amqp_worker_start(&c->w) != 0) {
		free(c->queue);
		free(c);
		return NULL;
	}
	return c;
}

void amqp_ack(struct amqp_consumer *c, struct amqp_tag tag)
{
	amqp_worker_send(&c->w, AMQP_ACK, tag);
}

void amqp_requeue(struct amqp_consumer *c, struct amqp_tag tag)
{
	amqp_worker_send(&c->w, AMQP_REQUEUE, tag);
}

void amqp_consumer_cancel(struct amqp_consumer *c)
{
	amqp_worker_send(&c->w, AMQP_CANCEL, (struct amqp_tag){ 0, 0 });
}

void amqp_consumer_stop(struct amqp_consumer *c)
{
	amqp_worker_send(&c->w, AMQP_STOP, (struct amqp_tag){ 0, 0 });
}

struct mailbox *amqp_consumer_inbox(struct amqp_consumer *c)
{
	return c->w.inbox;
}

bool amqp_consumer_join(struct amqp_consumer *c)
{
	return c == NULL || amqp_worker_join(&c->w);
}

void amqp_consumer_free(struct amqp_consumer *c)
{
	if (c == NULL) {
		return;
	}
	amqp_worker_fini(&c->w);
	amqp_bytes_free(c->consumer_tag);
	free(c->queue);
	free(c);
}
