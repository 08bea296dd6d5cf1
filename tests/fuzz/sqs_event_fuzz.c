/* SPDX-License-Identifier: Apache-2.0 */
/* What a function returns for a batch: a refusal has a reason, what is accepted is JSON or blank; and a record of whatever
 * text is JSON that reads back as that text. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/json_scan.h"
#include "base/text.h"
#include "core/sqs_event.h"
#include "core/sqs_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const char *text, size_t size)
{
	const struct sqs_attribute attribute = { "a", "Binary", text, size };
	const struct sqs_message m = {
		.id = "id",
		.receipt = "r",
		.body = blob_copy(text, size),
		.attributes = &attribute,
		.attribute_count = 1,
	};
	struct buf record = BUF_INIT, body = BUF_INIT;
	struct json_slice root;

	sqs_event_record(&record, &m, "arn:aws:sqs:r:1:q", "r");
	assert(json_scan_text(record.data, record.len, &root));
	assert(json_slice_bytes(json_scan_member(root, "body"), &body));
	assert(body.len == size && (size == 0 || memcmp(body.data, text, size) == 0));
	buf_fini(&record);
	buf_fini(&body);
	blob_unref(m.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const ids[] = { "b", "a", "5", "\xc3\xa9" };
	const char *text = (const char *)data;
	bool failed[countof(ids)];
	char why[160] = "";
	struct json_slice root;

	if (sqs_event_failures(text, size, ids, countof(ids), failed, why, sizeof(why)) != 0) {
		assert(why[0] != '\0');
	} else {
		bool any = failed[0] || failed[1] || failed[2] || failed[3];

		assert(why[0] == '\0');
		assert(!any || (json_scan_text(text, size, &root) && json_slice_is(root, '{')));
	}
	if (text_is_utf8(text, size)) {
		check_record(text, size);
	}
	return 0;
}
