/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries the batches of one subscription to its listener in the environment, by HTTP or TCP. The names that AWS gives to
 * the environment, sandbox.localdomain and sandbox, are 127.0.0.1.
 */
#ifndef EDGE_TELEMETRY_SEND_H
#define EDGE_TELEMETRY_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "core/telemetry.h"

struct blob;
struct httpc;
struct loop;
struct telemetry_sender;

/* error: NULL when the batch has arrived, else one line for the log. The sender may be freed from within. */
typedef void (*telemetry_sent_fn)(void *ctx, const char *error);

/* want: borrowed for the life of the sender. timeout_us: a batch that HTTP has not delivered by then has failed. */
struct telemetry_sender *telemetry_sender_new(struct loop *loop, struct httpc *http,
					      const struct telemetry_want *want, int64_t timeout_us,
					      telemetry_sent_fn fn, void *ctx) MUST_CHECK;
/* Gives up what is under way. NULL is fine. */
void telemetry_sender_free(struct telemetry_sender *s);
/* One at a time; fn is called later, never from within. */
void telemetry_sender_send(struct telemetry_sender *s, struct blob *body);
/* The listener is frozen: its time stands still, what is under way stays so. */
void telemetry_sender_pause(struct telemetry_sender *s, bool pause);

#endif
