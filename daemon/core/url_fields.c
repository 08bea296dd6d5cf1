/* SPDX-License-Identifier: Apache-2.0 */
/* Names with values. */
#include "core/url_fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

void url_fields_init(struct url_fields *f, bool folded)
{
	memset(f, 0, sizeof(*f));
	f->folded = folded;
}

void url_fields_fini(struct url_fields *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].name);
		free(f->items[i].value);
	}
	free(f->items);
	url_fields_init(f, f->folded);
}

static void add_moved(struct url_fields *f, char *name, char *value)
{
	if (f->count == f->room) {
		f->room = f->room * 2 + 16;
		f->items = xrealloc(f->items, f->room * sizeof(*f->items));
	}
	f->items[f->count].name = name;
	f->items[f->count++].value = value;
}

void url_fields_add(struct url_fields *f, const char *name, const char *value)
{
	add_moved(f, xstrdup(name), xstrdup(value));
}

static bool same(const struct url_fields *f, const char *a, const char *b)
{
	return (f->folded ? strcasecmp(a, b) : strcmp(a, b)) == 0;
}

void url_fields_remove(struct url_fields *f, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (same(f, f->items[i].name, name)) {
			free(f->items[i].name);
			free(f->items[i].value);
		} else {
			f->items[kept++] = f->items[i];
		}
	}
	f->count = kept;
}

const char *url_fields_get(const struct url_fields *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++) {
		if (same(f, f->items[i].name, name)) {
			return f->items[i].value;
		}
	}
	return NULL;
}

/* What cannot be decoded stays as it is. */
static char *take_part(const char *text, size_t len, bool decoded)
{
	char *part = xstrndup(text, len);
	struct buf plain = BUF_INIT;

	if (!decoded) {
		return part;
	}
	for (char *p = strchr(part, '+'); p != NULL; p = strchr(p, '+')) {
		*p = ' ';
	}
	if (text_unpercent(&plain, part, strlen(part)) && plain.data != NULL) {
		free(part);
		return plain.data;
	}
	buf_fini(&plain);
	return part;
}

void url_fields_add_query(struct url_fields *f, const char *query, bool decoded)
{
	while (*query != '\0') {
		size_t len = strcspn(query, "&");
		const char *equals = memchr(query, '=', len);
		size_t name_len = equals != NULL ? (size_t)(equals - query) : len;

		if (len > 0) {
			const char *value = equals != NULL ? equals + 1 : query + len;

			add_moved(f, take_part(query, name_len, decoded),
				  take_part(value, (size_t)(query + len - value), decoded));
		}
		query += len + (query[len] == '&');
	}
}

struct place {
	const char *name;
	size_t at;
};

static int by_place(const struct place *a, const struct place *b)
{
	return (a->at > b->at) - (a->at < b->at);
}

static int by_name(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : by_place(x, y);
}

static int by_folded_name(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcasecmp(x->name, y->name);

	return order != 0 ? order : by_place(x, y);
}

struct link {
	bool repeated; /* not the first of its name */
	size_t next;   /* the next of its name; count = none */
};

/* One for each field, to be freed. By sorting: thousands of names fit into the head of one request. */
static struct link *group(const struct url_fields *f)
{
	struct place *places = xcalloc(f->count + 1, sizeof(*places));
	struct link *links = xcalloc(f->count + 1, sizeof(*links));

	for (size_t i = 0; i < f->count; i++) {
		places[i] = (struct place){ f->items[i].name, i };
		links[i].next = f->count;
	}
	qsort(places, f->count, sizeof(*places), f->folded ? by_folded_name : by_name);
	for (size_t i = 1; i < f->count; i++) {
		if (same(f, places[i - 1].name, places[i].name)) {
			links[places[i - 1].at].next = places[i].at;
			links[places[i].at].repeated = true;
		}
	}
	free(places);
	return links;
}

static void put_text(struct buf *out, const char *s)
{
	text_json_string(out, s, strlen(s));
}

static void put_values(const struct url_fields *f, const struct link *links, size_t first, enum url_repeats repeats,
		       struct buf *out)
{
	const char *last = "";
	struct buf joined = BUF_INIT;

	for (size_t i = first; i < f->count; i = links[i].next) {
		const char *value = f->items[i].value;

		last = value;
		if (repeats == URL_REPEATS_LISTED) {
			buf_putc(out, i == first ? '[' : ',');
			put_text(out, value);
		} else if (repeats == URL_REPEATS_JOINED) {
			buf_puts(&joined, i == first ? "" : ",");
			buf_puts(&joined, value);
		}
	}
	if (repeats == URL_REPEATS_LISTED) {
		buf_putc(out, ']');
	} else {
		put_text(out, repeats == URL_REPEATS_LAST ? last : joined.data != NULL ? joined.data : "");
	}
	buf_fini(&joined);
}

void url_fields_write(const struct url_fields *f, enum url_repeats repeats, struct buf *out)
{
	struct link *links = group(f);
	const char *comma = "";

	buf_putc(out, '{');
	for (size_t i = 0; i < f->count; i++) {
		if (!links[i].repeated) {
			buf_puts(out, comma);
			put_text(out, f->items[i].name);
			buf_putc(out, ':');
			put_values(f, links, i, repeats, out);
			comma = ",";
		}
	}
	buf_putc(out, '}');
	free(links);
}
