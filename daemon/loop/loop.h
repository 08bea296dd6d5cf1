/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: epoll, timers, end-of-turn hooks. One thread. Nothing allocates on the way: sources and timers are
 * members of their owners and get back by container_of or ctx.
 *
 * A turn: wait, refresh the clock, fd callbacks, due timers, hooks, destructors of what was condemned.
 * A callback may add, change or remove any source (its own included); a source removed in a turn gets no callback
 * any more in that turn, even if its event was already fetched.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/list.h"

struct loop;

typedef void (*loop_fd_fn)(void *ctx, uint32_t events); /* EPOLLIN ... */
typedef void (*loop_fn)(void *ctx);

struct loop_fd {
	loop_fd_fn fn;
	void *ctx;
	/* private */
	int fd; /* -1 = not added; zero-initialised structs must go through loop_fd_init */
};

struct loop_timer {
	loop_fn fn;
	void *ctx;
	/* private */
	int64_t at_us;
	unsigned slot; /* 1-based place in the heap; 0 = not armed */
};

struct loop_hook {
	loop_fn fn;
	void *ctx;
	/* private */
	struct list link;
};

struct loop_grave {
	loop_fn fn;
	void *ctx;
	/* private */
	struct list link;
};

struct loop *loop_new(void) MUST_CHECK; /* NULL with errno set */
void loop_free(struct loop *loop);
int64_t loop_now_us(const struct loop *loop); /* clock_mono_us() at the start of this turn */
/* When at_us is by the wall clock, in milliseconds since the epoch. Asked again it is the same to the millisecond, unless somebody
 * has set that clock: who is told of a deadline at different times is told the same. */
int64_t loop_wall_ms(struct loop *loop, int64_t at_us);

void loop_fd_init(struct loop_fd *src, loop_fd_fn fn, void *ctx);
/* 0 or -errno. The fd stays the caller's; -EPERM: this kind of file is always ready (a regular file). */
int loop_fd_add(struct loop *loop, struct loop_fd *src, int fd, uint32_t events) MUST_CHECK;
void loop_fd_mod(struct loop *loop, struct loop_fd *src, uint32_t events);
void loop_fd_del(struct loop *loop, struct loop_fd *src); /* idempotent; before the fd is closed */

void loop_timer_init(struct loop_timer *t, loop_fn fn, void *ctx);
void loop_timer_set(struct loop *loop, struct loop_timer *t, int64_t at_us); /* arm or move */
void loop_timer_clear(struct loop *loop, struct loop_timer *t);		     /* idempotent */

/* Runs at the end of every turn, in the order of addition, until removed. A hook may add and remove hooks. */
void loop_hook_add(struct loop *loop, struct loop_hook *hook, loop_fn fn, void *ctx);
void loop_hook_del(struct loop_hook *hook);

/* Calls fn(ctx) once at the end of this turn: how an object is freed from inside its own callback. */
void loop_defer(struct loop *loop, struct loop_grave *grave, loop_fn fn, void *ctx);

/* Makes the next wait return at once: work was produced outside an fd callback (e.g. in a hook). */
void loop_wake(struct loop *loop);

int loop_run(struct loop *loop) MUST_CHECK; /* until loop_stop (an earlier one counts); 0 or -errno of epoll */
int loop_turn(struct loop *loop, int64_t max_wait_us) MUST_CHECK; /* one turn; -1 = as long as needed */
void loop_stop(struct loop *loop);

#endif
