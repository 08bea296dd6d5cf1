/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacking of messages that anybody may have put on a queue; what was packed unpacks to itself. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "edge/payload.h"
#include "io/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blob *text = blob_copy(data, size);
	struct buf expanded;
	size_t packed_len;
	struct blob *packed = payload_pack(text, 16, &packed_len);
	char why[128];
	struct blob *out = payload_unpack(text, 1000, why, sizeof(why));

	assert(out == NULL || out->len <= 1000);
	blob_unref(out);
	if (packed == NULL) {
		packed = payload_pack(text, size + 1000, &packed_len);
	}
	assert(packed != NULL && packed->len == packed_len);
	out = packed != text ? payload_unpack(packed, size + 1, why, sizeof(why)) : NULL;
	assert(out == NULL || (out->len == size && memcmp(out->data, data, size) == 0));
	blob_unref(out);
	buf_init(&expanded, 1000);
	(void)!gzip_expand(&expanded, data, size);
	assert(expanded.len <= 1000);
	buf_fini(&expanded);
	blob_unref(packed);
	blob_unref(text);
	return 0;
}
