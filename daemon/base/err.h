/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors that a person reads: configuration and start-up. A function that can fail this way returns 0 or -1 and
 * takes `struct err *err` as its last argument, filled only on failure. Lives on the caller's stack.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

struct err {
	int code;      /* exit code that fits: 1 run-time failure, 2 usage or configuration */
	char msg[512]; /* one line, no newline; longer texts are cut */
};

#define ERR_INIT                                                                                                     \
	{                                                                                                            \
		0, ""                                                                                                \
	}

/* Both return -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF(3, 4);
/* Prepends "<text>: ", keeping the code. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3);

#endif
