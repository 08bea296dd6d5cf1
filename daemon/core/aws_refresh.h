/* SPDX-License-Identifier: Apache-2.0 */
/* When temporary credentials have to be replaced. Pure. */
#ifndef CORE_AWS_REFRESH_H
#define CORE_AWS_REFRESH_H

#include <stdint.h>

enum aws_freshness {
	AWS_FRESH,
	AWS_AGEING,  /* 15 minutes before the end: get new ones beside, these are still good */
	AWS_STALE,   /* 10 minutes before the end: wait for the new ones, unless there are none to be had */
	AWS_EXPIRED, /* of no use any more */
};

/* expires_ms 0 = never. For credentials that were short-lived from the start both times shrink with their life. */
enum aws_freshness aws_refresh_state(int64_t obtained_ms, int64_t expires_ms, int64_t now_ms);

/* How long not to look again after so many failures in a row. */
int64_t aws_refresh_backoff_us(unsigned failures);

#endif
