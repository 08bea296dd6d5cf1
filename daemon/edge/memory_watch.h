/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Max Memory Used: the peak of what a runtime's process tree had resident. Reading /proc costs tens of microseconds, so
 * it is done when an invocation was long enough for that not to matter, and at most every so often otherwise; once in
 * the life of a process in any case.
 */
#ifndef EDGE_MEMORY_WATCH_H
#define EDGE_MEMORY_WATCH_H

#include <stdint.h>

struct host;

void memory_watch_reset(struct host *h); /* a new process */
/* From now on the peak is that of the event that begins here. One that is too short to be measured has that of the last
 * one that was measured. */
void memory_watch_begin(struct host *h);
/* An event is about to be handed over; to be called for each: the process may end as soon as it has one. */
void memory_watch_handing(struct host *h);
/* The process has ended, and had at most so much. */
void memory_watch_ended(struct host *h, uint64_t peak_bytes);
/* At the end of an invocation that took duration_us. Returns the peak so far, in bytes. */
uint64_t memory_watch_finish(struct host *h, int64_t duration_us, int64_t now_us);
/* While an invocation runs: catches what children of the runtime use that are gone by its end. */
void memory_watch_sample(struct host *h, int64_t now_us);

#endif
