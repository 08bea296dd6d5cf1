/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop with real descriptors and its real clock; nothing depends on how long something takes. */
#include "loop/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/clock.h"
#include "loop/signals.h"

#define MANY 500
#define PATIENCE_US (20 * 1000 * 1000)

/* What happened, as letters. */
struct diary {
	struct loop *loop;
	char text[64];
};

static void note(struct diary *d, char c)
{
	size_t len = strlen(d->text);

	assert_true(len < sizeof(d->text) - 1);
	d->text[len] = c;
	d->text[len + 1] = '\0';
}

struct timed {
	struct loop_timer timer;
	struct diary *diary;
	struct timed *victim; /* cleared by the callback */
	int64_t again_us;     /* re-armed this far ahead */
	char name;
};

static void on_timed(void *ctx)
{
	struct timed *t = ctx;

	assert_true(loop_now_us(t->diary->loop) >= t->timer.at_us);
	note(t->diary, t->name);
	if (t->victim != NULL) {
		loop_timer_clear(t->diary->loop, &t->victim->timer);
	}
	if (t->again_us != 0) {
		loop_timer_set(t->diary->loop, &t->timer, loop_now_us(t->diary->loop) + t->again_us);
		t->again_us = 0;
	}
}

static void timed_init(struct timed *t, struct diary *d, char name)
{
	memset(t, 0, sizeof(*t));
	t->diary = d;
	t->name = name;
	loop_timer_init(&t->timer, on_timed, t);
}

static void arm(struct timed *t, int64_t ahead_us)
{
	loop_timer_set(t->diary->loop, &t->timer, loop_now_us(t->diary->loop) + ahead_us);
}

static void turn_until_len(struct diary *d, size_t len)
{
	int64_t end = clock_mono_us() + PATIENCE_US;

	while (strlen(d->text) < len && clock_mono_us() < end) {
		assert_int_equal(loop_turn(d->loop, PATIENCE_US), 0);
	}
}

static void test_timers_fire_in_the_order_of_their_times(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct timed t[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		timed_init(&t[i], &d, (char)('a' + i));
	}
	arm(&t[2], 3000);
	arm(&t[0], 1000);
	arm(&t[3], 100);
	arm(&t[1], 2000);
	arm(&t[3], 4000);  /* moved back */
	arm(&t[2], 90000); /* back, and */
	arm(&t[2], 3000);  /* forth */
	turn_until_len(&d, 4);
	assert_string_equal(d.text, "abcd");
	loop_free(d.loop);
}

struct ranked {
	struct loop_timer timer;
	struct loop *loop;
	int64_t *last;
	unsigned *fired;
};

static void on_ranked(void *ctx)
{
	struct ranked *r = ctx;

	assert_true(r->timer.at_us >= *r->last);
	assert_true(r->timer.at_us <= loop_now_us(r->loop));
	*r->last = r->timer.at_us;
	(*r->fired)++;
}

static void test_many_timers_keep_their_order(void **state)
{
	struct loop *loop = loop_new();
	struct ranked *all = calloc(MANY, sizeof(*all));
	unsigned seed = 1;
	int64_t last = 0;
	unsigned fired = 0;
	unsigned left = 0;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			seed = seed * 1103515245 + 12345;
			if (round == 0) {
				all[i].loop = loop;
				all[i].last = &last;
				all[i].fired = &fired;
				loop_timer_init(&all[i].timer, on_ranked, &all[i]);
			}
			if (seed % 5 == 0) {
				loop_timer_clear(loop, &all[i].timer);
			} else {
				loop_timer_set(loop, &all[i].timer, loop_now_us(loop) + seed / 65536 % 3000);
			}
		}
	}
	for (unsigned i = 0; i < MANY; i++) {
		left += all[i].timer.slot != 0;
	}
	while (fired < left) {
		assert_int_equal(loop_turn(loop, PATIENCE_US), 0);
	}
	assert_int_equal(fired, left);
	free(all);
	loop_free(loop);
}

static void test_timer_may_rearm_itself_and_clear_another(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct timed a, b, c;

	(void)state;
	timed_init(&a, &d, 'a');
	timed_init(&b, &d, 'b');
	timed_init(&c, &d, 'c');
	a.victim = &b;
	a.again_us = 1000;
	arm(&a, -1000); /* both are due in the same turn */
	arm(&b, 0);
	arm(&c, 20000);
	turn_until_len(&d, 3);
	assert_string_equal(d.text, "aac");
	loop_timer_clear(d.loop, &c.timer);
	loop_free(d.loop);
}

static void test_timer_that_is_always_due_does_not_keep_the_turn(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct timed a;

	(void)state;
	timed_init(&a, &d, 'a');
	a.again_us = -5000;
	arm(&a, -5000);
	turn_until_len(&d, 1);
	assert_string_equal(d.text, "a");
	turn_until_len(&d, 2);
	assert_string_equal(d.text, "aa");
	loop_free(d.loop);
}

static void test_turn_waits_for_a_timer_without_spinning(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct timed a;
	unsigned turns = 0;

	(void)state;
	timed_init(&a, &d, 'a');
	assert_int_equal(loop_turn(d.loop, 0), 0);
	arm(&a, 30500);
	while (d.text[0] == '\0') {
		assert_int_equal(loop_turn(d.loop, -1), 0);
		turns++;
	}
	/* A tracer's or a stop signal may interrupt the wait once; a loop that rounds down would turn hundreds of times. */
	assert_true(turns <= 3);
	loop_free(d.loop);
}

struct watched {
	struct loop_fd src;
	struct diary *diary;
	struct watched *victim; /* removed by the callback; may be itself */
	int fd;
	char name;
};

static void on_watched(void *ctx, uint32_t events)
{
	struct watched *w = ctx;

	assert_true((events & EPOLLIN) != 0);
	note(w->diary, w->name);
	if (w->victim != NULL) {
		loop_fd_del(w->diary->loop, &w->victim->src);
	}
}

static void watch(struct watched *w, struct diary *d, char name)
{
	memset(w, 0, sizeof(*w));
	w->diary = d;
	w->name = name;
	w->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	loop_fd_init(&w->src, on_watched, w);
	assert_int_equal(loop_fd_add(d->loop, &w->src, w->fd, EPOLLIN), 0);
}

static void test_wall_clock_of_a_time_is_the_same_each_time(void **state)
{
	struct loop *loop = loop_new();
	int64_t at = loop_now_us(loop) + 3000000;
	int64_t first = loop_wall_ms(loop, at);
	int64_t before = clock_mono_us();
	int64_t wall = clock_wall_ms();
	int64_t after = clock_mono_us();

	(void)state;
	assert_in_range(first, wall + (at - after) / 1000 - 2, wall + (at - before) / 1000 + 2);
	/* Long enough to meet many edges between two milliseconds. */
	for (int64_t end = clock_mono_us() + 50000; clock_mono_us() < end;) {
		assert_true(loop_wall_ms(loop, at) == first);
	}
	loop_free(loop);
}

static void test_source_removed_by_another_of_the_same_batch_is_not_called(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct watched w[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		watch(&w[i], &d, (char)('a' + i));
	}
	/* Whichever comes first removes both others: all three were fetched together. */
	w[0].victim = &w[1];
	w[1].victim = &w[0];
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_int_equal(strlen(d.text), 2);
	assert_true((strchr(d.text, 'a') != NULL) != (strchr(d.text, 'b') != NULL));
	for (unsigned i = 0; i < 3; i++) {
		loop_fd_del(d.loop, &w[i].src);
		loop_fd_del(d.loop, &w[i].src); /* idempotent */
		close(w[i].fd);
	}
	loop_free(d.loop);
}

static void on_renewed(void *ctx, uint32_t events)
{
	struct watched *w = ctx;

	(void)events;
	note(w->diary, 'n');
}

static void on_replacing(void *ctx, uint32_t events)
{
	struct watched *w = ctx;

	on_watched(ctx, events);
	/* The same struct and the same number, for something else that is not ready. */
	close(w->victim->fd);
	w->victim->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop_fd_init(&w->victim->src, on_renewed, w->victim);
	assert_int_equal(loop_fd_add(w->diary->loop, &w->victim->src, w->victim->fd, EPOLLIN), 0);
}

static void test_stale_event_does_not_reach_what_took_the_place(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct watched w[2];

	(void)state;
	watch(&w[0], &d, 'a');
	watch(&w[1], &d, 'b');
	w[0].src.fn = on_replacing;
	w[1].src.fn = on_replacing;
	w[0].victim = &w[1];
	w[1].victim = &w[0];
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_int_equal(strlen(d.text), 1);
	for (unsigned i = 0; i < 2; i++) {
		loop_fd_del(d.loop, &w[i].src);
		close(w[i].fd);
	}
	loop_free(d.loop);
}

static void test_source_may_remove_itself_and_change_events(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct watched a;

	(void)state;
	watch(&a, &d, 'a');
	loop_fd_mod(d.loop, &a.src, 0);
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_string_equal(d.text, "");
	loop_fd_mod(d.loop, &a.src, EPOLLIN);
	a.victim = &a;
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_string_equal(d.text, "a");
	close(a.fd);
	loop_free(d.loop);
}

static void test_regular_file_is_refused(void **state)
{
	struct loop *loop = loop_new();
	FILE *f = tmpfile();
	struct loop_fd src;

	(void)state;
	loop_fd_init(&src, on_watched, NULL);
	assert_int_equal(loop_fd_add(loop, &src, fileno(f), EPOLLIN), -EPERM);
	assert_int_equal(src.fd, -1);
	fclose(f);
	loop_free(loop);
}

struct hooked {
	struct loop_hook hook;
	struct diary *diary;
	struct hooked *victim;
	struct hooked *addition;
	char name;
};

static void on_hook(void *ctx)
{
	struct hooked *h = ctx;

	note(h->diary, h->name);
	if (h->victim != NULL) {
		loop_hook_del(&h->victim->hook);
		h->victim = NULL;
	}
	if (h->addition != NULL) {
		loop_hook_add(h->diary->loop, &h->addition->hook, on_hook, h->addition);
		h->addition = NULL;
	}
}

static void test_hooks_run_in_order_and_may_change_the_list(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct hooked h[4];

	(void)state;
	memset(h, 0, sizeof(h));
	for (unsigned i = 0; i < 4; i++) {
		h[i].diary = &d;
		h[i].name = (char)('a' + i);
	}
	for (unsigned i = 0; i < 3; i++) {
		loop_hook_add(d.loop, &h[i].hook, on_hook, &h[i]);
	}
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_string_equal(d.text, "abc");
	d.text[0] = '\0';
	h[0].victim = &h[1]; /* its neighbour, next in this very walk */
	h[2].victim = &h[2];
	h[2].addition = &h[3];
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_string_equal(d.text, "acd");
	d.text[0] = '\0';
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_string_equal(d.text, "ad");
	loop_hook_del(&h[0].hook);
	loop_hook_del(&h[3].hook);
	loop_free(d.loop);
}

struct mortal {
	struct loop_grave grave;
	struct loop_fd src;
	struct diary *diary;
	struct mortal *heir; /* condemned by the destructor */
	int fd;
};

static void bury(void *ctx)
{
	struct mortal *m = ctx;

	note(m->diary, 'x');
	if (m->heir != NULL) {
		loop_defer(m->diary->loop, &m->heir->grave, bury, m->heir);
	}
	close(m->fd);
	free(m);
}

static void on_mortal(void *ctx, uint32_t events)
{
	struct mortal *m = ctx;

	(void)events;
	loop_fd_del(m->diary->loop, &m->src);
	loop_defer(m->diary->loop, &m->grave, bury, m);
	note(m->diary, 'm'); /* still there */
}

static struct mortal *mortal_new(struct diary *d)
{
	struct mortal *m = calloc(1, sizeof(*m));

	m->diary = d;
	m->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	loop_fd_init(&m->src, on_mortal, m);
	return m;
}

static void test_condemned_object_is_freed_at_the_end_of_the_turn(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct hooked h = { .diary = &d, .name = 'h' };
	struct mortal *m = mortal_new(&d);

	(void)state;
	m->heir = mortal_new(&d);
	loop_hook_add(d.loop, &h.hook, on_hook, &h);
	assert_int_equal(loop_fd_add(d.loop, &m->src, m->fd, EPOLLIN), 0);
	assert_int_equal(loop_turn(d.loop, 0), 0);
	assert_string_equal(d.text, "mhxx");
	loop_hook_del(&h.hook);
	m = mortal_new(&d);
	loop_defer(d.loop, &m->grave, bury, m);
	loop_free(d.loop);
	assert_string_equal(d.text, "mhxxx");
}

static void on_stop_hook(void *ctx)
{
	loop_stop(ctx);
}

static void test_run_ends_when_stopped(void **state)
{
	struct loop *loop = loop_new();
	struct loop_hook hook;

	(void)state;
	loop_wake(loop);
	loop_hook_add(loop, &hook, on_stop_hook, loop);
	assert_int_equal(loop_run(loop), 0);
	loop_hook_del(&hook);
	loop_stop(loop); /* before it runs: there is nothing that could end it */
	assert_int_equal(loop_run(loop), 0);
	loop_free(loop);
}

static void test_wake_ends_the_wait_once(void **state)
{
	struct diary d = { .loop = loop_new() };
	struct timed a;

	(void)state;
	timed_init(&a, &d, 'a');
	arm(&a, PATIENCE_US);
	loop_wake(d.loop);
	assert_int_equal(loop_turn(d.loop, -1), 0);
	assert_string_equal(d.text, "");
	arm(&a, 1000);
	turn_until_len(&d, 1);
	assert_string_equal(d.text, "a");
	loop_free(d.loop);
}

struct heard {
	struct loop *loop;
	unsigned children;
	unsigned terms;
};

static void on_signal(void *ctx, int signo)
{
	struct heard *h = ctx;

	h->children += signo == SIGCHLD;
	h->terms += signo == SIGTERM;
}

static void test_signals_are_events(void **state)
{
	struct heard h = { .loop = loop_new() };
	struct signals *s;

	(void)state;
	signals_block();
	s = signals_new(h.loop, on_signal, &h);
	assert_non_null(s);
	kill(getpid(), SIGCHLD);
	kill(getpid(), SIGCHLD);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGPIPE);
	kill(getpid(), SIGXFSZ);
	assert_int_equal(loop_turn(h.loop, PATIENCE_US), 0);
	assert_int_equal(h.children, 1);
	assert_int_equal(h.terms, 1);
	signals_free(s);
	signals_free(NULL);
	loop_free(h.loop);
}

static void test_hang_up_stays_ignored_under_nohup(void **state)
{
	sigset_t mask;

	(void)state;
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &mask, NULL);
	signal(SIGHUP, SIG_IGN);
	signals_block();
	sigprocmask(SIG_BLOCK, NULL, &mask);
	assert_false(sigismember(&mask, SIGHUP));
	assert_true(sigismember(&mask, SIGINT));
	signal(SIGHUP, SIG_DFL);
	signals_block();
	sigprocmask(SIG_BLOCK, NULL, &mask);
	assert_true(sigismember(&mask, SIGHUP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers_fire_in_the_order_of_their_times),
		cmocka_unit_test(test_many_timers_keep_their_order),
		cmocka_unit_test(test_timer_may_rearm_itself_and_clear_another),
		cmocka_unit_test(test_timer_that_is_always_due_does_not_keep_the_turn),
		cmocka_unit_test(test_turn_waits_for_a_timer_without_spinning),
		cmocka_unit_test(test_wall_clock_of_a_time_is_the_same_each_time),
		cmocka_unit_test(test_source_removed_by_another_of_the_same_batch_is_not_called),
		cmocka_unit_test(test_stale_event_does_not_reach_what_took_the_place),
		cmocka_unit_test(test_source_may_remove_itself_and_change_events),
		cmocka_unit_test(test_regular_file_is_refused),
		cmocka_unit_test(test_hooks_run_in_order_and_may_change_the_list),
		cmocka_unit_test(test_condemned_object_is_freed_at_the_end_of_the_turn),
		cmocka_unit_test(test_run_ends_when_stopped),
		cmocka_unit_test(test_wake_ends_the_wait_once),
		cmocka_unit_test(test_signals_are_events),
		cmocka_unit_test(test_hang_up_stays_ignored_under_nohup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
