/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory where accepted asynchronous events survive the end of the daemon, however it comes (ASYNC_SPOOL_DIR).
 *
 * Segments of a journal (core/journal.h) are appended to; what belongs together in time goes to disk together, so that one
 * fdatasync() serves all events that came while the one before was under way. A segment goes when it and all older ones have
 * nothing in them that is still to be done; one that is damaged is put aside then. Where a few events hold up many dead bytes,
 * they are written anew.
 * Only acceptance waits for the disk: what is lost of the rest makes an event run once more.
 */
#ifndef EDGE_ASYNC_SPOOL_H
#define EDGE_ASYNC_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"
#include "core/journal.h"

struct async_spool;
struct buf;
struct err;
struct loop;
struct spool_segment;

/* Of an event; embedded by its owner. All private. */
struct spool_entry {
	uint64_t number;
	struct spool_segment *segment; /* where its acceptance stands; NULL = not on disk yet */
	struct list link;	       // spool_segment::entries
	struct list batch;	       // async_spool::fresh or flying
	size_t bytes;
};

struct async_spool_ops {
	/* One event from before, in the order of acceptance: the owner's entry for it. r: its acceptance, or its end
	 * (JOURNAL_ENDED, with the event); event and response are the owner's. Only from async_spool_open(). */
	struct spool_entry *(*restored)(void *ctx, struct journal_record *r);
	/* It is on disk, or it cannot be (ok = false: the entry is forgotten). */
	void (*stored)(void *ctx, struct spool_entry *entry, bool ok);
	/* As it is now: the acceptance goes to *accepted; true: it has ended, and that goes to *ended. All borrowed. */
	bool (*describe)(void *ctx, const struct spool_entry *entry, struct journal_record *accepted,
			 struct journal_record *ended);
};

struct async_spool_deps {
	struct loop *loop;
	const char *dir;    /* is made if it is not there */
	size_t segment_max; /* bytes; 0 = 8 MiB */
	const struct async_spool_ops *ops;
	void *ctx;
};

/* Locks the directory and reads what is there. NULL with the reason: another daemon has it, for one. */
struct async_spool *async_spool_open(const struct async_spool_deps *deps, struct err *err) MUST_CHECK;
/* Waits until everything is on disk; no callbacks. NULL is fine. */
void async_spool_free(struct async_spool *s);

void async_spool_accept(struct async_spool *s, struct spool_entry *entry, const struct journal_record *r);
/* JOURNAL_ATTEMPT or JOURNAL_ENDED of an entry that was stored. */
void async_spool_note(struct async_spool *s, struct spool_entry *entry, const struct journal_record *r);
void async_spool_done(struct async_spool *s, struct spool_entry *entry); /* the entry is out of here */
bool async_spool_idle(const struct async_spool *s);			 /* nothing on its way to the disk */
void async_spool_render(const struct async_spool *s, struct buf *out);	 /* metrics */

#endif
