/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Managed instances: several events at once in one environment, as scripts of events with what must have happened by their
 * end. An environment takes three events at once. As in dispatch_test.c there are no threads, sockets or time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "base/buf.h"
#include "core/dispatch.h"

#define CALLERS 16
#define SLOTS 3
#define POLLS 32
#define TASKS 3

struct caller {
	struct invocation inv;
	struct world *world;
	char id[UUID_LEN];
	unsigned slot; /* that has run it */
	char name;
};

struct slot_poll {
	struct poll poll;
	struct world *world;
	unsigned slot;
	bool dead; /* delivery fails */
};

struct world {
	struct dispatch *d;
	struct buf log;
	int64_t now;
	int64_t rearmed;
	struct caller callers[CALLERS];
	struct slot_poll polls[POLLS];
	unsigned poll_count;
	struct extension *extension;
	struct ext_poll extension_poll;
};

static void note(struct world *w, const char *fmt, ...) PRINTF(2, 3);

static void note(struct world *w, const char *fmt, ...)
{
	char text[128];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_printf(&w->log, "%s%s", w->log.len > 0 ? " " : "", text);
}

static int on_start(void *ctx, struct instance *inst, struct fault *why)
{
	struct world *w = ctx;

	(void)why;
	note(w, "start%u", inst->slot);
	dispatch_spawned(w->d, inst, w->now);
	return 0;
}

static void on_stop(void *ctx, struct instance *inst, enum stop_reason why)
{
	static const char *const words[] = { "timeout", "initerror", "retire", "shutdown", "failure" };

	note(ctx, "stop%u:%s", inst->slot, words[why]);
}

static void on_handing(void *ctx, struct instance *inst, const struct event *ev)
{
	(void)ctx;
	(void)ev;
	assert_true(inst->tasks.running < TASKS);
}

static void on_handed(void *ctx, struct instance *inst, const struct event *ev)
{
	struct world *w = ctx;
	struct caller *c = &w->callers[ev->body->data[0] - 'a'];

	c->slot = inst->slot;
	assert_true(inst->tasks.running <= TASKS);
	assert_int_equal(inst->rt, RT_READY);
}

static struct blob *on_finished(void *ctx, struct instance *inst, const struct report *r)
{
	assert_non_null(inst);
	note(ctx, "report:%s%s", r->event->body->data, r->init_us >= 0 ? "+init" : "");
	return NULL;
}

static void on_rearm(void *ctx, int64_t at_us)
{
	((struct world *)ctx)->rearmed = at_us;
}

static void on_drained(void *ctx)
{
	note(ctx, "drained");
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
	struct caller *c = container_of(inv, struct caller, inv);

	note(c->world, "%c=%s", c->name, outcome_name(out->kind));
}

static const struct invocation_ops caller_ops = { .done = on_done };

static int on_deliver(struct poll *p, const struct event *ev, int64_t deadline_us)
{
	struct slot_poll *sp = container_of(p, struct slot_poll, poll);

	assert_true(deadline_us > sp->world->now);
	if (sp->dead) {
		note(sp->world, "dead%u", sp->slot);
		return -1;
	}
	note(sp->world, "%u<%s", sp->slot, ev->body->data);
	return 0;
}

static const struct poll_ops poll_ops = { on_deliver };

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct dispatch_config cfg = {
		.max_instances = SLOTS,
		.max_pending = 4,
		.max_response = 100,
		.invoke_timeout_us = 3000000,
		.init_timeout_us = 10000000,
		.idle_timeout_us = 60000000,
		.ready_timeout_us = -1,
		.init_type = INIT_MANAGED,
		.max_tasks = TASKS,
	};

	assert_non_null(w);
	w->now = 1000000000;
	w->rearmed = INT64_MAX;
	w->d = dispatch_new(&cfg, &ops, w);
	return w;
}

static void submit(struct world *w, char name)
{
	struct caller *c = &w->callers[name - 'a'];
	struct event *ev = event_new();
	char body[2] = { name, '\0' };

	ev->body = blob_from_string(body);
	c->world = w;
	c->name = name;
	memcpy(c->id, ev->id, sizeof(c->id));
	invocation_init(&c->inv, &caller_ops, ev);
	dispatch_submit(w->d, &c->inv, w->now);
}

static struct slot_poll *poll_of(struct world *w, unsigned slot, bool dead)
{
	struct slot_poll *sp = &w->polls[w->poll_count++];

	assert_true(w->poll_count <= POLLS);
	sp->poll.ops = &poll_ops;
	sp->world = w;
	sp->slot = slot;
	sp->dead = dead;
	if (dispatch_poll(w->d, dispatch_instance(w->d, slot), &sp->poll, w->now) != RT_OK) {
		note(w, "403");
	}
	return sp;
}

static void answer(struct world *w, const char *id, unsigned slot, enum outcome_kind kind)
{
	struct instance *inst = dispatch_instance(w->d, slot);
	struct answer a = { .kind = kind, .body = blob_from_string("r"), .size = 1 };

	if (dispatch_may_answer(inst, id) == RT_OK) {
		assert_int_equal(dispatch_answer(w->d, inst, id, &a, w->now), RT_OK);
	} else {
		assert_int_equal(dispatch_answer(w->d, inst, id, &a, w->now), dispatch_may_answer(inst, id));
		note(w, dispatch_may_answer(inst, id) == RT_INVALID_STATE ? "403"
			: dispatch_was_late(inst, id)			  ? "410"
									  : "400");
	}
	blob_unref(a.body);
}

static void pass_time(struct world *w, int ms)
{
	w->now += (int64_t)ms * 1000;
	if (w->now >= w->rearmed) {
		w->rearmed = INT64_MAX;
		dispatch_tick(w->d, w->now);
	}
}

/* One word of a script: a caller (sa ca ra ea wa) or a slot (n0 d0 g0 x0 i0) is its second letter. */
static void step(struct world *w, const char *word)
{
	struct caller *c = &w->callers[(unsigned)(word[1] - 'a') % CALLERS];
	unsigned slot = (unsigned)(word[1] - '0');
	struct blob *body;

	switch (word[0]) {
	case 's': /* submits */
		submit(w, word[1]);
		break;
	case 'c': /* hangs up */
		dispatch_cancel(w->d, &c->inv, w->now);
		break;
	case 'r': /* is responded to */
		answer(w, c->id, c->slot, OUTCOME_RESPONSE);
		break;
	case 'e': /* gets an error */
		answer(w, c->id, c->slot, OUTCOME_ERROR);
		break;
	case 'w': /* is responded to from the next slot */
		answer(w, c->id, c->slot + 1, OUTCOME_RESPONSE);
		break;
	case 'n': /* /next */
		poll_of(w, slot, false);
		break;
	case 'd': /* /next whose peer is dead without our knowing */
		poll_of(w, slot, true);
		break;
	case 'g': /* the last of them: that was seen */
		dispatch_poll_gone(w->d, dispatch_instance(w->d, slot), &w->polls[w->poll_count - 1].poll, w->now);
		break;
	case 'x': /* the process exits */
		dispatch_exited(w->d, dispatch_instance(w->d, slot), false, 1, w->now);
		break;
	case 'i': /* init/error */
		body = blob_from_string("{}");
		if (dispatch_init_error(w->d, dispatch_instance(w->d, slot), body, "application/json", "Runtime.X",
					w->now) != RT_OK) {
			note(w, "403");
		}
		blob_unref(body);
		break;
	case 'X': /* an internal extension registers */
		assert_int_equal(
			dispatch_register(w->d, dispatch_instance(w->d, slot), "inside", 0, &w->extension, w->now),
			EXT_OK);
		break;
	case 'Y': /* it asks for an event */
		assert_int_equal(dispatch_extension_poll(w->d, dispatch_instance(w->d, slot), w->extension,
							 &w->extension_poll, w->now),
				 EXT_OK);
		break;
	case 'E': /* it gives up */
		assert_int_equal(dispatch_extension_error(w->d, dispatch_instance(w->d, slot), w->extension, false,
							  "Extension.X", w->now),
				 EXT_OK);
		break;
	case 't': /* t500: milliseconds pass */
		pass_time(w, atoi(word + 1));
		break;
	case 'Z':
		dispatch_drain(w->d, w->now);
		break;
	case '|':
		note(w, "|");
		break;
	default:
		fail_msg("unknown word %s", word);
	}
}

static void world_free(struct world *w)
{
	dispatch_drain(w->d, w->now);
	for (unsigned i = 0; i < CALLERS; i++) {
		if (w->callers[i].inv.state == INV_QUEUED || w->callers[i].inv.state == INV_RUNNING) {
			dispatch_cancel(w->d, &w->callers[i].inv, w->now);
		}
		if (w->callers[i].inv.event != NULL) {
			invocation_fini(&w->callers[i].inv);
		}
	}
	for (unsigned s = 0; s < SLOTS; s++) {
		if (dispatch_instance(w->d, s)->state != INST_DEAD) {
			dispatch_exited(w->d, dispatch_instance(w->d, s), false, 0, w->now);
		}
	}
	dispatch_free(w->d);
	buf_fini(&w->log);
	free(w);
}

static const struct {
	const char *what;
	const char *script;
	const char *log;
} scripts[] = {
	{ "three at once, in the order of submission, answered in any", "sa n0 n0 n0 sb sc | rb rc ra",
	  "start0 0<a 0<b 0<c | b=success report:b+init c=success report:c a=success report:a" },
	{ "the workers take turns: the oldest /next gets the event", "sa d0 n0 | ra",
	  "start0 dead0 0<a | a=success "
	  "report:a+init" },
	{ "no more than its share, however many ask", "sa n0 n0 n0 n0 n0 sb sc sd | ra",
	  "start0 0<a 0<b 0<c start1 | a=success report:a+init 0<d" },
	{ "an answer without a /next makes no room", "sa n0 n0 sb ra rb | sc | n0",
	  "start0 0<a 0<b a=success report:a+init b=success report:b | | 0<c" },
	{ "an answer twice, an unknown event, an event of another environment", "sa n0 ra ra | n0 sb wb rb",
	  "start0 0<a a=success report:a+init 400 | 0<b 400 b=success report:b" },
	{ "an error is one of one event", "sa n0 n0 sb ea rb",
	  "start0 0<a 0<b a=error report:a+init b=success report:b" },
	{ "a timeout kills nothing, and tells a late answer once",
	  "sa n0 n0 sb t2000 rb n0 sc t1000 | rc ra ra n0 sd rd",
	  "start0 0<a 0<b b=success report:b+init 0<c a=timeout report:a | c=success report:c 410 400 0<d d=success "
	  "report:d" },
	{ "each event has a time of its own", "sa n0 n0 n0 t1000 sb t1000 sc t1000 | t1000 | t1000",
	  "start0 0<a 0<b 0<c a=timeout report:a+init | b=timeout report:b | c=timeout report:c" },
	{ "the caller of a timed out event has gone before", "sa n0 ca t3000 ra", "start0 0<a report:a+init 410" },
	{ "when nobody comes back for as long as an init may take it ends", "sa n0 t3000 | t9999 t1 | x0 sb n0",
	  "start0 0<a a=timeout report:a+init | stop0:timeout | start0 0<b" },
	{ "that time does not run while others work", "sa n0 n0 sb t2000 rb n0 t1000 sc t2000 rc n0 t20000 sd",
	  "start0 0<a 0<b b=success report:b+init a=timeout report:a 0<c c=success report:c 0<d" },
	{ "a crash ends all, the next finds a fresh one", "sa n0 n0 n0 sb sc rb x0 | sd n0 rd",
	  "start0 0<a 0<b 0<c b=success report:b+init a=exit report:a c=exit report:c | start0 0<d d=success "
	  "report:d+init" },
	{ "an extension that gives up ends all", "sa X0 Y0 n0 n0 sb E0 ra | x0 sc",
	  "start0 0<a 0<b stop0:failure a=exit report:a+init b=exit report:b 403 | start0" },
	{ "init waits for extensions, events do not", "sa X0 n0 | Y0 ra n0 sb",
	  "start0 | 0<a a=success report:a+init 0<b" },
	{ "a late answer is forgotten with its environment", "sa n0 t3000 x0 sb n0 | ra",
	  "start0 0<a a=timeout "
	  "report:a+init start0 0<b | 400" },
	{ "one environment for as many as it takes", "sa sb sc | sd | n0 n0 n0 n1",
	  "start0 | start1 | 0<a 0<b 0<c 1<d" },
	{ "the one that works is filled up first", "sa sb sc sd n0 n0 n0 n1 n1 n1 ra rb n0 n0 | se sf sg sh",
	  "start0 start1 0<a 0<b 0<c 1<d a=success report:a+init b=success report:b | 0<e 0<f 1<g 1<h" },
	{ "workers that are on their way are waited for", "sa n0 sb t500 n0 | sc t2000", "start0 0<a 0<b | start1" },
	{ "so is one that has answered", "sa n0 t1000 ra sb t50 n0 | rb sc t100",
	  "start0 0<a a=success report:a+init 0<b | b=success report:b start1" },
	{ "nobody waits for workers that never were", "sa n0 t2000 sb", "start0 0<a start1" },
	{ "the queue is bounded", "sa sb sc sd se", "start0 start1 e=throttled" },
	{ "a /next that is gone gets nothing", "sa n0 n0 g0 sb | n0", "start0 0<a | 0<b" },
	{ "the last /next of an idle one is gone", "sa n0 ra n0 g0 | t10000",
	  "start0 0<a a=success report:a+init | stop0:timeout" },
	{ "init/error is for before the first /next", "sa n0 i0", "start0 0<a 403" },
	{ "a failed init ends what waits", "sa sb i0",
	  "start0 stop0:initerror report:a+init a=init_error report:b "
	  "b=init_error" },
	{ "idle ones retire, working ones do not",
	  "sa sb sc sd n0 n0 n0 n1 t1000 ra rb rc n0 n0 n0 t1000 rd n1 se | t60000",
	  "start0 start1 0<a 0<b 0<c 1<d a=success report:a+init b=success report:b c=success report:c d=success "
	  "report:d+init 1<e | e=timeout report:e stop0:retire" },
	{ "a drain waits for every answer", "sa n0 n0 sb Z | sc ra rb x0",
	  "start0 0<a 0<b | c=shutdown a=success report:a+init b=success report:b stop0:shutdown drained" },
	{ "a timeout ends a drain, too", "sa n0 n0 sb Z ra | t3000 x0",
	  "start0 0<a 0<b a=success report:a+init | b=timeout report:b stop0:shutdown drained" },
};

static void test_scripts(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct world *w = world_new();
		char script[160];
		char *save = NULL;

		snprintf(script, sizeof(script), "%s", scripts[i].script);
		for (char *word = strtok_r(script, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
			step(w, word);
		}
		if (strcmp(w->log.len > 0 ? w->log.data : "", scripts[i].log) != 0) {
			print_error("%s: %s\n  expected %s\n  got      %s\n", scripts[i].what, scripts[i].script,
				    scripts[i].log, w->log.data);
			failed++;
		}
		world_free(w);
	}
	assert_int_equal(failed, 0);
}

/* A ring: the oldest is overwritten. */
static void test_late_answers_are_bounded(void **state)
{
	struct world *w = world_new();
	struct instance *inst = dispatch_instance(w->d, 0);
	struct event ev = { .id = "" };
	struct task t = { .event = &ev };

	(void)state;
	for (unsigned i = 0; i <= TASKS_LATE_MAX; i++) {
		snprintf(ev.id, sizeof(ev.id), "id%u", i);
		task_note_late(&inst->tasks, &t);
	}
	assert_false(dispatch_was_late(inst, "id0"));
	assert_true(dispatch_was_late(inst, "id1"));
	assert_false(dispatch_was_late(inst, "id1"));
	assert_true(dispatch_was_late(inst, "id1000"));
	assert_false(dispatch_was_late(inst, ""));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_late_answers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
