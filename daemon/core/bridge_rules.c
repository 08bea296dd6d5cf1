/* SPDX-License-Identifier: Apache-2.0 */
/* Fates, waits and queue URLs of the SQS bridge. */
#include "core/bridge_rules.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/function_name.h"

static const unsigned return_step_s = 10;
static const unsigned return_most_s = 60;
static const unsigned receive_wait_s = 5;
static const unsigned receive_most_s = 60;

enum bridge_fate bridge_fate(const struct bridge_policy *policy, enum outcome_kind kind)
{
	if (kind == OUTCOME_RESPONSE) {
		return BRIDGE_ANSWER;
	}
	if (!outcome_is_function_error(kind)) {
		return BRIDGE_RETURN; /* it never ran */
	}
	/* Trying again would not make it smaller, and the caller had better be told. */
	if (policy->answer_errors || kind == OUTCOME_TOO_LARGE) {
		return BRIDGE_ANSWER_ERROR;
	}
	if (kind == OUTCOME_ERROR || kind == OUTCOME_INVALID) {
		return policy->auto_rerun_s > 0 ? BRIDGE_RETURN : BRIDGE_HOLD;
	}
	return BRIDGE_RETURN; /* its runtime is gone: that is the restart that a rerun waits for */
}

unsigned bridge_return_wait_s(const struct bridge_policy *policy, enum outcome_kind kind, unsigned receives)
{
	unsigned wait;

	if (kind == OUTCOME_ERROR || kind == OUTCOME_INVALID) {
		return (unsigned)policy->auto_rerun_s;
	}
	if (kind == OUTCOME_SHUTDOWN || receives <= 1) {
		return 0;
	}
	wait = receives > 100 ? return_most_s : (receives - 1) * return_step_s;
	return wait < return_most_s ? wait : return_most_s;
}

unsigned bridge_receive_wait_s(unsigned failures)
{
	unsigned wait = receive_wait_s;

	for (unsigned i = 1; i < failures && wait < receive_most_s; i++) {
		wait *= 2;
	}
	return wait < receive_most_s ? wait : receive_most_s;
}

bool bridge_queue_url_is_valid(const char *url)
{
	const char *host = text_starts(url, "https://") ? url + 8 : text_starts(url, "http://") ? url + 7 : NULL;
	size_t host_len = host != NULL ? strcspn(host, "/") : 0;

	for (const char *c = url; *c != '\0'; c++) {
		if (*c <= ' ' || *c == '@' || *c == 0x7f) {
			return false;
		}
	}
	return host_len > 0 && host[host_len] == '/' && host[host_len + 1] != '\0';
}

/* Of the AWS partitions, whose URLs do not all end alike. */
static const char *domain_of(const char *partition)
{
	static const struct {
		const char *partition;
		const char *domain;
	} others[] = {
		{ "aws-cn", "amazonaws.com.cn" },  { "aws-iso", "c2s.ic.gov" },
		{ "aws-iso-b", "sc2s.sgov.gov" },  { "aws-iso-e", "cloud.adc-e.uk" },
		{ "aws-iso-f", "csp.hci.ic.gov" }, { "aws-eusc", "amazonaws.eu" },
	};

	for (size_t i = 0; i < countof(others); i++) {
		if (strcmp(partition, others[i].partition) == 0) {
			return others[i].domain;
		}
	}
	return "amazonaws.com";
}

bool bridge_queue_url(const char *arn, const char *queue, char *out, size_t size)
{
	struct function_name name;
	char partition[32];
	char region[40];
	char account[16];
	int n;

	if (!text_starts(arn, "arn:") || !function_name_parse(arn, &name) ||
	    sscanf(arn, "arn:%31[^:]:lambda:%39[^:]:%15[^:]:function:", partition, region, account) != 3) {
		return false;
	}
	n = snprintf(out, size, "https://sqs.%s.%s/%s/%s", region, domain_of(partition), account, queue);
	return n > 0 && (size_t)n < size;
}
