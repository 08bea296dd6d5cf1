/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How threads talk: a queue with one receiver and any number of senders. A mail is embedded in what is sent and owns all it
 * points to; sending moves it. No other object of this program is shared between threads.
 */
#ifndef LOOP_MAILBOX_H
#define LOOP_MAILBOX_H

#include "base/attr.h"
#include "base/list.h"

struct mail {
	struct list link; /* private until taken */
};

struct mailbox;

struct mailbox *mailbox_new(void) MUST_CHECK; /* NULL with errno set */
void mailbox_free(struct mailbox *m);	      /* what is still in it is the caller's: take it first */
int mailbox_fd(const struct mailbox *m);      /* readable while there is mail, at times a moment longer */
void mailbox_send(struct mailbox *m, struct mail *mail);

/* Receiver only: appends all that has arrived to out, in order of sending. */
void mailbox_take(struct mailbox *m, struct list *out); // mail::link

#endif
