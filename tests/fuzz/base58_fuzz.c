/* SPDX-License-Identifier: Apache-2.0 */
/* Base58: whatever bytes come back as they were; whatever text is taken encodes to itself. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/base58.h"
#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text_of(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT;
	struct buf bytes = BUF_INIT;

	if (base58_encode(&text, data, size)) {
		assert(base58_decode(&bytes, text_of(&text), text.len));
		assert(bytes.len == size && (size == 0 || memcmp(bytes.data, data, size) == 0));
	}
	buf_fini(&text);
	buf_fini(&bytes);
	if (base58_decode(&bytes, (const char *)data, size)) {
		assert(base58_encode(&text, text_of(&bytes), bytes.len));
		assert(text.len == size && (size == 0 || memcmp(text.data, data, size) == 0));
	}
	buf_fini(&text);
	buf_fini(&bytes);
	return 0;
}
