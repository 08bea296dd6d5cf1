/* SPDX-License-Identifier: Apache-2.0 */
/* The standard descriptors of a program. */
#ifndef IO_STANDARD_H
#define IO_STANDARD_H

#include "base/attr.h"

struct err;

/* Opens /dev/null for those that are closed, before anything else gets their numbers; reading and writing fail as they did.
 * Where there is none they stay closed. */
void standard_open(void);
/* What was printed by stdio is out, or -1 with the reason. */
int standard_flush(struct err *err) MUST_CHECK;

#endif
