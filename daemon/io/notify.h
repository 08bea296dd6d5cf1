/* SPDX-License-Identifier: Apache-2.0 */
/* Tells a service manager (systemd, Type=notify) what state the daemon is in. */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include "base/attr.h"

struct err;

/* Sends a state such as "READY=1" to the socket that NOTIFY_SOCKET names: a path, or '@' and an abstract name. Does not
 * block. 0, or -1 and why. */
int notify_send(const char *address, const char *state, struct err *err) MUST_CHECK;

#endif
