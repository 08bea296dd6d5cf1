/* SPDX-License-Identifier: Apache-2.0 */
/* "METHOD path" against the daemon's kinds of templates. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct route routes[] = {
	{ "POST", "/2015-03-31/functions/{name}/invocations", 0 },
	{ "POST", "/2018-06-01/runtime/invocation/{id}/response", 1 },
	{ "GET", "/2018-06-01/ping", 2 },
	{ "HEAD", "/2018-06-01/ping", 3 },
	{ "GET", "/{a}/{b}", 4 },
	{ "POST", "/", 5 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	char *path = strchr(text, ' ');
	struct route_match m;

	if (path == NULL) {
		free(text);
		return 0;
	}
	*path++ = '\0';
	route_find(routes, sizeof(routes) / sizeof(routes[0]), text, path, &m);
	if (m.result == ROUTE_FOUND) {
		assert(m.id >= 0 && strcmp(routes[m.id].method, text) == 0);
		for (unsigned i = 0; i < m.captures; i++) {
			assert(m.capture[i].ptr > path && m.capture[i].len > 0);
			assert(m.capture[i].ptr + m.capture[i].len <= path + strlen(path));
			assert(memchr(m.capture[i].ptr, '/', m.capture[i].len) == NULL);
		}
	} else {
		assert(m.captures == 0 && (m.result == ROUTE_WRONG_METHOD) == (m.allow[0] != '\0'));
	}
	free(text);
	return 0;
}
