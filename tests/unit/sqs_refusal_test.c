/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals of SQS: only what is about the message, its receipt or its queue is final. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/attr.h"
#include "core/sqs_refusal.h"

static void test_verdicts(void **state)
{
	static const struct {
		const char *code;
		enum sqs_verdict verdict;
	} rows[] = {
		{ "QueueDoesNotExist", SQS_FINAL },
		{ "AWS.SimpleQueueService.NonExistentQueue", SQS_FINAL },
		{ "InvalidParameterValue", SQS_FINAL },
		{ "InvalidParameterValueException", SQS_FINAL },
		{ "InvalidMessageContents", SQS_FINAL },
		{ "InvalidAddress", SQS_FINAL },
		{ "MissingParameter", SQS_FINAL },
		{ "ReceiptHandleIsInvalid", SQS_FINAL },
		{ "AWS.SimpleQueueService.UnsupportedOperation", SQS_FINAL },
		{ "MessageTooLong", SQS_TOO_LARGE },
		{ "", SQS_TRY_AGAIN },
		{ "HTTP status 404", SQS_TRY_AGAIN },
		{ "HTTP status 413", SQS_TRY_AGAIN },
		{ "ExpiredTokenException", SQS_TRY_AGAIN },
		{ "AccessDenied", SQS_TRY_AGAIN },
		{ "AccessDeniedException", SQS_TRY_AGAIN },
		{ "InvalidClientTokenId", SQS_TRY_AGAIN },
		{ "InvalidAddresses", SQS_TRY_AGAIN },
		{ "SignatureDoesNotMatch", SQS_TRY_AGAIN },
		{ "KmsAccessDenied", SQS_TRY_AGAIN },
		{ "RequestThrottled", SQS_TRY_AGAIN },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		assert_int_equal(sqs_judge(rows[i].code, "some text"), rows[i].verdict);
	}
}

static void test_size(void **state)
{
	static const char text[] =
		"One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes.";

	(void)state;
	assert_int_equal(sqs_judge("InvalidParameterValue", text), SQS_TOO_LARGE);
	assert_int_equal(sqs_judge("InvalidParameterValueException", text), SQS_TOO_LARGE);
	assert_int_equal(sqs_judge("AccessDenied", text), SQS_TRY_AGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
