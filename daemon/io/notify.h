/* SPDX-License-Identifier: Apache-2.0 */
/* Tells others what state a program is in: a service manager (systemd, Type=notify), who waits at a descriptor. */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include <stddef.h>

#include "base/attr.h"

struct err;

/* Sends a state such as "READY=1" to the socket that NOTIFY_SOCKET names: a path, or '@' and an abstract name. Does not
 * block. 0, or -1 and why. */
int notify_send(const char *address, const char *state, struct err *err) MUST_CHECK;

/* Writes a line to the descriptor at which somebody waits for it, and closes it; one of the three standard ones stays
 * open: the next socket would take its number, and with it all that the program prints. 0, or -errno. */
int notify_ready_fd(int fd, const char *line, size_t len) MUST_CHECK;

#endif
