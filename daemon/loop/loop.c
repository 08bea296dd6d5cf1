/* SPDX-License-Identifier: Apache-2.0 */
/* epoll, a heap of timers, hooks. */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define BATCH 256

struct loop {
	int epoll_fd;
	int64_t now_us;
	int64_t wall_offset_us; /* of the wall clock to that one; followed only when it is clearly another */
	bool stopped;
	bool awake; /* the next wait returns at once */
	struct loop_timer **heap;
	unsigned timers;
	unsigned heap_cap;
	struct list hooks;  // loop_hook::link
	struct list graves; // loop_grave::link
	struct epoll_event batch[BATCH];
	int batch_len;
	int batch_at;
};

struct loop *loop_new(void)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	list_init(&loop->hooks);
	list_init(&loop->graves);
	loop->now_us = clock_mono_us();
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

static void bury_all(struct loop *loop)
{
	while (!list_empty(&loop->graves)) {
		struct loop_grave *g = list_first(&loop->graves, struct loop_grave, link);

		list_unlink(&g->link);
		g->fn(g->ctx);
	}
}

void loop_free(struct loop *loop)
{
	if (loop == NULL) {
		return;
	}
	bury_all(loop);
	close(loop->epoll_fd);
	free(loop->heap);
	free(loop);
}

int64_t loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

static const int64_t wall_noise_us = 1000;

/* false: interrupted in between, so that it is the interruption that was measured. */
static bool measure_wall_offset(int64_t *offset_us)
{
	int64_t before = clock_mono_us();

	*offset_us = clock_wall_us() - before;
	return clock_mono_us() - before < wall_noise_us / 2;
}

int64_t loop_wall_ms(struct loop *loop, int64_t at_us)
{
	int64_t offset = clock_wall_us() - clock_mono_us();

	/* Either that clock was set, or we were interrupted in between: an exact look tells which. */
	if (llabs(offset - loop->wall_offset_us) > wall_noise_us) {
		for (unsigned i = 0; i < 100 && !measure_wall_offset(&offset); i++) {
		}
		if (llabs(offset - loop->wall_offset_us) > wall_noise_us) {
			loop->wall_offset_us = offset;
		}
	}
	return (at_us + loop->wall_offset_us) / 1000;
}

void loop_fd_init(struct loop_fd *src, loop_fd_fn fn, void *ctx)
{
	src->fn = fn;
	src->ctx = ctx;
	src->fd = -1;
}

int loop_fd_add(struct loop *loop, struct loop_fd *src, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	assert(src->fd == -1);
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
		return -errno;
	}
	src->fd = fd;
	return 0;
}

void loop_fd_mod(struct loop *loop, struct loop_fd *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };
	int r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, src->fd, &ev);

	assert(r == 0);
	(void)r;
}

void loop_fd_del(struct loop *loop, struct loop_fd *src)
{
	if (src->fd == -1) {
		return;
	}
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, src->fd, NULL);
	src->fd = -1;
	/* Its event may have been fetched with the batch that is being worked on. */
	for (int i = loop->batch_at; i < loop->batch_len; i++) {
		if (loop->batch[i].data.ptr == src) {
			loop->batch[i].data.ptr = NULL;
		}
	}
}

static void heap_put(struct loop *loop, unsigned slot, struct loop_timer *t)
{
	loop->heap[slot - 1] = t;
	t->slot = slot;
}

static void sift_up(struct loop *loop, struct loop_timer *t, unsigned slot)
{
	while (slot > 1 && loop->heap[slot / 2 - 1]->at_us > t->at_us) {
		heap_put(loop, slot, loop->heap[slot / 2 - 1]);
		slot /= 2;
	}
	heap_put(loop, slot, t);
}

static void sift_down(struct loop *loop, struct loop_timer *t, unsigned slot)
{
	for (;;) {
		unsigned child = slot * 2;

		if (child + 1 <= loop->timers && loop->heap[child]->at_us < loop->heap[child - 1]->at_us) {
			child++;
		}
		if (child > loop->timers || loop->heap[child - 1]->at_us >= t->at_us) {
			break;
		}
		heap_put(loop, slot, loop->heap[child - 1]);
		slot = child;
	}
	heap_put(loop, slot, t);
}

void loop_timer_init(struct loop_timer *t, loop_fn fn, void *ctx)
{
	t->fn = fn;
	t->ctx = ctx;
	t->at_us = 0;
	t->slot = 0;
}

void loop_timer_set(struct loop *loop, struct loop_timer *t, int64_t at_us)
{
	int64_t old = t->at_us;

	/* What is due already runs in the next turn: a callback that re-arms itself must not keep the loop. */
	at_us = at_us > loop->now_us ? at_us : loop->now_us + 1;
	t->at_us = at_us;
	if (t->slot == 0) {
		if (loop->timers == loop->heap_cap) {
			loop->heap_cap = loop->heap_cap > 0 ? loop->heap_cap * 2 : 16;
			loop->heap = xrealloc(loop->heap, loop->heap_cap * sizeof(struct loop_timer *));
		}
		loop->timers++;
		sift_up(loop, t, loop->timers);
	} else if (at_us < old) {
		sift_up(loop, t, t->slot);
	} else {
		sift_down(loop, t, t->slot);
	}
}

void loop_timer_clear(struct loop *loop, struct loop_timer *t)
{
	unsigned slot = t->slot;
	struct loop_timer *last;

	if (slot == 0) {
		return;
	}
	last = loop->heap[loop->timers - 1];
	loop->timers--;
	t->slot = 0;
	if (last == t) {
		return;
	}
	last->slot = slot;
	if (slot > 1 && loop->heap[slot / 2 - 1]->at_us > last->at_us) {
		sift_up(loop, last, slot);
	} else {
		sift_down(loop, last, slot);
	}
}

void loop_hook_add(struct loop *loop, struct loop_hook *hook, loop_fn fn, void *ctx)
{
	hook->fn = fn;
	hook->ctx = ctx;
	list_push_back(&loop->hooks, &hook->link);
}

void loop_hook_del(struct loop_hook *hook)
{
	list_unlink(&hook->link);
}

void loop_defer(struct loop *loop, struct loop_grave *grave, loop_fn fn, void *ctx)
{
	grave->fn = fn;
	grave->ctx = ctx;
	list_push_back(&loop->graves, &grave->link);
}

void loop_wake(struct loop *loop)
{
	loop->awake = true;
}

/* Milliseconds until the next timer, rounded up so that it is due when we wake; -1 = no timer. */
static int wait_ms(const struct loop *loop, int64_t max_wait_us)
{
	int64_t us = max_wait_us;

	if (loop->awake) {
		return 0;
	}
	if (loop->timers > 0) {
		int64_t left = loop->heap[0]->at_us - clock_mono_us();

		/* loop_timer_set() puts what is overdue 1 us ahead; that is not worth a whole millisecond. */
		left = left > 1 ? left : 0;
		us = us < 0 || left < us ? left : us;
	}
	if (us < 0) {
		return -1;
	}
	return us > (int64_t)INT_MAX * 1000 ? INT_MAX : (int)((us + 999) / 1000);
}

static void run_timers(struct loop *loop)
{
	while (loop->timers > 0 && loop->heap[0]->at_us <= loop->now_us) {
		struct loop_timer *t = loop->heap[0];

		loop_timer_clear(loop, t);
		t->fn(t->ctx);
	}
}

static void run_hooks(struct loop *loop)
{
	struct list mark; /* our place: a hook may remove any other, so no pointer into the list can be kept */

	list_init(&mark);
	list_push_front(&loop->hooks, &mark);
	while (mark.next != &loop->hooks) {
		struct list *pos = mark.next;
		struct loop_hook *hook = container_of(pos, struct loop_hook, link);

		list_unlink(&mark);
		list_push_front(pos, &mark);
		hook->fn(hook->ctx);
	}
	list_unlink(&mark);
}

int loop_turn(struct loop *loop, int64_t max_wait_us)
{
	int n = epoll_wait(loop->epoll_fd, loop->batch, BATCH, wait_ms(loop, max_wait_us));

	loop->awake = false;
	loop->now_us = clock_mono_us();
	if (n < 0 && errno != EINTR) {
		return -errno;
	}
	loop->batch_len = n > 0 ? n : 0;
	for (loop->batch_at = 0; loop->batch_at < loop->batch_len;) {
		struct epoll_event *ev = &loop->batch[loop->batch_at++];
		struct loop_fd *src = ev->data.ptr;

		if (src != NULL) {
			src->fn(src->ctx, ev->events);
		}
	}
	loop->batch_len = 0;
	run_timers(loop);
	run_hooks(loop);
	bury_all(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	int r = 0;

	while (!loop->stopped && r == 0) {
		r = loop_turn(loop, -1);
	}
	loop->stopped = false;
	return r;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
	loop->awake = true;
}
