/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive doubly linked list. A head and a member are the same struct; a member that is on no list points to
 * itself, so unlinking is idempotent. Annotate heads: `struct list pending; // invocation::link`.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct list {
	struct list *prev;
	struct list *next;
};

#define LIST_INIT(name)                                                                                              \
	{                                                                                                            \
		&(name), &(name)                                                                                     \
	}

static inline void list_init(struct list *l)
{
	l->prev = l;
	l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_(struct list *item, struct list *prev, struct list *next)
{
	item->prev = prev;
	item->next = next;
	prev->next = item;
	next->prev = item;
}

static inline void list_push_back(struct list *head, struct list *item)
{
	list_insert_(item, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *item)
{
	list_insert_(item, head, head->next);
}

static inline void list_unlink(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* to is empty; from is afterwards. */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (!list_empty(from)) {
		list_insert_(to, from->prev, from->next);
		list_init(from);
	}
}

#define list_first(head, type, member) (list_empty(head) ? NULL : container_of((head)->next, type, member))
#define list_last(head, type, member) (list_empty(head) ? NULL : container_of((head)->prev, type, member))

/* pos may be unlinked or freed inside the loop; nothing else may. */
#define list_foreach_safe(head, pos, tmp)                                                                            \
	for ((pos) = (head)->next, (tmp) = (pos)->next; (pos) != (head); (pos) = (tmp), (tmp) = (pos)->next)
#define list_foreach(head, pos) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

#endif
