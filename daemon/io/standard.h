/* SPDX-License-Identifier: Apache-2.0 */
/* The standard descriptors of a program. */
#ifndef IO_STANDARD_H
#define IO_STANDARD_H

#include "base/attr.h"

struct err;

/* What was printed by stdio is out, or -1 with the reason. */
int standard_flush(struct err *err) MUST_CHECK;

#endif
