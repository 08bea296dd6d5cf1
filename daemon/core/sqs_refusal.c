/* SPDX-License-Identifier: Apache-2.0 */
/* Error codes of SQS. */
#include "core/sqs_refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/attr.h"

/* The two protocols write the same error as "AWS.SimpleQueueService.X", "X" and "XException". */
static bool is_code(const char *code, const char *name)
{
	const char *dot = strrchr(code, '.');
	size_t len = strlen(name);

	code = dot != NULL ? dot + 1 : code;
	return strncmp(code, name, len) == 0 && (code[len] == '\0' || strcmp(code + len, "Exception") == 0);
}

enum sqs_verdict sqs_judge(const char *code, const char *message)
{
	static const char *const final[] = {
		"QueueDoesNotExist",	  "NonExistentQueue",	    "InvalidAddress",	    "InvalidParameterValue",
		"InvalidParameter",	  "MissingParameter",	    "InvalidAttributeName", "InvalidAttributeValue",
		"InvalidMessageContents", "ReceiptHandleIsInvalid", "InvalidIdFormat",	    "UnsupportedOperation",
	};

	if (is_code(code, "MessageTooLong") ||
	    (is_code(code, "InvalidParameterValue") && strstr(message, "must be shorter than") != NULL)) {
		return SQS_TOO_LARGE;
	}
	for (size_t i = 0; i < countof(final); i++) {
		if (is_code(code, final[i])) {
			return SQS_FINAL;
		}
	}
	return SQS_TRY_AGAIN;
}
