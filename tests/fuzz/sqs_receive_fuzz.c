/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of ReceiveMessage: messages have all that they must have, whatever the reply says. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/blob.h"
#include "base/log.h"
#include "edge/sqs_receive.h"
#include "io/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct sqs_attribute *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert(list[i].name != NULL && list[i].type != NULL && list[i].value != NULL);
		assert(list[i].value[list[i].value_len] == '\0');
	}
}

static void on_messages(void *ctx, const struct aws_failure *failure, const struct sqs_message *messages,
			size_t count)
{
	unsigned *calls = ctx;

	assert(failure == NULL);
	++*calls;
	for (size_t i = 0; i < count; i++) {
		assert(messages[i].id != NULL && messages[i].receipt != NULL && messages[i].body != NULL);
		check(messages[i].attributes, messages[i].attribute_count);
		check(messages[i].system, messages[i].system_count);
		(void)sqs_message_system(&messages[i], "SentTimestamp");
		(void)sqs_message_attribute(&messages[i], "a");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json *doc = json_doc_read((const char *)data, size);
	unsigned calls = 0;

	log_setup(LOG_ERROR, false);
	sqs_receive_finish(doc, on_messages, &calls);
	assert(calls == 1);
	json_doc_wipe(doc);
	return 0;
}
