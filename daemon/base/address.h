/* SPDX-License-Identifier: Apache-2.0 */
/* HOST:PORT as it is written. Pure. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdint.h>

struct buf;

/* HOST:PORT, an IPv6 address in brackets. */
void address_put(struct buf *out, const char *host, uint16_t port);

#endif
