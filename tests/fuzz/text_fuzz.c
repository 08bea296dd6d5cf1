/* SPDX-License-Identifier: Apache-2.0 */
/* The text codecs: what is decoded encodes to itself, and what is made to be safe is. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(const char *s, size_t len)
{
	struct buf decoded = BUF_INIT;
	struct buf encoded = BUF_INIT;

	if (text_unbase64(&decoded, s, len)) {
		text_base64(&encoded, decoded.data, decoded.len);
		assert(encoded.len == len && (len == 0 || memcmp(encoded.data, s, len) == 0));
	}
	buf_fini(&decoded);
	buf_fini(&encoded);
	text_base64(&encoded, s, len);
	assert(text_unbase64(&decoded, encoded.data != NULL ? encoded.data : "", encoded.len));
	assert(decoded.len == len && (len == 0 || memcmp(decoded.data, s, len) == 0));
	buf_fini(&decoded);
	buf_fini(&encoded);
}

static void check_json(const char *s, size_t len)
{
	struct buf quoted = BUF_INIT;
	struct buf ascii = BUF_INIT;

	text_json_string(&quoted, s, len);
	assert(json_text_is_valid(quoted.data, quoted.len));
	assert(quoted.len >= 2 && strpbrk(quoted.data, "<>&\r\n") == NULL);
	text_json_ascii(&ascii, quoted.data, quoted.len);
	assert(json_text_is_valid(ascii.data, ascii.len));
	for (size_t i = 0; i < ascii.len; i++) {
		assert(ascii.data[i] >= ' ' && ascii.data[i] <= '~');
	}
	buf_fini(&quoted);
	buf_fini(&ascii);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	struct buf plain = BUF_INIT;
	uint64_t n;
	int64_t us;

	check_base64((const char *)data, size);
	check_json((const char *)data, size);
	if (text_unpercent(&plain, (const char *)data, size)) {
		assert(plain.len <= size && (plain.len == 0 || strlen(plain.data) == plain.len));
	} else {
		assert(plain.len == 0);
	}
	if (text_to_u64(text, 5, 1000, &n)) {
		assert(n >= 5 && n <= 1000);
	}
	if (text_to_us(text, &us)) {
		assert(us >= 0);
	}
	(void)text_is_uuid(text);
	buf_fini(&plain);
	free(text);
	return 0;
}
