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

enum kind { QUEUE, SIZE, WINDOW, BOOL };

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *fallback; /* parsed like a value */
	const char *help;
};

#define AT(member) offsetof(struct sqs_event_settings, member)

static const struct row table[] = {
	{ "SQS_EVENT_SOURCE_QUEUE_URL", QUEUE, AT(queue_url), NULL,
	  "URL of an SQS queue whose messages invoke the function in batches, as an SQS trigger; default: none" },
	{ "SQS_EVENT_SOURCE_BATCH_SIZE", SIZE, AT(batch_size), "10",
	  "messages of a batch at most, up to 10000; more than 10 only with a window, and not of a FIFO queue" },
	{ "SQS_EVENT_SOURCE_BATCH_WINDOW", WINDOW, AT(window_s), "0",
	  "seconds, up to 300, for which messages are collected to a batch" },
	{ "SQS_EVENT_SOURCE_REPORT_FAILURES", BOOL, AT(report_failures), "FALSE",
	  "ReportBatchItemFailures: the function names the messages that failed in batchItemFailures" },
};

static bool parse_bool(const char *value, bool *out)
{
	*out = strcasecmp(value, "TRUE") == 0 || strcmp(value, "1") == 0;
	return *out || strcasecmp(value, "FALSE") == 0 || strcmp(value, "0") == 0;
}

static bool parse(struct sqs_event_settings *s, const struct row *r, const char *value)
{
	void *slot = (char *)s + r->offset;

	switch (r->kind) {
	case QUEUE:
		memcpy(slot, &value, sizeof(value));
		return bridge_queue_url_is_valid(value);
	case SIZE:
		return text_to_u64(value, 1, SQS_EVENT_BATCH_MAX, slot);
	case WINDOW:
		return text_to_u64(value, 0, SQS_EVENT_WINDOW_MAX_S, slot);
	case BOOL:
		return parse_bool(value, slot);
	}
	return false;
}

static const char *allowed(enum kind kind)
{
	switch (kind) {
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

int sqs_event_settings_load(struct sqs_event_settings *s, struct err *err)
{
	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < countof(table); i++) {
		const struct row *r = &table[i];
		const char *value = getenv(r->name);

		if (value == NULL || *value == '\0') {
			value = r->fallback;
		}
		if (value != NULL && !parse(s, r, value)) {
			/* What stands before an @ may be a password. */
			return err_set(err, 2, "%s=%.200s: not allowed; expected %s", r->name,
				       strchr(value, '@') != NULL ? "...@..." : value, allowed(r->kind));
		}
	}
	return check(s, err);
}

void sqs_event_settings_print_help(FILE *out)
{
	for (size_t i = 0; i < countof(table); i++) {
		const struct row *r = &table[i];

		fprintf(out, "  %s\n      %s%s%s%s\n", r->name, r->help, r->fallback != NULL ? " (default " : "",
			r->fallback != NULL ? r->fallback : "", r->fallback != NULL ? ")" : "");
	}
}
