/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a host and a port to a connected socket, without blocking the loop: a name is looked up in a thread of its own, whose
 * answer comes through a pipe.
 */
#ifndef IO_DIAL_H
#define IO_DIAL_H

#include <stdint.h>

#include "base/attr.h"

struct dial;
struct loop;

/* fd >= 0: connected, moved. -1: why says what failed. The dial is gone when this is called. */
typedef void (*dial_fn)(void *ctx, int fd, const char *why);

/* done comes in a later turn, within limit_us. */
struct dial *dial_start(struct loop *loop, const char *host, uint16_t port, int64_t limit_us, dial_fn done,
			void *ctx) MUST_CHECK;
void dial_cancel(struct dial *d); /* NULL is fine; done does not come any more */

#endif
