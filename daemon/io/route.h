/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method and path template -> route. Pure. A template is a path whose segments may be {captures}: a capture matches one
 * whole, non-empty segment, raw (not percent-decoded). A trailing slash makes another path.
 */
#ifndef IO_ROUTE_H
#define IO_ROUTE_H

#include <stddef.h>

#define ROUTE_CAPTURES 2

struct route {
	const char *method;
	const char *path; /* "/2015-03-31/functions/{name}/invocations" */
	int id;
};

enum route_result { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_WRONG_METHOD };

struct route_match {
	enum route_result result;
	int id; /* ROUTE_FOUND */
	unsigned captures;
	struct {
		const char *ptr; /* into path, not terminated */
		size_t len;
	} capture[ROUTE_CAPTURES];
	char allow[64]; /* ROUTE_WRONG_METHOD: "GET, POST" */
};

/* HEAD is not GET: a HEAD of a long-poll would take an event and throw it away. */
void route_find(const struct route *routes, size_t count, const char *method, const char *path,
		struct route_match *out);

#endif
