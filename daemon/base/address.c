/* SPDX-License-Identifier: Apache-2.0 */
/* HOST:PORT as it is written. */
#include "base/address.h"

#include <string.h>

#include "base/buf.h"

void address_put(struct buf *out, const char *host, uint16_t port)
{
	buf_printf(out, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}
