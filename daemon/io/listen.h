/* SPDX-License-Identifier: Apache-2.0 */
/* Listening TCP sockets. */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include <stdint.h>

#include "base/attr.h"

struct err;

/* host: IPv4 or IPv6 literal, or a name, which is looked up (in the DNS, too; this waits for the answer). port 0 = any free one.
 * A non-blocking socket, or -1 with the reason in err. */
int listen_on(const char *host, uint16_t port, struct err *err) MUST_CHECK;
uint16_t listen_port(int fd);

#endif
