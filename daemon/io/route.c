/* SPDX-License-Identifier: Apache-2.0 */
/* Matching of paths against templates. */
#include "io/route.h"

#include <stdbool.h>
#include <string.h>

static bool capture(const char **path, struct route_match *out)
{
	size_t len = strcspn(*path, "/");

	if (len == 0 || out->captures == ROUTE_CAPTURES) {
		return false;
	}
	out->capture[out->captures].ptr = *path;
	out->capture[out->captures].len = len;
	out->captures++;
	*path += len;
	return true;
}

static bool matches(const char *template, const char *path, struct route_match *out)
{
	out->captures = 0;
	while (*template != '\0') {
		if (*template == '{') {
			if (!capture(&path, out)) {
				return false;
			}
			template = strchr(template, '}') + 1;
		} else if (*template ++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

static void allow(struct route_match *out, const char *method)
{
	size_t len = strlen(out->allow);

	if (len + strlen(method) + 3 <= sizeof(out->allow)) {
		strcat(out->allow, len > 0 ? ", " : "");
		strcat(out->allow, method);
	}
}

void route_find(const struct route *routes, size_t count, const char *method, const char *path,
		struct route_match *out)
{
	out->result = ROUTE_NO_PATH;
	out->id = -1;
	out->allow[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (!matches(routes[i].path, path, out)) {
			continue;
		}
		if (strcmp(routes[i].method, method) == 0) {
			out->result = ROUTE_FOUND;
			out->id = routes[i].id;
			return;
		}
		out->result = ROUTE_WRONG_METHOD;
		allow(out, routes[i].method);
	}
	out->captures = 0;
}
