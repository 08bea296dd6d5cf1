/* SPDX-License-Identifier: Apache-2.0 */
/* What a function returns for an HTTP request, in all formats, and the prelude of a streamed one: nothing that comes out can
 * break an HTTP response, and a refusal has a reason. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/blob.h"
#include "base/err.h"
#include "core/url_response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct url_response *r, int result, const struct err *err)
{
	if (result != 0) {
		assert(err->msg[0] != '\0');
	} else {
		size_t bytes = 0;

		assert(r->status >= 200 && r->status <= 599);
		for (size_t i = 0; i < r->headers.count; i++) {
			assert(r->headers.items[i].name[0] != '\0');
			assert(strpbrk(r->headers.items[i].name, " :\r\n") == NULL);
			bytes += strlen(r->headers.items[i].name) + strlen(r->headers.items[i].value);
		}
		assert(bytes < URL_HEADERS_MAX + 100);
	}
	url_response_fini(r);
}

static void feed_in_two(const char *text, size_t size)
{
	struct url_prelude whole, pieces;
	size_t used, first, second = 0;
	enum url_prelude_state a, b;

	url_prelude_init(&whole);
	url_prelude_init(&pieces);
	a = url_prelude_feed(&whole, text, size, &used);
	b = url_prelude_feed(&pieces, text, size / 2, &first);
	if (b == URL_PRELUDE_MORE) {
		b = url_prelude_feed(&pieces, text + first, size - first, &second);
	}
	assert(a == b);
	if (a == URL_PRELUDE_DONE) {
		struct url_response r;
		struct err err = ERR_INIT;
		int result = url_response_read_prelude(whole.json.data != NULL ? whole.json.data : "", whole.json.len,
						       "text/plain", &r, &err);

		assert(used == first + second && whole.json.len == pieces.json.len);
		check(&r, result, &err);
	}
	url_prelude_fini(&whole);
	url_prelude_fini(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (unsigned p = 0; p < URL_PAYLOAD_COUNT; p++) {
		struct blob *result = blob_copy(data, size);
		struct url_response r;
		struct err err = ERR_INIT;
		int ok = url_response_read((enum url_payload)p, result, &r, &err);

		check(&r, ok, &err);
		blob_unref(result);
	}
	feed_in_two((const char *)data, size);
	return 0;
}
