/* SPDX-License-Identifier: Apache-2.0 */
/* Environment of the SQS event source (edge/sqs_event_source.h). */
#ifndef EDGE_SQS_EVENT_SETTINGS_H
#define EDGE_SQS_EVENT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"

struct err;

struct sqs_event_settings {
	const char *queue_url; /* borrowed from the environment; NULL = no event source */
	uint64_t batch_size;
	uint64_t window_s; /* 0 = what one ReceiveMessage brings is a batch */
	bool report_failures;
};

/* 0, or -1 with the reason. */
int sqs_event_settings_load(struct sqs_event_settings *s, struct err *err) MUST_CHECK;
void sqs_event_settings_print_help(FILE *out);

#endif
