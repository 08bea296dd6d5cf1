/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread with an AMQP connection: keeps it up, hands mails from the loop and events from the broker to what it is for
 * (struct amqp_worker_ops, embedding the worker). Private to io/amqp*.
 */
#ifndef IO_AMQP_WORKER_H
#define IO_AMQP_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "io/amqp_conn.h"

struct err;
struct amqp_worker;

/* All run in the worker's thread. */
struct amqp_worker_ops {
	/* The connection is there: declare, consume, ... 0, or -1: it is useless. */
	int (*opened)(struct amqp_worker *w, struct err *err);
	int (*event)(struct amqp_worker *w, struct amqp_event *ev, struct err *err);
	/* m is moved. Also called without a connection. */
	int (*mail)(struct amqp_worker *w, struct amqp_mail *m, struct err *err);
	/* After the events that were there. 1: call again after the next ones, 0: nothing left, -1: it is useless. */
	int (*flush)(struct amqp_worker *w, struct err *err);
	void (*lost)(struct amqp_worker *w, const char *why); /* the connection has gone */
	bool (*done)(const struct amqp_worker *w);	      /* after stop: nothing left to do */
};

struct amqp_worker {
	const struct amqp_worker_ops *ops;
	/* Copied once started: a thread that is left behind outlives whoever gave them. */
	const struct amqp_uri *uri;
	const char *name;
	struct amqp_uri own_uri;
	char *own_name;
	bool publisher;
	struct mailbox *inbox;	/* ours */
	struct mailbox *outbox; /* the loop's */
	pthread_t thread;
	/* the thread's own */
	struct amqp_conn conn;
	bool up;
	bool ever_up;
	bool stopping;
	unsigned generation; /* of the connection; the first is 1 */
	unsigned failures;   /* in a row */
	unsigned seed;
	int64_t next_try_us;
	int64_t down_since_us;
	int64_t up_since_us;
	int64_t complained_us;
};

/* 0 or an errno. w is zeroed but for ops, uri, name, publisher, outbox and conn.max_body. */
int amqp_worker_start(struct amqp_worker *w) MUST_CHECK;
/* From the loop thread. */
void amqp_worker_send(struct amqp_worker *w, enum amqp_kind kind, struct amqp_tag tag);
/* From the worker's thread. */
void amqp_worker_tell(struct amqp_worker *w, enum amqp_kind kind, const char *text);
/* Waits for a thread that has ended or ends within moments. false: it did not, and owns everything from now on. */
bool amqp_worker_join(struct amqp_worker *w) MUST_CHECK;
void amqp_worker_fini(struct amqp_worker *w); /* after join */

#endif
