/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where function output and reports go (stdout): a queue in front of a descriptor that may be slow. What a turn of the
 * loop produces is written at its end; what the descriptor does not take waits for it, and the loop never blocks: each
 * write follows a poll and is at most PIPE_BUF long, which a writable pipe takes whole. O_NONBLOCK would not do: the
 * open file description is shared with whoever started us. A terminal takes less than that; it is opened anew.
 */
#ifndef IO_SINK_H
#define IO_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct loop;
struct sink;

/* on_space: called when a full sink has room again. The fd stays the caller's. */
struct sink *sink_new(struct loop *loop, int fd, void (*on_space)(void *ctx), void *ctx) MUST_CHECK;
/* While a disk is full, output is dropped. Otherwise that is the end of it: results must not have holes. */
void sink_allow_gaps(struct sink *s);
/* From now on what a turn produced is written at its end. Called when all other hooks are set: theirs come first. */
void sink_start(struct sink *s);
/* Waits at most wait_us in all for what is queued, then gives up. */
void sink_free(struct sink *s, int64_t wait_us);

/* Whole lines only. Dropped and counted when far more than the limit is waiting. */
void sink_write(struct sink *s, const char *data, size_t len);
/* true: stop producing; on_space will come. */
bool sink_full(struct sink *s);
bool sink_empty(const struct sink *s);	/* everything has been written, or nobody reads any more */
bool sink_broken(const struct sink *s); /* nobody reads any more */
/* For terminals: a last line that stands until something else is written. "" takes it away. */
void sink_status(struct sink *s, const char *text);

#endif
