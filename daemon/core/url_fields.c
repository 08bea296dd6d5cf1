/* SPDX-License-Identifier: Apache-2.0 */
/* Names with values. The quadratic grouping is over what fits into the head of one request. */
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

static bool is_first(const struct url_fields *f, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (same(f, f->items[i].name, f->items[at].name)) {
			return false;
		}
	}
	return true;
}

static void put_text(struct buf *out, const char *s)
{
	text_json_string(out, s, strlen(s));
}

static void put_values(const struct url_fields *f, size_t first, enum url_repeats repeats, struct buf *out)
{
	const char *name = f->items[first].name;
	const char *last = "";
	struct buf joined = BUF_INIT;

	for (size_t i = first; i < f->count; i++) {
		const char *value = f->items[i].value;

		if (!same(f, f->items[i].name, name)) {
			continue;
		}
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
	const char *comma = "";

	buf_putc(out, '{');
	for (size_t i = 0; i < f->count; i++) {
		if (is_first(f, i)) {
			buf_puts(out, comma);
			put_text(out, f->items[i].name);
			buf_putc(out, ':');
			put_values(f, i, repeats, out);
			comma = ",";
		}
	}
	buf_putc(out, '}');
}
