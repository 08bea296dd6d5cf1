/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts, ages and retries of asynchronous invocations. */
#include "core/async_queue.h"

#include <assert.h>

static const int64_t throttle_first_us = 1000 * 1000;
static const int64_t throttle_max_us = (int64_t)300 * 1000 * 1000;

const char *async_condition_name(enum async_condition c)
{
	static const char *const names[ASYNC_CONDITIONS] = {
		[ASYNC_OPEN] = "",
		[ASYNC_SUCCESS] = "Success",
		[ASYNC_RETRIES_EXHAUSTED] = "RetriesExhausted",
		[ASYNC_AGE_EXCEEDED] = "EventAgeExceeded",
	};

	return names[c];
}

void async_queue_init(struct async_queue *q, const struct async_policy *policy)
{
	assert(policy->max_retries <= ASYNC_RETRIES_MAX);
	*q = (struct async_queue){ .policy = *policy };
	list_init(&q->ready);
	list_init(&q->by_age);
	for (unsigned i = 0; i < ASYNC_LEVELS; i++) {
		list_init(&q->waiting[i]);
	}
}

unsigned async_queue_total(const struct async_queue *q)
{
	unsigned n = 0;

	for (unsigned s = 0; s < ASYNC_STATES; s++) {
		n += q->count[s];
	}
	return n;
}

bool async_queue_has_room(const struct async_queue *q, size_t bytes)
{
	return async_queue_total(q) < q->policy.max_events && q->bytes <= q->policy.max_bytes &&
	       bytes <= q->policy.max_bytes - q->bytes;
}

static void set_state(struct async_queue *q, struct async_item *item, enum async_state to)
{
	q->count[item->state]--;
	q->count[to]++;
	item->state = to;
	list_unlink(&item->link);
}

static void enter(struct async_queue *q, struct async_item *item, size_t bytes, enum async_state state)
{
	list_init(&item->link);
	list_init(&item->age);
	item->state = state;
	item->bytes = bytes;
	item->attempts = 0;
	item->throttles = 0;
	q->count[state]++;
	q->bytes += bytes;
}

/* Nearly always at the end: only what comes from before a restart is not in order. */
static void link_by_age(struct async_queue *q, struct async_item *item)
{
	struct list *after = q->by_age.prev;

	while (after != &q->by_age && container_of(after, struct async_item, age)->accepted_us > item->accepted_us) {
		after = after->prev;
	}
	list_push_front(after, &item->age);
}

void async_queue_reserve(struct async_queue *q, struct async_item *item, size_t bytes)
{
	enter(q, item, bytes, ASYNC_ACCEPTING);
}

void async_queue_admit(struct async_queue *q, struct async_item *item, int64_t now_us)
{
	assert(item->state == ASYNC_ACCEPTING);
	item->accepted_us = now_us;
	link_by_age(q, item);
	set_state(q, item, ASYNC_READY);
	list_push_back(&q->ready, &item->link);
}

static int64_t level_delay_us(const struct async_queue *q, unsigned level)
{
	int64_t us;

	if (level < ASYNC_RETRIES_MAX) {
		return q->policy.retry_delay_us << level;
	}
	us = throttle_first_us << (level - ASYNC_RETRIES_MAX);
	return us < throttle_max_us ? us : throttle_max_us;
}

static void wait(struct async_queue *q, struct async_item *item, unsigned level, int64_t now_us)
{
	set_state(q, item, ASYNC_WAITING);
	item->due_us = now_us + level_delay_us(q, level);
	list_push_back(&q->waiting[level], &item->link);
}

void async_queue_restore(struct async_queue *q, struct async_item *item, size_t bytes, unsigned attempts,
			 int64_t accepted_us, int64_t now_us)
{
	/* There may have been more of them before the restart. */
	if (attempts > q->policy.max_retries) {
		async_queue_restore_ended(q, item, bytes, attempts);
		return;
	}
	enter(q, item, bytes, ASYNC_READY);
	item->attempts = attempts;
	item->accepted_us = accepted_us;
	link_by_age(q, item);
	if (attempts > 0) {
		wait(q, item, attempts - 1, now_us);
	} else {
		list_push_back(&q->ready, &item->link);
	}
}

void async_queue_restore_ended(struct async_queue *q, struct async_item *item, size_t bytes, unsigned attempts)
{
	enter(q, item, bytes, ASYNC_ENDED);
	item->attempts = attempts;
}

struct async_item *async_queue_take(struct async_queue *q, int64_t now_us)
{
	struct async_item *item = NULL;

	/* Those that were tried before are older. */
	for (unsigned i = 0; i < ASYNC_LEVELS; i++) {
		struct async_item *head = list_first(&q->waiting[i], struct async_item, link);

		if (head != NULL && head->due_us <= now_us && (item == NULL || head->due_us < item->due_us)) {
			item = head;
		}
	}
	if (item == NULL) {
		item = list_first(&q->ready, struct async_item, link);
	}
	if (item != NULL) {
		set_state(q, item, ASYNC_RUNNING);
	}
	return item;
}

static void end(struct async_queue *q, struct async_item *item)
{
	set_state(q, item, ASYNC_ENDED);
	list_unlink(&item->age);
}

static enum async_condition count_attempt(struct async_queue *q, struct async_item *item, bool failed, int64_t now_us)
{
	item->attempts++;
	item->throttles = 0;
	if (!failed) {
		end(q, item);
		return ASYNC_SUCCESS;
	}
	if (item->attempts > q->policy.max_retries) {
		end(q, item);
		return ASYNC_RETRIES_EXHAUSTED;
	}
	wait(q, item, item->attempts - 1, now_us);
	return ASYNC_OPEN;
}

enum async_condition async_queue_settle(struct async_queue *q, struct async_item *item, enum outcome_kind kind,
					int64_t now_us)
{
	assert(item->state == ASYNC_RUNNING);
	if (kind == OUTCOME_RESPONSE || outcome_is_function_error(kind)) {
		return count_attempt(q, item, kind != OUTCOME_RESPONSE, now_us);
	}
	if (kind == OUTCOME_SHUTDOWN) {
		set_state(q, item, ASYNC_READY);
		list_push_front(&q->ready, &item->link);
		return ASYNC_OPEN;
	}
	if (item->throttles < ASYNC_THROTTLE_LEVELS) {
		item->throttles++;
	}
	wait(q, item, ASYNC_RETRIES_MAX + item->throttles - 1, now_us);
	return ASYNC_OPEN;
}

/* What runs is not given up: there are as many of these as environments, so this is no long way. */
static struct async_item *oldest(const struct async_queue *q)
{
	struct list *pos;

	list_foreach(&q->by_age, pos) {
		struct async_item *item = container_of(pos, struct async_item, age);

		if (item->state != ASYNC_RUNNING) {
			return item;
		}
	}
	return NULL;
}

struct async_item *async_queue_expire(struct async_queue *q, int64_t now_us)
{
	struct async_item *item = oldest(q);

	if (item == NULL || item->accepted_us + q->policy.max_age_us > now_us) {
		return NULL;
	}
	end(q, item);
	return item;
}

void async_queue_grow(struct async_queue *q, struct async_item *item, size_t bytes)
{
	item->bytes += bytes;
	q->bytes += bytes;
}

void async_queue_remove(struct async_queue *q, struct async_item *item)
{
	assert(item->state != ASYNC_RUNNING);
	list_unlink(&item->link);
	list_unlink(&item->age);
	q->count[item->state]--;
	q->bytes -= item->bytes;
}

int64_t async_queue_next_us(const struct async_queue *q, int64_t now_us)
{
	const struct async_item *item = oldest(q);
	int64_t next = item != NULL ? item->accepted_us + q->policy.max_age_us : INT64_MAX;

	for (unsigned i = 0; i < ASYNC_LEVELS; i++) {
		item = list_first(&q->waiting[i], struct async_item, link);
		/* One that is due already waits for a place, not for time. */
		if (item != NULL && item->due_us > now_us && item->due_us < next) {
			next = item->due_us;
		}
	}
	return next;
}

int64_t async_item_wait_us(const struct async_item *item, int64_t now_us)
{
	return item->due_us > now_us ? item->due_us - now_us : 0;
}
