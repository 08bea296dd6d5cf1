/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain byte stream with the manners of io/ws: callbacks until on_closed or raw_close, then it is not the caller's any
 * more; what is queued at raw_close is still sent, within limits.
 */
#ifndef IO_RAW_H
#define IO_RAW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct loop;
struct raw;
struct sock_group;

struct raw_ops {
	void (*on_bytes)(void *ctx, const char *data, size_t len);
	void (*on_space)(void *ctx); /* raw_queued() was over SOCK_HIGH and has fallen to SOCK_LOW */
	void (*on_closed)(void *ctx);
};

/* fd is moved. NULL: the socket is unusable, fd is closed. */
struct raw *raw_new(struct loop *loop, int fd, const struct raw_ops *ops, void *ctx) MUST_CHECK;
void raw_send(struct raw *r, const char *data, size_t len);
size_t raw_queued(const struct raw *r);
void raw_pause(struct raw *r, bool pause);
void raw_close(struct raw *r);
void raw_group(struct raw *r, struct sock_group *group); /* for its life, the end of sending included */

#endif
