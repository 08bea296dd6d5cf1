/* SPDX-License-Identifier: Apache-2.0 */
/* Packing and unpacking of queue messages. */
#include "edge/payload.h"

#include <stdio.h>
#include <string.h>

#include "base/base58.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/json_scan.h"
#include "io/gzip.h"

/* Queue messages are what XML 1.0 allows, and a reader has to know it for a text: JSON, but for two characters. */
static bool can_stand(const struct blob *text)
{
	struct json_slice json;

	return json_scan_text(text->data, text->len, &json) &&
	       memmem(text->data, text->len, "\xef\xbf\xbe", 3) == NULL &&
	       memmem(text->data, text->len, "\xef\xbf\xbf", 3) == NULL;
}

struct blob *payload_pack(struct blob *text, size_t limit, size_t *packed_len)
{
	struct buf packed = BUF_INIT;
	struct buf encoded = BUF_INIT;
	bool ok;

	*packed_len = text->len;
	if (text->len < limit && can_stand(text)) {
		return blob_ref(text);
	}
	ok = gzip_compress(&packed, text->data, text->len) == GZIP_OK;
	if (ok) {
		/* Base58 makes 1.366 characters of a byte: no need to encode what cannot fit. */
		*packed_len = packed.len * 1366 / 1000;
		ok = *packed_len < limit + limit / 64 && base58_encode(&encoded, packed.data, packed.len);
	}
	if (ok) {
		*packed_len = encoded.len;
	}
	buf_fini(&packed);
	if (!ok || encoded.len >= limit) {
		buf_fini(&encoded);
		return NULL;
	}
	return buf_to_blob(&encoded);
}

/* Blanks around it do no harm; mail and shells add line ends. */
static void trim(const char **text, size_t *len)
{
	while (*len > 0 && (unsigned char)(*text)[*len - 1] <= ' ') {
		(*len)--;
	}
	while (*len > 0 && (unsigned char)**text <= ' ') {
		(*text)++;
		(*len)--;
	}
}

struct blob *payload_unpack(struct blob *message, size_t max, char *why, size_t why_size)
{
	const char *text = message->data;
	size_t len = message->len;
	struct json_slice json;
	struct buf packed = BUF_INIT;
	struct buf out;
	enum gzip_result r;

	if (json_scan_text(text, len, &json)) {
		if (len > max) {
			snprintf(why, why_size, "it has %zu bytes, %zu are the limit", len, max);
			return NULL;
		}
		return blob_ref(message);
	}
	trim(&text, &len);
	if (len == 0 || !base58_decode(&packed, text, len)) {
		snprintf(why, why_size, "it is neither JSON nor base58");
		buf_fini(&packed);
		return NULL;
	}
	buf_init(&out, max);
	r = gzip_expand(&out, packed.data, packed.len);
	buf_fini(&packed);
	if (r != GZIP_OK) {
		if (r == GZIP_TOO_LARGE) {
			snprintf(why, why_size, "unpacked it has more than %zu bytes", max);
		} else {
			snprintf(why, why_size, "it is neither JSON nor gzip in base58");
		}
		buf_fini(&out);
		return NULL;
	}
	return buf_to_blob(&out);
}
