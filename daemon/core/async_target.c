/* SPDX-License-Identifier: Apache-2.0 */
/* Destinations by their notation. */
#include "core/async_target.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/aws_endpoint.h"
#include "core/bridge_rules.h"

static bool is_queue_name(const char *name)
{
	size_t len = strlen(name);
	size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return len > 0 && len <= 80 && (plain == len || strcmp(name + plain, ".fifo") == 0);
}

/* arn:PARTITION:sqs:REGION:ACCOUNT:NAME */
static bool parse_arn(const char *arn, struct async_target *out)
{
	char partition[16];
	int end = 0;

	out->kind = ASYNC_TO_SQS_ARN;
	if (sscanf(arn, "arn:%15[a-z-]:sqs:%63[a-z0-9-]:%12[0-9]:%n", partition, out->region, out->account, &end) !=
		    3 ||
	    end == 0) {
		return false;
	}
	out->text = arn + end;
	snprintf(out->domain, sizeof(out->domain), "amazonaws.com%s", strcmp(partition, "aws-cn") == 0 ? ".cn" : "");
	return strlen(out->account) == 12 && aws_region_is_valid(out->region) && is_queue_name(out->text);
}

bool async_target_parse(const char *value, struct async_target *out)
{
	memset(out, 0, sizeof(*out));
	if (text_starts(value, "arn:")) {
		return parse_arn(value, out);
	}
	if (text_starts(value, "amqp:")) {
		out->kind = ASYNC_TO_AMQP;
		out->text = value + 5;
		return *out->text != '\0' && *out->text != '/' && strlen(out->text) <= 255;
	}
	if (text_starts(value, "file:")) {
		out->kind = ASYNC_TO_FILE;
		out->text = value + (text_starts(value, "file://") ? 7 : 5);
		return *out->text != '\0';
	}
	out->kind = strstr(value, "/2015-03-31/functions/") != NULL ? ASYNC_TO_FUNCTION : ASYNC_TO_SQS;
	out->text = value;
	return bridge_queue_url_is_valid(value);
}
