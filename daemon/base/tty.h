/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing to a terminal without blocking. One that is writable takes a part of what it is given and then blocks the
 * writer, and O_NONBLOCK on a descriptor that was handed to us would be O_NONBLOCK for whoever started us, too.
 */
#ifndef BASE_TTY_H
#define BASE_TTY_H

#include "base/attr.h"

/* The terminal that fd is, opened anew: a non-blocking descriptor, the caller's to close. -1: fd is no terminal, or it
 * may not be opened (another user's). */
int tty_open_own(int fd) MUST_CHECK;

#endif
