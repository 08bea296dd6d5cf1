/* SPDX-License-Identifier: Apache-2.0 */
/* zlib behind three functions: gzip containers (RFC 1952) in memory, and their checksum. */
#ifndef IO_GZIP_H
#define IO_GZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;

enum gzip_result {
	GZIP_OK,
	GZIP_INVALID,	/* not gzip, damaged, cut short, or followed by something else */
	GZIP_TOO_LARGE, /* over out's limit */
};

/* Fastest level, no time stamp: the same input gives the same output. Appends. */
enum gzip_result gzip_compress(struct buf *out, const void *data, size_t len) MUST_CHECK;
/* Appends; stops at out's limit, so that a small input cannot take all memory. */
enum gzip_result gzip_expand(struct buf *out, const void *data, size_t len) MUST_CHECK;

/* CRC-32 as in IEEE 802.3. */
uint32_t gzip_crc32(const void *data, size_t len);

#endif
