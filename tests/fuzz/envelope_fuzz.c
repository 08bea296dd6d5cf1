/* SPDX-License-Identifier: Apache-2.0 */
/* The scanner against the JSON library, and the envelope: what is cut out is JSON, what goes into headers is clean. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_scan.h"
#include "core/envelope.h"
#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(const char *value)
{
	for (; value != NULL && *value != '\0'; value++) {
		assert((unsigned char)*value >= ' ' && *value != 0x7f);
	}
}

static void check_member(void *ctx, struct json_slice key, struct json_slice value)
{
	struct buf text = BUF_INIT;
	struct json_slice again;
	uint64_t number;

	(void)ctx;
	assert(json_slice_is(key, '"'));
	assert(json_scan_text(value.ptr, value.len, &again) && again.ptr == value.ptr && again.len == value.len);
	(void)!json_slice_string(key, &text);
	(void)!json_slice_string(value, &text);
	(void)!json_slice_u64(value, &number);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct json_slice root;
	struct envelope e;
	char why[160];

	/* What the library takes the scanner takes too, but for a NUL at the end. The other way about they differ in huge
	 * numbers, lone surrogates and keys with NUL. */
	if (memchr(text, '\0', size) == NULL && json_text_is_valid(text, size)) {
		assert(json_scan_text(text, size, &root));
	}
	if (json_scan_text(text, size, &root)) {
		json_scan_members(root, check_member, NULL);
	}
	if (envelope_read(text, size, &e, why, sizeof(why)) == 0) {
		assert(e.event.ptr >= text && e.event.ptr + e.event.len <= text + size);
		check_header(e.request_id);
		check_header(e.arn);
		check_header(e.trace_id);
		check_header(e.client_context);
		check_header(e.cognito_identity);
	} else {
		assert(why[0] != '\0');
	}
	envelope_fini(&e);
	return 0;
}
