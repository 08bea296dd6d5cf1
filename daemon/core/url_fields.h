/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of names and values, as headers and query strings are: collected, grouped by name, written as JSON. */
#ifndef CORE_URL_FIELDS_H
#define CORE_URL_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

struct url_pair {
	char *name;
	char *value;
};

/* In the order added; a name may be there several times. Names are compared without case if folded says so. */
struct url_fields {
	struct url_pair *items;
	size_t count;
	size_t room;
	bool folded;
};

void url_fields_init(struct url_fields *f, bool folded);
void url_fields_fini(struct url_fields *f);
void url_fields_add(struct url_fields *f, const char *name, const char *value); /* copies */
void url_fields_remove(struct url_fields *f, const char *name);
const char *url_fields_get(const struct url_fields *f, const char *name); /* the first; NULL = none */
/* Adds the parameters of a query string; decoded: %XX and '+' are. */
void url_fields_add_query(struct url_fields *f, const char *query, bool decoded);

enum url_repeats {
	URL_REPEATS_JOINED, /* {"a":"1,2"} */
	URL_REPEATS_LAST,   /* {"a":"2"} */
	URL_REPEATS_LISTED, /* {"a":["1","2"]} */
};

void url_fields_write(const struct url_fields *f, enum url_repeats repeats, struct buf *out);

#endif
