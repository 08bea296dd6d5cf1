/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a failed call of an AWS service: whether another attempt makes sense, when, and what to mend first. */
#ifndef CORE_AWS_RETRY_H
#define CORE_AWS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum aws_remedy {
	AWS_GIVE_UP,
	AWS_TRY_AGAIN,
	AWS_SLOW_DOWN,	     /* throttled: try again after a longer wait */
	AWS_SET_CLOCK,	     /* our time is not theirs: try again at once with the offset corrected */
	AWS_NEW_CREDENTIALS, /* these have expired: try again with others */
};

/* status: of the answer; code: its error code, "" when unknown. */
enum aws_remedy aws_retry_remedy(int status, const char *code);

/* Wait before the attempt after the given number of failed ones (from 1): full jitter, the random share of a bound that
 * doubles up to 20 s. random: any 64 bits. */
int64_t aws_retry_delay_us(unsigned failures, bool throttled, uint64_t random);

/* Does the server's time (0 = unknown) differ so much from what we signed with that this explains a refusal? Then
 * *offset_ms becomes what has to be added to the local clock. */
bool aws_retry_clock(int64_t local_ms, int64_t server_ms, int64_t *offset_ms) MUST_CHECK;

#endif
