/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in queue messages: JSON as it is while it fits, else gzip and base58. A reader takes any JSON for what it is and
 * everything else for a packed text.
 */
#ifndef EDGE_PAYLOAD_H
#define EDGE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct blob;

/* The body of a message for a text, shorter than limit (what else the message has is taken off by the caller): the text itself
 * (a new reference) or packed. NULL: too large even so, *packed_len says how large. */
struct blob *payload_pack(struct blob *text, size_t limit, size_t *packed_len) MUST_CHECK;

/* The text of a message, at most max bytes. One reference; NULL with what is wrong in why. */
struct blob *payload_unpack(struct blob *message, size_t max, char *why, size_t why_size) MUST_CHECK;

#endif
