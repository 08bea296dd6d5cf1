/* SPDX-License-Identifier: Apache-2.0 */
/* A short list, last crash first: crashes are rare, and slow by themselves. */
#include "edge/crash_count.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"

static const unsigned entries_max = 1000;

struct entry {
	struct list link;
	char *key;
	size_t len;
	unsigned count;
};

struct crash_count {
	struct list entries; // entry::link
	unsigned size;
};

struct crash_count *crash_count_new(void)
{
	struct crash_count *c = xcalloc(1, sizeof(*c));

	list_init(&c->entries);
	return c;
}

static void drop(struct crash_count *c, struct entry *e)
{
	list_unlink(&e->link);
	c->size--;
	free(e->key);
	free(e);
}

void crash_count_free(struct crash_count *c)
{
	if (c == NULL) {
		return;
	}
	while (!list_empty(&c->entries)) {
		drop(c, list_first(&c->entries, struct entry, link));
	}
	free(c);
}

static struct entry *find(struct crash_count *c, const char *key, size_t len)
{
	struct list *pos;

	list_foreach(&c->entries, pos) {
		struct entry *e = container_of(pos, struct entry, link);

		if (e->len == len && memcmp(e->key, key, len) == 0) {
			return e;
		}
	}
	return NULL;
}

unsigned crash_count_add(struct crash_count *c, const char *key, size_t len)
{
	struct entry *e = find(c, key, len);

	if (e == NULL) {
		if (c->size == entries_max) {
			drop(c, list_last(&c->entries, struct entry, link));
		}
		e = xcalloc(1, sizeof(*e));
		e->key = xmemdup(key, len);
		e->len = len;
		list_init(&e->link);
		c->size++;
	}
	list_unlink(&e->link);
	list_push_front(&c->entries, &e->link);
	return ++e->count;
}

void crash_count_forget(struct crash_count *c, const char *key, size_t len)
{
	struct entry *e = find(c, key, len);

	if (e != NULL) {
		drop(c, e);
	}
}
