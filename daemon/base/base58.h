/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base58 with the Bitcoin alphabet, as the SQS bridge's payloads use it: a big-endian number, a leading '1' for each
 * leading zero byte, no checksum. Fast for large inputs: halves are converted separately and put together by
 * number-theoretic transforms, where the schoolbook way takes time by the square of the length.
 */
#ifndef BASE_BASE58_H
#define BASE_BASE58_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct buf;

/* The most bytes that can be encoded: more than fits into the largest queue message (1 MiB of text). */
#define BASE58_MAX_BYTES ((size_t)766000)
#define BASE58_MAX_TEXT ((size_t)1 << 20)

/* Both append to out. false and nothing appended: too long, over out's limit, or (decoding) not base58. */
bool base58_encode(struct buf *out, const void *data, size_t len) MUST_CHECK;
bool base58_decode(struct buf *out, const char *text, size_t len) MUST_CHECK;

#endif
