/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are only ever appended to, written by a thread of their own, because fdatasync() blocks and so may any write.
 * Jobs are done one after the other, in order; each comes back with its result to the inbox that was given.
 *
 * A job that fails leaves the file as it was before. A file that is not ours alone (own) has lines, and gets a line end
 * first if somebody left it without one; it may be a pipe.
 */
#ifndef IO_APPENDER_H
#define IO_APPENDER_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "loop/mailbox.h"

struct appender;

enum append_kind {
	APPEND_DATA,
	APPEND_REMOVE,	  /* the file */
	APPEND_PUT_ASIDE, /* the file, as NAME.damaged; path says where it is then */
	APPEND_STOP,	  /* private */
};

struct append_job {
	struct mail mail;
	enum append_kind kind;
	char *path;
	struct buf data;
	bool own;  /* nobody else writes to the file; it stays open */
	bool sync; /* it is on disk when the job is done */
	void *ctx; /* the sender's */
	int error; /* result: 0 or an errno */
};

struct append_job *append_job_new(enum append_kind kind, const char *path) MUST_CHECK;
void append_job_free(struct append_job *job);
/* Takes all that have come back, hands each to fn (NULL: to nobody) in order, and frees it. */
void append_job_each(struct mailbox *box, void (*fn)(void *ctx, struct append_job *job), void *ctx);

/* NULL with errno set. inbox is borrowed. */
struct appender *appender_new(struct mailbox *inbox) MUST_CHECK;
void appender_send(struct appender *a, struct append_job *job); /* moved */
/* Waits until everything that was sent is done; the results are in the inbox. NULL is fine. */
void appender_free(struct appender *a);

#endif
