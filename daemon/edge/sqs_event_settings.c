/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the SQS event source's variables, and AWS's rules for them. */
#include "edge/sqs_event_settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"
#include "core/bridge_rules.h"
#include "core/sqs_event.h"
#include "edge/env_table.h"

enum kind { QUEUE, SIZE, WINDOW, BOOL };

#define AT(member) offsetof(struct sqs_event_settings, member)

static const struct env_row rows[] = {
	{ "SQS_EVENT_SOURCE_QUEUE_URL", QUEUE, AT(queue_url), NULL,
	  "URL of an SQS queue whose messages invoke the function in batches, as an SQS trigger; default: none" },
	{ "SQS_EVENT_SOURCE_BATCH_SIZE", SIZE, AT(batch_size), "10",
	  "messages of a batch at most, up to 10000; more than 10 only with a window, and not of a FIFO queue" },
	{ "SQS_EVENT_SOURCE_BATCH_WINDOW", WINDOW, AT(window_s), "0",
	  "seconds, up to 300, for which messages are collected to a batch" },
	{ "SQS_EVENT_SOURCE_REPORT_FAILURES", BOOL, AT(report_failures), "FALSE",
	  "ReportBatchItemFailures: the function names the messages that failed in batchItemFailures" },
};

static bool parse(void *settings, const struct env_row *row, const char *value)
{
	void *slot = (char *)settings + row->offset;

	switch ((enum kind)row->kind) {
	case QUEUE:
		memcpy(slot, &value, sizeof(value));
		return bridge_queue_url_is_valid(value);
	case SIZE:
		return text_to_u64(value, 1, SQS_EVENT_BATCH_MAX, slot);
	case WINDOW:
		return text_to_u64(value, 0, SQS_EVENT_WINDOW_MAX_S, slot);
	case BOOL:
		return env_parse_bool(value, slot);
	}
	return false;
}

static const char *expected(int kind)
{
	switch ((enum kind)kind) {
	case QUEUE:
		return "a queue URL (https://HOST/..., without a user)";
	case SIZE:
		return "a whole number from 1 to 10000";
	case WINDOW:
		return "a whole number of seconds from 0 to 300";
	case BOOL:
		break;
	}
	return "TRUE or FALSE";
}

static int check(const struct sqs_event_settings *s, struct err *err)
{
	unsigned long long size = s->batch_size;

	if (s->queue_url != NULL && text_ends(s->queue_url, ".fifo") && size > SQS_EVENT_BATCH_MAX_FIFO) {
		return err_set(err, 2,
			       "SQS_EVENT_SOURCE_BATCH_SIZE=%llu: not allowed; expected up to %u for a FIFO queue",
			       size, SQS_EVENT_BATCH_MAX_FIFO);
	}
	if (size > SQS_EVENT_BATCH_MAX_WITHOUT_WINDOW && s->window_s == 0) {
		return err_set(err, 2,
			       "SQS_EVENT_SOURCE_BATCH_SIZE=%llu: not allowed; more than %u need "
			       "SQS_EVENT_SOURCE_BATCH_WINDOW of 1 or more",
			       size, SQS_EVENT_BATCH_MAX_WITHOUT_WINDOW);
	}
	return 0;
}

static const struct env_table table = { rows, countof(rows), parse, expected };

int sqs_event_settings_load(struct sqs_event_settings *s, struct err *err)
{
	return env_table_load(&table, s, sizeof(*s), err) == 0 ? check(s, err) : -1;
}

void sqs_event_settings_print_help(FILE *out)
{
	env_table_print_help(&table, out);
}
