/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection with one channel of librabbitmq, for the thread that owns it: opening, what the broker sends as events,
 * texts for everything that goes wrong. Private to io/amqp*; the only place that sees the library.
 *
 * Traps of the library:
 * - amqp_consume_message waits without limit for the frames after the first: so frames are put together here.
 * - Frames wait in the library's own buffers, too; after any call amqp_conn_next() has to be asked until it has nothing.
 * - Heartbeats are sent and missed only inside amqp_conn_next().
 */
#ifndef IO_AMQP_CONN_H
#define IO_AMQP_CONN_H

#include <amqp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "io/amqp.h"

struct err;

/* The second one is for questions whose answer may be that the channel is closed. */
enum { AMQP_CHANNEL = 1, AMQP_PROBE_CHANNEL = 2 };

enum amqp_event_kind {
	AMQP_EV_DELIVERY,  /* mail; moved */
	AMQP_EV_RETURN,	   /* mail; moved: there is no queue for it */
	AMQP_EV_CONFIRM,   /* tag, multiple */
	AMQP_EV_REFUSE,	   /* tag, multiple: the broker could not keep it */
	AMQP_EV_CANCELLED, /* the broker ended the consumer: its queue is gone */
	AMQP_EV_BLOCKED,   /* text */
	AMQP_EV_UNBLOCKED,
};

struct amqp_event {
	enum amqp_event_kind kind;
	uint64_t tag;
	bool multiple;
	struct amqp_mail *mail;
	char text[128];
};

struct amqp_conn {
	amqp_connection_state_t state; /* NULL = closed */
	size_t max_body;
	/* the content that is being received */
	struct amqp_mail *mail;
	enum amqp_event_kind content;
	bool in_body;
	struct buf body;
	uint64_t body_seen;
};

/* Blocks: resolves, connects, logs in, opens the channel; each step within seconds. 0, or -1 with the reason. */
int amqp_conn_open(struct amqp_conn *c, const struct amqp_uri *uri, const char *name, struct err *err) MUST_CHECK;
/* polite: say goodbye to the broker. Idempotent. */
void amqp_conn_close(struct amqp_conn *c, bool polite);
int amqp_conn_fd(const struct amqp_conn *c);

/* 1: *ev is filled. 0: nothing for now. -1: the connection or the channel is over, why is in err. */
int amqp_conn_next(struct amqp_conn *c, struct amqp_event *ev, struct err *err) MUST_CHECK;

/* Is there something in the library's own buffers, which poll() does not see? */
bool amqp_conn_has_input(const struct amqp_conn *c);

/* After a call that answers with amqp_get_rpc_reply(): 0, or -1 with the broker's own text. */
int amqp_conn_check(struct amqp_conn *c, const char *what, struct err *err) MUST_CHECK;
/* What a close of the channel or the connection says. Returns -1. */
int amqp_conn_broker_error(struct err *err, const char *what, const amqp_method_t *m);
int amqp_conn_status(int status, const char *what, struct err *err) MUST_CHECK;

#endif
