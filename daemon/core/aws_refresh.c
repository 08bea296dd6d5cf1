/* SPDX-License-Identifier: Apache-2.0 */
/* The ageing of credentials. */
#include "core/aws_refresh.h"

static const int64_t advisory_ms = 15 * 60 * 1000;
static const int64_t mandatory_ms = 10 * 60 * 1000;

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

enum aws_freshness aws_refresh_state(int64_t obtained_ms, int64_t expires_ms, int64_t now_ms)
{
	int64_t life_ms = expires_ms - obtained_ms;
	int64_t left_ms = expires_ms - now_ms;

	if (expires_ms == 0) {
		return AWS_FRESH;
	}
	if (left_ms <= 0) {
		return AWS_EXPIRED;
	}
	/* The least that STS gives is 15 minutes: such ones would never be fresh. */
	if (left_ms <= smaller(mandatory_ms, life_ms / 8)) {
		return AWS_STALE;
	}
	return left_ms <= smaller(advisory_ms, life_ms / 4) ? AWS_AGEING : AWS_FRESH;
}

int64_t aws_refresh_backoff_us(unsigned failures)
{
	int64_t us = 1000 * 1000;

	for (; failures > 1 && us < 60 * 1000 * 1000; failures--) {
		us *= 2;
	}
	return smaller(us, 60 * 1000 * 1000);
}
