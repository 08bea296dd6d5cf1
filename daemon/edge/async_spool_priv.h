/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by edge/async_spool.c (writing) and edge/async_spool_read.c (what is there at the start). */
#ifndef EDGE_ASYNC_SPOOL_PRIV_H
#define EDGE_ASYNC_SPOOL_PRIV_H

#include "base/buf.h"
#include "edge/async_spool.h"
#include "loop/loop.h"

struct appender;
struct mailbox;

/* A file. */
struct spool_segment {
	struct list link; // async_spool::segments
	uint64_t id;
	char *path;
	uint32_t salt;
	size_t bytes;
	struct list entries; // spool_entry::link; those whose acceptance stands here
	bool begun;	     /* its header is on disk */
	bool damaged;	     /* not all of it could be read: it is not removed */
	bool flying;	     /* something is on its way to it */
};

struct async_spool {
	struct async_spool_deps deps;
	int lock;
	struct mailbox *inbox;
	struct loop_fd source;
	struct loop_hook hook;
	struct appender *appender;
	struct list segments; // spool_segment::link; the oldest first, the last is written to
	uint64_t next_id;
	uint64_t next_number;
	struct buf buffer;  /* records for the last segment */
	struct list fresh;  // spool_entry::batch; whose acceptance is in there
	struct list flying; // spool_entry::batch; whose acceptance is on its way
	bool busy;	    /* something is on its way */
	size_t flying_bytes;
	bool failing; /* the last time it went wrong */
	bool waiting; /* for the timer: until then nothing is written anew */
	struct loop_timer retry;
	size_t live_bytes;
	size_t disk_bytes;
	uint64_t writes;
	uint64_t failures;
	uint64_t moved; /* events written anew */
};

struct spool_segment *spool_segment_new(struct async_spool *s, uint64_t id);
void spool_segment_free(struct async_spool *s, struct spool_segment *g);
void spool_entry_link(struct async_spool *s, struct spool_entry *e, struct spool_segment *g);
/* Everything in the directory. 0, or -1 with the reason. */
int spool_read_all(struct async_spool *s, struct err *err) MUST_CHECK;

#endif
