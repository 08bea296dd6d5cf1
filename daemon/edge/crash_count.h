/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a runtime ended while it worked on a message, for brokers that do not count deliveries themselves. Remembers the
 * messages that crashed last, so its memory is bounded.
 */
#ifndef EDGE_CRASH_COUNT_H
#define EDGE_CRASH_COUNT_H

#include <stddef.h>

#include "base/attr.h"

struct crash_count;

struct crash_count *crash_count_new(void) MUST_CHECK;
void crash_count_free(struct crash_count *c);
/* One more. Returns how many there are now. */
unsigned crash_count_add(struct crash_count *c, const char *key, size_t len);
void crash_count_forget(struct crash_count *c, const char *key, size_t len);

#endif
