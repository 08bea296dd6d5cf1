/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that sees zlib. */
#include "io/gzip.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"

static const int window_gzip = 15 + 16; /* zlib's way to say: gzip, largest window */
static const size_t piece = 64 * 1024;

uint32_t gzip_crc32(const void *data, size_t len)
{
	return (uint32_t)crc32_z(0, data, len);
}

enum gzip_result gzip_compress(struct buf *out, const void *data, size_t len)
{
	z_stream z;
	gz_header header;
	char *room;
	uLong bound;

	memset(&z, 0, sizeof(z));
	memset(&header, 0, sizeof(header));
	header.os = 255;
	if (len > UINT_MAX ||
	    deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, window_gzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		return GZIP_TOO_LARGE;
	}
	(void)deflateSetHeader(&z, &header);
	bound = deflateBound(&z, (uLong)len);
	room = buf_room(out, bound);
	if (room == NULL) {
		deflateEnd(&z);
		return GZIP_TOO_LARGE;
	}
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)room;
	z.avail_out = (uInt)bound;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
		deflateEnd(&z);
		return GZIP_TOO_LARGE;
	}
	buf_added(out, z.total_out);
	deflateEnd(&z);
	return GZIP_OK;
}

/* Is there nothing more? To be asked when out is full: the stream's end may still have to be read. */
static bool at_end(z_stream *z)
{
	Bytef extra;
	bool end;

	z->next_out = &extra;
	z->avail_out = 1;
	end = inflate(z, Z_NO_FLUSH) == Z_STREAM_END && z->avail_out == 1;
	z->next_out = NULL;
	return end;
}

static enum gzip_result expand(z_stream *z, struct buf *out)
{
	int r = Z_OK;

	while (r == Z_OK) {
		size_t left = out->limit > 0 ? out->limit - out->len : piece;
		size_t want = left < piece ? left : piece;
		char *room = want > 0 ? buf_room(out, want) : NULL;

		if (room == NULL) {
			return at_end(z) ? GZIP_OK : GZIP_TOO_LARGE;
		}
		z->next_out = (Bytef *)room;
		z->avail_out = (uInt)want;
		r = inflate(z, Z_NO_FLUSH);
		buf_added(out, want - z->avail_out);
		if (r == Z_OK && z->avail_in == 0 && z->avail_out > 0) {
			return GZIP_INVALID; /* cut short */
		}
	}
	return r == Z_STREAM_END && z->avail_in == 0 ? GZIP_OK : GZIP_INVALID;
}

enum gzip_result gzip_expand(struct buf *out, const void *data, size_t len)
{
	enum gzip_result result;
	z_stream z;

	memset(&z, 0, sizeof(z));
	if (len > UINT_MAX || inflateInit2(&z, window_gzip) != Z_OK) {
		return GZIP_INVALID;
	}
	z.next_in = (Bytef *)(uintptr_t)data;
	z.avail_in = (uInt)len;
	result = expand(&z, out);
	inflateEnd(&z);
	return result;
}
