/* SPDX-License-Identifier: Apache-2.0 */
/* HOST:PORT as it is written. */
#include "base/address.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

bool address_split(const char *text, char **host, int *port)
{
	const char *colon = strrchr(text, ':');
	size_t len = strlen(text);
	uint64_t number;

	*host = NULL;
	*port = -1;
	/* Several colons without brackets are an IPv6 address. */
	if (colon != NULL && (strchr(text, ':') == colon || colon[-1] == ']')) {
		if (!text_to_u64(colon + 1, 0, 65535, &number)) {
			return false;
		}
		*port = (int)number;
		len = (size_t)(colon - text);
	}
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (memchr(text, '[', len) != NULL || memchr(text, ']', len) != NULL) {
		return false;
	}
	*host = xstrndup(text, len);
	return true;
}

void address_put(struct buf *out, const char *host, uint16_t port)
{
	buf_printf(out, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}
