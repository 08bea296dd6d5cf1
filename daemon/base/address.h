/* SPDX-License-Identifier: Apache-2.0 */
/* HOST:PORT as it is written. Pure. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct buf;

/* HOST, HOST:PORT or :PORT, an IPv6 address in brackets or, without a port, bare. *host is owned and without brackets, ""
 * if there is none; *port is -1 if there is none. false: none of these, and *host is NULL. */
bool address_split(const char *text, char **host, int *port) MUST_CHECK;

/* HOST:PORT, an IPv6 address in brackets. */
void address_put(struct buf *out, const char *host, uint16_t port);

#endif
