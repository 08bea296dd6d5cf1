/* SPDX-License-Identifier: Apache-2.0 */
/* The standard descriptors of a program. */
#include "io/standard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

int standard_flush(struct err *err)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		return err_set(err, 1, "stdout cannot be written: %s", strerror(errno));
	}
	return 0;
}
