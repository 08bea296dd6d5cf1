/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMQP 0-9-1 (RabbitMQ) for the loop: a consumer and a publisher, each with a connection and a thread of its own, because
 * librabbitmq blocks. Two threads and not one: a broker that is short of memory stops reading what publishers send, and a
 * publish that stands still must not keep the consumer from its heartbeats, or its deliveries are given to somebody else
 * while they are being worked on.
 *
 * All calls are for the loop thread and return at once. What the threads have to say comes as struct amqp_mail to the inbox
 * (loop/mailbox.h) that was given to them; the receiver frees it with amqp_mail_free().
 *
 * A connection that is lost is made anew, for ever; only at the start connection_attempts counts, then AMQP_FAILED comes and
 * the thread has ended. Deliveries are answered exactly once, by amqp_ack(), amqp_requeue(), or by the confirmation of the
 * message that is published with the delivery; what belongs to a connection that is gone is the broker's again.
 */
#ifndef IO_AMQP_H
#define IO_AMQP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "io/amqp_uri.h"
#include "loop/mailbox.h"

struct blob;
struct amqp_consumer;
struct amqp_publisher;

struct amqp_header {
	char *name;
	char *value;
};

/* A message; owns what it points to. NULL or 0 = property not there. Only headers that are strings are kept. */
struct amqp_message {
	char *reply_to;
	char *message_id;
	char *content_type;
	char *type;
	char *expiration;
	char *correlation_id; /* any bytes, NUL terminated beside */
	size_t correlation_len;
	uint8_t delivery_mode; /* 1 transient, 2 persistent */
	struct amqp_header *headers;
	size_t header_count;
	int64_t delivery_count; /* x-delivery-count of quorum queues: deliveries before this one; -1 = not said */
	struct blob *body;	/* NULL if it was larger than max_body */
	uint64_t body_size;	/* bytes sent */
};

const char *amqp_message_header(const struct amqp_message *m, const char *name); /* any case; NULL = not there */
void amqp_message_add_header(struct amqp_message *m, const char *name, const char *value); /* value NULL: nothing */
void amqp_message_fini(struct amqp_message *m);

/* What a delivery is answered with. */
struct amqp_tag {
	uint64_t tag;	     /* 0 = none */
	unsigned generation; /* of the consumer's connection */
};

enum amqp_kind {
	/* from the threads */
	AMQP_UP,	/* connected; consumer: consuming */
	AMQP_DOWN,	/* connection lost, being made anew */
	AMQP_DELIVERY,	/* tag, redelivered, msg */
	AMQP_CANCELLED, /* consumer: after amqp_consumer_cancel no more deliveries follow */
	AMQP_CONFIRMED, /* publisher: msg (its body is gone) is the broker's; only if notify was asked for */
	AMQP_RETURNED,	/* publisher: msg was mandatory, and there is no such queue; known by correlation_id */
	AMQP_REFUSED,	/* publisher: the broker closes channel or connection on msg (its body is gone); text, tag */
	AMQP_BLOCKED,	/* publisher: the broker takes nothing for now */
	AMQP_UNBLOCKED,
	AMQP_FAILED, /* text; attempts at the start are used up */
	AMQP_ENDED,  /* after stop: the thread is done */
	/* to the threads; private */
	AMQP_PUBLISH,
	AMQP_ACK,
	AMQP_REQUEUE,
	AMQP_CANCEL,
	AMQP_STOP,
};

struct amqp_mail {
	struct mail mail;
	enum amqp_kind kind;
	bool redelivered;
	bool fresh;	/* UP: the queue was made by this declaration */
	bool publisher; /* whom it is from */
	bool mandatory;
	bool notify;
	struct amqp_tag tag;
	char *routing_key;
	char *text; /* DOWN, FAILED, REFUSED, BLOCKED: the reason, no secret in it */
	struct amqp_message msg;
	/* private */
	uint64_t seq;
	unsigned tries;
	unsigned refusals; /* of these, alone, and ended by the broker */
	bool was_returned;
	struct mailbox *ack_to;
};

struct amqp_mail *amqp_mail_new(enum amqp_kind kind) MUST_CHECK;
void amqp_mail_free(struct amqp_mail *m);
/* Takes all that has arrived, hands each to fn (NULL: to nobody) in order, and frees it. */
void amqp_mail_each(struct mailbox *box, void (*fn)(void *ctx, struct amqp_mail *m), void *ctx);

/* Borrowed for the life of the consumer. */
struct amqp_consumer_opts {
	const struct amqp_uri *uri;
	const char *name; /* of the connection, as the broker's management shows it */
	struct mailbox *inbox;
	const char *queue;
	bool durable;
	bool auto_delete;
	bool quorum;
	bool no_ack;
	uint32_t expires_ms; /* queue goes when unused for so long; 0 = stays */
	uint16_t prefetch;
	size_t max_body; /* longer bodies are not kept */
};

/* Starts connecting. NULL: no thread could be made. */
struct amqp_consumer *amqp_consumer_new(const struct amqp_consumer_opts *opts) MUST_CHECK;
void amqp_ack(struct amqp_consumer *c, struct amqp_tag tag);
void amqp_requeue(struct amqp_consumer *c, struct amqp_tag tag);
void amqp_consumer_cancel(struct amqp_consumer *c); /* AMQP_CANCELLED follows, also if there is no connection */
/* Everything asked for before is done first, if there is a connection. AMQP_ENDED follows unless it has ended already. */
void amqp_consumer_stop(struct amqp_consumer *c);
struct mailbox *amqp_consumer_inbox(struct amqp_consumer *c); /* for the publisher */
/* Once, after stop. false: its thread has not ended (it may be stuck in a connect) and is left behind with all that it
 * borrows, which may be the other one's: neither is freed then, and the process is about to end. */
bool amqp_consumer_join(struct amqp_consumer *c) MUST_CHECK;
void amqp_consumer_free(struct amqp_consumer *c); /* joined */

struct amqp_publisher_opts {
	const struct amqp_uri *uri;
	const char *name;
	struct mailbox *inbox;
};

struct amqp_publisher *amqp_publisher_new(const struct amqp_publisher_opts *opts) MUST_CHECK;
/* m (routing_key, msg, mandatory, notify) is moved. Messages wait for a connection; what was not confirmed when one
 * is lost is published again. */
void amqp_publish(struct amqp_publisher *p, struct amqp_mail *m);
/* The same, and when the broker has confirmed it, tag is acknowledged to c, straight from thread to thread. */
void amqp_publish_then_ack(struct amqp_publisher *p, struct amqp_mail *m, struct amqp_consumer *c,
			   struct amqp_tag tag);
/* Ends when everything given to it is confirmed. AMQP_ENDED follows. */
void amqp_publisher_stop(struct amqp_publisher *p);
bool amqp_publisher_join(struct amqp_publisher *p) MUST_CHECK; /* as amqp_consumer_join */
void amqp_publisher_free(struct amqp_publisher *p);	       /* joined */

#endif
