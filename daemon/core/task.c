/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks of an environment. */
#include "core/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

void task_set_init(struct task_set *set)
{
	set->running = 0;
	list_init(&set->all);
	list_init(&set->spare);
	for (unsigned i = 0; i < TASK_BUCKETS; i++) {
		list_init(&set->by_id[i]);
	}
	set->late = NULL;
	set->late_next = 0;
}

static void free_list(struct list *head)
{
	struct list *pos, *tmp;

	list_foreach_safe(head, pos, tmp) {
		struct task *t = container_of(pos, struct task, link);

		event_unref(t->event);
		event_unref(t->wrap.event);
		free(t);
	}
	list_init(head);
}

void task_set_fini(struct task_set *set)
{
	free_list(&set->all);
	free_list(&set->spare);
	free(set->late);
	set->late = NULL;
}

/* FNV-1a of the first characters, which are random in most ids. */
static unsigned bucket_of(const char *id)
{
	return (text_hash(id, strnlen(id, 8)) >> 16) % TASK_BUCKETS;
}

struct task *task_begin(struct task_set *set, struct instance *inst, struct invocation *inv, int64_t now_us,
			int64_t deadline_us)
{
	struct task *t = list_first(&set->spare, struct task, link);

	if (t == NULL) {
		t = xcalloc(1, sizeof(*t));
		list_init(&t->id_link);
	} else {
		list_unlink(&t->link);
	}
	list_push_back(&set->all, &t->link);
	list_push_back(&set->by_id[bucket_of(inv->event->id)], &t->id_link);
	set->running++;
	t->inst = inst;
	t->state = TASK_RUNNING;
	t->event = event_ref(inv->event);
	t->inv = inv;
	t->handed_us = now_us;
	t->deadline_us = deadline_us;
	t->upload = NULL;
	t->begun = false;
	t->begun_us = 0;
	t->streamed = 0;
	inv->state = INV_RUNNING;
	inv->task = t;
	return t;
}

void task_answered(struct task_set *set, struct task *t)
{
	assert(t->state == TASK_RUNNING);
	t->state = TASK_ANSWERED;
	set->running--;
}

static void release(struct task_set *set, struct task *t)
{
	if (t->event == NULL && t->wrap.event == NULL) {
		list_unlink(&t->link);
		list_push_front(&set->spare, &t->link);
	}
}

void task_forget(struct task_set *set, struct task *t)
{
	assert(t->inv == NULL && t->state == TASK_ANSWERED);
	list_unlink(&t->id_link);
	event_unref(t->event);
	t->event = NULL;
	release(set, t);
}

void task_unwrap(struct task_set *set, struct task *t)
{
	event_unref(t->wrap.event);
	t->wrap.event = NULL;
	release(set, t);
}

struct task *task_first(const struct task_set *set)
{
	return list_first(&set->all, struct task, link);
}

struct task *task_running(const struct task_set *set)
{
	const struct list *pos;

	list_foreach(&set->all, pos) {
		struct task *t = container_of(pos, struct task, link);

		if (set->running > 0 && t->state == TASK_RUNNING) {
			return t;
		}
	}
	return NULL;
}

struct task *task_find(const struct task_set *set, const char *id)
{
	const struct list *bucket = &set->by_id[bucket_of(id)];
	const struct list *pos;

	list_foreach(bucket, pos) {
		struct task *t = container_of(pos, struct task, id_link);

		if (strcmp(t->event->id, id) == 0) {
			return t;
		}
	}
	return NULL;
}

void task_note_late(struct task_set *set, const struct task *t)
{
	if (set->late == NULL) {
		set->late = xcalloc(TASKS_LATE_MAX, sizeof(*set->late));
	}
	memcpy(set->late[set->late_next], t->event->id, UUID_LEN);
	set->late_next = (set->late_next + 1) % TASKS_LATE_MAX;
}

bool task_take_late(struct task_set *set, const char *id)
{
	for (unsigned i = 0; set->late != NULL && *id != '\0' && i < TASKS_LATE_MAX; i++) {
		if (strcmp(set->late[i], id) == 0) {
			set->late[i][0] = '\0';
			return true;
		}
	}
	return false;
}

void task_forget_late(struct task_set *set)
{
	free(set->late);
	set->late = NULL;
	set->late_next = 0;
}
