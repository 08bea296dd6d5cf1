/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection to a listener on this machine that takes batches of bytes, one at a time. It is made with the first
 * batch, kept, and made anew with the next batch when it was lost. What the peer sends is thrown away. Never blocks.
 */
#ifndef IO_TCP_OUT_H
#define IO_TCP_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct blob;
struct loop;
struct tcp_out;

/* error: 0 when the kernel has taken everything, else an errno; then any part of it may have arrived. */
typedef void (*tcp_out_fn)(void *ctx, int error);

struct tcp_out *tcp_out_new(struct loop *loop, uint16_t port, tcp_out_fn fn, void *ctx) MUST_CHECK; /* 127.0.0.1 */
/* Closes at once; no callback any more. NULL is fine; also from inside the callback. */
void tcp_out_free(struct tcp_out *o);

/* Not while another is under way. Takes a reference. fn is called later, never from within. */
void tcp_out_send(struct tcp_out *o, struct blob *body);

#endif
