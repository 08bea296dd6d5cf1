/* SPDX-License-Identifier: Apache-2.0 */
/* The publishing half: every message is confirmed by the broker, or published again. */
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/amqp.h"
#include "io/amqp_content.h"
#include "io/amqp_worker.h"

/* Confirmations are read in between, so that they do not pile up. */
static const unsigned batch = 64;
static const unsigned refusals_max = 3;

struct amqp_publisher {
	struct amqp_worker w;
	/* the thread's own */
	struct list waiting;	 // amqp_mail::mail.link; to be published
	struct list unconfirmed; // amqp_mail::mail.link; by ascending seq
	uint64_t next_seq;	 /* as the broker counts: from 1 on each channel */
	bool blocked;
};

static struct amqp_publisher *of(const struct amqp_worker *w)
{
	return container_of((struct amqp_worker *)(uintptr_t)w, struct amqp_publisher, w);
}

static struct amqp_mail *mail_of(struct list *pos)
{
	return container_of(pos, struct amqp_mail, mail.link);
}

static int on_opened(struct amqp_worker *w, struct err *err)
{
	struct amqp_publisher *p = of(w);

	amqp_confirm_select(w->conn.state, AMQP_CHANNEL);
	if (amqp_conn_check(&w->conn, "publisher confirms", err) != 0) {
		return -1;
	}
	p->next_seq = 1;
	p->blocked = false;
	amqp_worker_tell(w, AMQP_UP, NULL);
	return 0;
}

/* The broker has it, or will never have it. */
static void settle(struct amqp_publisher *p, struct amqp_mail *m)
{
	list_unlink(&m->mail.link);
	if (m->ack_to != NULL) {
		amqp_message_fini(&m->msg);
		m->kind = AMQP_ACK;
		mailbox_send(m->ack_to, &m->mail);
	} else if (m->notify || m->was_returned) {
		blob_unref(m->msg.body);
		m->msg.body = NULL;
		m->kind = m->was_returned ? AMQP_RETURNED : AMQP_CONFIRMED;
		m->publisher = true;
		mailbox_send(p->w.outbox, &m->mail);
	} else {
		amqp_mail_free(m);
	}
}

static void on_confirm(struct amqp_publisher *p, const struct amqp_event *ev)
{
	struct list *pos, *tmp;

	list_foreach_safe(&p->unconfirmed, pos, tmp) {
		struct amqp_mail *m = mail_of(pos);

		if (m->seq > ev->tag) {
			break;
		}
		if (!ev->multiple && m->seq != ev->tag) {
			continue;
		}
		if (ev->kind == AMQP_EV_CONFIRM) {
			settle(p, m);
		} else {
			log_warn("AMQP the broker refused a message, publishing it again queue=%s", m->routing_key);
			list_unlink(pos);
			list_push_back(&p->waiting, pos);
		}
	}
}

/* The broker does not say which one by its number. */
static void on_return(struct amqp_publisher *p, struct amqp_mail *returned)
{
	const struct amqp_message *r = &returned->msg;
	struct list *pos;

	list_foreach(&p->unconfirmed, pos) {
		struct amqp_mail *m = mail_of(pos);

		if (!m->was_returned && m->msg.correlation_len == r->correlation_len && r->correlation_len > 0 &&
		    memcmp(m->msg.correlation_id, r->correlation_id, r->correlation_len) == 0) {
			m->was_returned = true;
			break;
		}
	}
	amqp_mail_free(returned);
}

static int on_event(struct amqp_worker *w, struct amqp_event *ev, struct err *err)
{
	struct amqp_publisher *p = of(w);

	(void)err;
	switch (ev->kind) {
	case AMQP_EV_CONFIRM:
	case AMQP_EV_REFUSE:
		on_confirm(p, ev);
		break;
	case AMQP_EV_RETURN:
		on_return(p, ev->mail);
		break;
	case AMQP_EV_BLOCKED:
		p->blocked = true;
		amqp_worker_tell(w, AMQP_BLOCKED, ev->text);
		log_warn("AMQP the broker takes no messages for now reason=\"%s\"", ev->text);
		break;
	case AMQP_EV_UNBLOCKED:
		p->blocked = false;
		log_info("AMQP the broker takes messages again");
		amqp_worker_tell(w, AMQP_UNBLOCKED, NULL);
		break;
	case AMQP_EV_DELIVERY:
	case AMQP_EV_CANCELLED:
		amqp_mail_free(ev->mail);
		break;
	}
	return 0;
}

static int on_mail(struct amqp_worker *w, struct amqp_mail *m, struct err *err)
{
	(void)err;
	list_push_back(&of(w)->waiting, &m->mail.link);
	return 0;
}

static bool must_wait(const struct amqp_publisher *p, const struct amqp_mail *m)
{
	const struct list *last = p->unconfirmed.prev;

	if (list_empty(&p->unconfirmed)) {
		return false;
	}
	return m->tries > 0 || container_of((struct list *)(uintptr_t)last, struct amqp_mail, mail.link)->tries > 1;
}

static int on_flush(struct amqp_worker *w, struct err *err)
{
	struct amqp_publisher *p = of(w);

	for (unsigned n = 0; !p->blocked && !list_empty(&p->waiting); n++) {
		struct amqp_mail *m = mail_of(p->waiting.next);
		int status;

		/* One that went down with a connection is published alone, so that it is known who is to blame. */
		if (must_wait(p, m)) {
			return 0;
		}
		if (n == batch) {
			return 1;
		}
		m->tries++;
		status = amqp_content_publish(&w->conn, m);
		if (amqp_conn_status(status, "publish", err) != 0) {
			return -1;
		}
		m->seq = p->next_seq++;
		list_unlink(&m->mail.link);
		list_push_back(&p->unconfirmed, &m->mail.link);
	}
	return 0;
}

/* A whole connection is closed for a message, too, if the broker stumbles over it; 320 is its operator's or its own end. */
static bool is_closed_by_broker(const char *why)
{
	return text_starts(why, "channel closed") ||
	       (text_starts(why, "connection closed") && !text_starts(why, "connection closed by the broker: 320"));
}

/* Published alone several times, and each time the broker hung up: it is the message. */
static void refuse_culprit(struct amqp_publisher *p, const char *why)
{
	struct amqp_mail *m = list_empty(&p->unconfirmed) ? NULL : mail_of(p->unconfirmed.next);

	if (m == NULL || m->mail.link.next != &p->unconfirmed || !is_closed_by_broker(why) ||
	    ++m->refusals < refusals_max) {
		return;
	}
	log_error("AMQP the broker refuses a message, giving up on it queue=%s reason=\"%s\"", m->routing_key, why);
	list_unlink(&m->mail.link);
	blob_unref(m->msg.body);
	m->msg.body = NULL;
	m->kind = AMQP_REFUSED;
	m->publisher = true;
	m->text = xstrdup(why);
	mailbox_send(p->w.outbox, &m->mail);
}

static void on_lost(struct amqp_worker *w, const char *why)
{
	struct amqp_publisher *p = of(w);

	p->blocked = false;
	refuse_culprit(p, why);
	/* In their order, before what has not been published yet. */
	while (!list_empty(&p->unconfirmed)) {
		struct amqp_mail *m = mail_of(p->unconfirmed.prev);

		m->was_returned = false;
		list_unlink(&m->mail.link);
		list_push_front(&p->waiting, &m->mail.link);
	}
}

static bool on_done(const struct amqp_worker *w)
{
	const struct amqp_publisher *p = of(w);

	return list_empty(&p->waiting) && list_empty(&p->unconfirmed);
}

static const struct amqp_worker_ops ops = {
	.opened = on_opened,
	.event = on_event,
	.mail = on_mail,
	.flush = on_flush,
	.lost = on_lost,
	.done = on_done,
};

struct amqp_publisher *amqp_publisher_new(const struct amqp_publisher_opts *opts)
{
	struct amqp_publisher *p = xcalloc(1, sizeof(*p));

	list_init(&p->waiting);
	list_init(&p->unconfirmed);
	p->w.ops = &ops;
	p->w.uri = opts->uri;
	p->w.name = opts->name;
	p->w.publisher = true;
	p->w.outbox = opts->inbox;
	if (amqp_worker_start(&p->w) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

void amqp_publish(struct amqp_publisher *p, struct amqp_mail *m)
{
	m->kind = AMQP_PUBLISH;
	mailbox_send(p->w.inbox, &m->mail);
}

void amqp_publish_then_ack(struct amqp_publisher *p, struct amqp_mail *m, struct amqp_consumer *c,
			   struct amqp_tag tag)
{
	m->tag = tag;
	m->ack_to = amqp_consumer_inbox(c);
	amqp_publish(p, m);
}

void amqp_publisher_stop(struct amqp_publisher *p)
{
	amqp_worker_send(&p->w, AMQP_STOP, (struct amqp_tag){ 0, 0 });
}

static void free_list(struct list *head)
{
	struct list *pos, *tmp;

	list_foreach_safe(head, pos, tmp) {
		list_unlink(pos);
		amqp_mail_free(mail_of(pos));
	}
}

bool amqp_publisher_join(struct amqp_publisher *p)
{
	return p == NULL || amqp_worker_join(&p->w);
}

void amqp_publisher_free(struct amqp_publisher *p)
{
	if (p == NULL) {
		return;
	}
	free_list(&p->waiting);
	free_list(&p->unconfirmed);
	amqp_worker_fini(&p->w);
	free(p);
}
