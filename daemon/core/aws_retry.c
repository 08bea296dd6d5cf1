/* SPDX-License-Identifier: Apache-2.0 */
/* Classes of AWS errors and the back-off between attempts. */
#include "core/aws_retry.h"

#include <stddef.h>
#include <string.h>

static const int64_t base_us = 100 * 1000;
static const int64_t throttled_base_us = 500 * 1000;
static const int64_t longest_us = 20 * 1000 * 1000;
/* Services accept 5 minutes of difference; a clock that is off by less is not why a signature was refused. */
static const int64_t tolerated_ms = 4 * 60 * 1000;

static bool is_one_of(const char *code, const char *const *codes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(code, codes[i]) == 0) {
			return true;
		}
	}
	return false;
}

enum aws_remedy aws_retry_remedy(int status, const char *code)
{
	static const char *const throttled[] = {
		"Throttling",
		"ThrottlingException",
		"ThrottledException",
		"RequestThrottled",
		"RequestThrottledException",
		"TooManyRequestsException",
		"RequestLimitExceeded",
		"BandwidthLimitExceeded",
		"LimitExceededException",
		"PriorRequestNotComplete",
		"SlowDown",
		"KmsThrottled",
		"KMS.ThrottlingException",
		"EC2ThrottledException",
		"ProvisionedThroughputExceededException",
	};
	static const char *const transient[] = {
		"RequestTimeout",     "RequestTimeoutException",     "InternalError",	      "InternalFailure",
		"ServiceUnavailable", "ServiceUnavailableException", "IDPCommunicationError",
	};
	/* Some of them mean a wrong secret at least as often: the caller looks at the clocks before it tries again. */
	static const char *const clocks[] = {
		"RequestTimeTooSkewed",	     "RequestExpired", "RequestInTheFuture", "SignatureDoesNotMatch",
		"InvalidSignatureException", "AuthFailure",
	};
	static const char *const expired[] = { "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired" };

	if (is_one_of(code, throttled, countof(throttled)) || status == 429) {
		return AWS_SLOW_DOWN;
	}
	if (is_one_of(code, clocks, countof(clocks))) {
		return AWS_SET_CLOCK;
	}
	if (is_one_of(code, expired, countof(expired))) {
		return AWS_NEW_CREDENTIALS;
	}
	if (status >= 500 || is_one_of(code, transient, countof(transient))) {
		return AWS_TRY_AGAIN;
	}
	return AWS_GIVE_UP;
}

int64_t aws_retry_delay_us(unsigned failures, bool throttled, uint64_t random)
{
	int64_t bound = throttled ? throttled_base_us : base_us;

	for (; failures > 1 && bound < longest_us; failures--) {
		bound *= 2;
	}
	bound = bound < longest_us ? bound : longest_us;
	return (int64_t)(random % (uint64_t)(bound + 1));
}

bool aws_retry_clock(int64_t local_ms, int64_t server_ms, int64_t *offset_ms)
{
	int64_t seen = local_ms + *offset_ms - server_ms;

	if (server_ms == 0 || (seen < tolerated_ms && seen > -tolerated_ms)) {
		return false;
	}
	*offset_ms = server_ms - local_ms;
	return true;
}
