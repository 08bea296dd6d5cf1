/* SPDX-License-Identifier: Apache-2.0 */
/* A body in pieces of the length of its first byte: what passes and what is held is the body, in its order. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/stream_error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	const char *type, *body, *piece;
	struct stream_error e;
	struct buf out = BUF_INIT;
	size_t step, len;

	if (size < 1) {
		return 0;
	}
	size--;
	step = data[0] + (size_t)1;
	stream_error_init(&e);
	for (size_t at = 0; at < size; at += step) {
		piece = text + at;
		len = size - at < step ? size - at : step;
		stream_error_pass(&e, &piece, &len);
		buf_append(&out, piece, len);
	}
	if (stream_error_end(&e, &type, &body, &piece, &len)) {
		assert(strlen(type) + strlen(body) < len && out.len + len == size);
	} else {
		buf_append(&out, piece, len);
		assert(out.len == size && (size == 0 || memcmp(out.data, text, size) == 0));
	}
	stream_error_fini(&e);
	buf_fini(&out);
	return 0;
}
