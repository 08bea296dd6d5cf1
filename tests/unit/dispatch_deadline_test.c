/* SPDX-License-Identifier: Apache-2.0 */
/* A deadline that is moved, taken away and given back while the runtime works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/blob.h"
#include "core/dispatch.h"

#define SECOND ((int64_t)1000000)

struct world {
	struct dispatch *d;
	struct instance *inst;
	struct invocation inv;
	struct poll poll;
	int64_t alarm; /* when core wants to be called */
	int64_t told;  /* deadline of the event */
	unsigned stops;
	enum outcome_kind outcome;
	unsigned outcomes;
};

static int on_start(void *ctx, struct instance *inst, struct fault *why)
{
	struct world *w = ctx;

	(void)why;
	dispatch_spawned(w->d, inst, 0);
	return 0;
}

static void on_stop(void *ctx, struct instance *inst, enum stop_reason why)
{
	struct world *w = ctx;

	(void)inst;
	assert_int_equal(why, STOP_TIMEOUT);
	w->stops++;
}

static void on_handing(void *ctx, struct instance *inst, const struct event *ev)
{
	(void)ctx;
	(void)ev;
	(void)inst;
}

static void on_handed(void *ctx, struct instance *inst, const struct event *ev)
{
	(void)ctx;
	(void)inst;
	(void)ev;
}

static struct blob *on_finished(void *ctx, struct instance *inst, const struct report *r)
{
	(void)ctx;
	(void)inst;
	(void)r;
	return NULL;
}

static void on_rearm(void *ctx, int64_t at_us)
{
	((struct world *)ctx)->alarm = at_us;
}

static void on_drained(void *ctx)
{
	(void)ctx;
}

static void on_lost(void *ctx, struct instance *inst)
{
	(void)ctx;
	(void)inst;
}

static const struct dispatch_ops ops = {
	.start = on_start,
	.stop = on_stop,
	.handing = on_handing,
	.handed = on_handed,
	.finished = on_finished,
	.rearm = on_rearm,
	.drained = on_drained,
	.lost = on_lost,
};

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct world *w = container_of(inv, struct world, inv);

	w->outcome = out->kind;
	w->outcomes++;
}

static const struct invocation_ops inv_ops = { .done = on_done };

static int on_deliver(struct poll *p, const struct event *ev, int64_t deadline_us)
{
	(void)ev;
	container_of(p, struct world, poll)->told = deadline_us;
	return 0;
}

static const struct poll_ops poll_ops = { .deliver = on_deliver };

/* A runtime that got its event at second 1; the timeout is 3 seconds. */
static void begin(struct world *w)
{
	static const struct dispatch_config cfg = {
		.max_instances = 1,
		.max_pending = 10,
		.max_response = 1000,
		.invoke_timeout_us = 3 * SECOND,
		.init_timeout_us = 10 * SECOND,
	};
	struct event *ev = event_new();

	memset(w, 0, sizeof(*w));
	w->d = dispatch_new(&cfg, &ops, w);
	w->inst = dispatch_instance(w->d, 0);
	w->poll.ops = &poll_ops;
	ev->body = blob_static("{}");
	invocation_init(&w->inv, &inv_ops, ev);
	dispatch_submit(w->d, &w->inv, 0);
	assert_int_equal(dispatch_poll(w->d, w->inst, &w->poll, SECOND), RT_OK);
	assert_int_equal(w->told, 4 * SECOND);
}

static void finish(struct world *w, int64_t now)
{
	dispatch_exited(w->d, w->inst, true, 9, now);
	invocation_fini(&w->inv);
	dispatch_free(w->d);
}

/* What the loop does: calls at the time that was asked for, until then. */
static void run_until(struct world *w, int64_t until)
{
	while (w->alarm <= until) {
		dispatch_tick(w->d, w->alarm);
	}
}

static void test_no_deadline_never_comes(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	dispatch_set_deadline(w.d, w.inst, INT64_MAX);
	run_until(&w, 1000 * SECOND);
	assert_int_equal(w.stops, 0);
	finish(&w, 1000 * SECOND);
	assert_int_equal(w.outcome, OUTCOME_EXIT);
}

static void test_deadline_given_back(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	dispatch_set_deadline(w.d, w.inst, INT64_MAX);
	run_until(&w, 100 * SECOND);
	dispatch_set_deadline(w.d, w.inst, 102 * SECOND);
	run_until(&w, 102 * SECOND - 1);
	assert_int_equal(w.stops, 0);
	run_until(&w, 102 * SECOND);
	assert_int_equal(w.stops, 1);
	assert_int_equal(w.outcome, OUTCOME_TIMEOUT);
	finish(&w, 103 * SECOND);
	assert_int_equal(w.outcomes, 1);
}

static void test_earlier_deadline(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	dispatch_set_deadline(w.d, w.inst, 2 * SECOND);
	run_until(&w, 2 * SECOND);
	assert_int_equal(w.stops, 1);
	finish(&w, 3 * SECOND);
}

/* Between two events there is nothing to move. */
static void test_idle_instance_is_left_alone(void **state)
{
	static const struct answer answer = { .kind = OUTCOME_RESPONSE };
	struct world w;
	struct answer a = answer;
	char id[UUID_LEN];

	(void)state;
	begin(&w);
	a.body = blob_static("{}");
	memcpy(id, w.inv.event->id, sizeof(id));
	assert_int_equal(dispatch_answer(w.d, w.inst, id, &a, 2 * SECOND), RT_OK);
	blob_unref(a.body);
	assert_int_equal(dispatch_poll(w.d, w.inst, &w.poll, 2 * SECOND), RT_OK);
	dispatch_set_deadline(w.d, w.inst, 3 * SECOND);
	run_until(&w, 100 * SECOND);
	assert_int_equal(w.stops, 0);
	finish(&w, 100 * SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_deadline_never_comes),
		cmocka_unit_test(test_deadline_given_back),
		cmocka_unit_test(test_earlier_deadline),
		cmocka_unit_test(test_idle_instance_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
