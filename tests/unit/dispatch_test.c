/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matcher, stepped with a fake clock and fake processes: every race of an invocation's life is a script of events, one
 * per line, with what must have happened by its end. No threads, sockets or time.
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
#include "dispatch_scripts.h"

#define CALLERS 8
#define SLOTS 4

struct caller {
	struct invocation inv;
	struct world *world;
	char name;
};

struct slot_poll {
	struct poll poll;
	struct world *world;
	unsigned slot;
	bool dead;   /* delivery fails */
	bool parked; /* between dispatch_poll and deliver */
};

struct slot_upload {
	struct upload upload;
	struct world *world;
	unsigned slot;
};

/* The outside: writes down what core asks of it, as words in a log. */
struct world {
	struct dispatch *d;
	struct buf log;
	int64_t now;
	int64_t rearmed;
	unsigned lost;
	bool start_fails;
	struct caller callers[CALLERS];
	struct slot_poll polls[SLOTS][2];
	struct slot_upload uploads[SLOTS];
	char last_body[512];
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

	note(w, "start%u", inst->slot);
	if (w->start_fails) {
		fault_set(why, FAULT_INVALID_ENTRYPOINT, "fork/exec ./nope: no such file or directory");
		return -1;
	}
	dispatch_spawned(w->d, inst, w->now);
	return 0;
}

static void on_stop(void *ctx, struct instance *inst, enum stop_reason why)
{
	static const char *const words[] = { "timeout", "initerror", "retire", "shutdown" };

	note(ctx, "stop%u:%s", inst->slot, words[why]);
}

static void on_handing(void *ctx, struct instance *inst, const struct event *ev)
{
	(void)ctx;
	(void)ev;
	assert_int_equal(inst->state, INST_IDLE);
}

static void on_handed(void *ctx, struct instance *inst, const struct event *ev)
{
	(void)ctx;
	(void)inst;
	assert_non_null(ev);
}

static struct blob *on_finished(void *ctx, struct instance *inst, const struct report *r)
{
	assert_non_null(inst);
	assert_true(r->duration_us >= 0);
	note(ctx, "report%s", r->init_us >= 0 ? "+init" : "");
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
	assert_non_null(inst);
	((struct world *)ctx)->lost++;
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
	struct world *w = c->world;

	note(w, "%c=%s%s", c->name, out->streamed ? "..." : "", outcome_name(out->kind));
	w->last_body[0] = '\0';
	if (out->body != NULL) {
		snprintf(w->last_body, sizeof(w->last_body), "%s", out->body->data);
	}
}

static const struct invocation_ops caller_ops = { .done = on_done };

static void on_begin(struct invocation *inv, const struct outcome *head)
{
	const struct caller *c = container_of(inv, struct caller, inv);

	assert_string_equal(head->content_type, "text/x");
	note(c->world, "%c~", c->name);
}

static void on_piece(struct invocation *inv, const char *data, size_t len)
{
	const struct caller *c = container_of(inv, struct caller, inv);

	assert_memory_equal(data, "0123", 4);
	note(c->world, "%c+%zu", c->name, len);
}

static const struct invocation_ops streaming_ops = { on_done, on_begin, on_piece };

static void on_pause(struct upload *u, bool paused)
{
	const struct slot_upload *su = container_of(u, struct slot_upload, upload);

	note(su->world, "%s%u", paused ? "hold" : "go", su->slot);
}

static void on_over(struct upload *u)
{
	const struct slot_upload *su = container_of(u, struct slot_upload, upload);

	assert_null(u->task);
	note(su->world, "over%u", su->slot);
}

static const struct upload_ops upload_ops = { on_pause, on_over };

static int on_deliver(struct poll *p, const struct event *ev, int64_t deadline_us)
{
	struct slot_poll *sp = container_of(p, struct slot_poll, poll);
	struct world *w = sp->world;

	sp->parked = false;
	assert_true(deadline_us > w->now);
	if (sp->dead) {
		note(w, "dead%u", sp->slot);
		return -1;
	}
	note(w, "%u<%s", sp->slot, ev->body->data);
	return 0;
}

static const struct poll_ops poll_ops = { on_deliver };

static struct world *world_new(unsigned max, size_t pending)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct dispatch_config cfg = {
		.max_instances = max,
		.max_pending = pending,
		.max_response = 100,
		.max_stream = 99,
		.invoke_timeout_us = 3000000,
		.init_timeout_us = 10000000,
		.idle_timeout_us = 60000000,
		.ready_timeout_us = -1,
	};

	assert_non_null(w);
	w->now = 1000000000;
	w->rearmed = INT64_MAX;
	w->d = dispatch_new(&cfg, &ops, w);
	return w;
}

static void submit_with(struct world *w, char name, bool no_return, const struct invocation_ops *how)
{
	struct caller *c = &w->callers[name - 'a'];
	struct event *ev = event_new();
	char body[2] = { name, '\0' };

	ev->body = blob_from_string(body);
	c->world = w;
	c->name = name;
	invocation_init(&c->inv, how, ev);
	c->inv.no_return = no_return;
	c->inv.bounded = no_return;
	dispatch_submit(w->d, &c->inv, w->now);
}

static void submit(struct world *w, char name, bool no_return)
{
	submit_with(w, name, no_return, &caller_ops);
}

static void verdict(struct world *w, enum rt_verdict v)
{
	if (v != RT_OK) {
		note(w, v == RT_INVALID_ID ? "400" : "403");
	}
}

static void poll_of(struct world *w, unsigned slot, unsigned which, bool dead)
{
	struct slot_poll *sp = &w->polls[slot][which];

	sp->poll.ops = &poll_ops;
	sp->world = w;
	sp->slot = slot;
	sp->dead = dead;
	sp->parked = true;
	verdict(w, dispatch_poll(w->d, dispatch_instance(w->d, slot), &sp->poll, w->now));
}

static void answer(struct world *w, unsigned slot, enum outcome_kind kind, const char *id)
{
	struct instance *inst = dispatch_instance(w->d, slot);
	struct answer a = { .kind = kind, .body = blob_from_string("r"), .size = 1000 };
	char current[UUID_LEN] = "";

	if (kind == OUTCOME_INVALID) {
		a.error_type = FAULT_INVALID_MODE;
		a.error_text = "Invalid function response mode";
	}
	if (task_first(&inst->tasks) != NULL && task_first(&inst->tasks)->event != NULL) {
		snprintf(current, sizeof(current), "%s", task_first(&inst->tasks)->event->id);
	}
	verdict(w, dispatch_answer(w->d, inst, id != NULL ? id : current, &a, w->now));
	blob_unref(a.body);
}

static const char *current_id(struct world *w, unsigned slot)
{
	const struct task *t = task_first(&dispatch_instance(w->d, slot)->tasks);

	return t != NULL && t->event != NULL ? t->event->id : "";
}

static void begin_stream(struct world *w, unsigned slot)
{
	struct slot_upload *su = &w->uploads[slot];
	struct instance *inst = dispatch_instance(w->d, slot);

	if (!dispatch_wants_stream(inst, current_id(w, slot))) {
		note(w, "whole%u", slot);
		return;
	}
	su->upload.ops = &upload_ops;
	su->world = w;
	su->slot = slot;
	dispatch_begin(w->d, inst, current_id(w, slot), &su->upload, "text/x", w->now);
}

static void end_stream(struct world *w, unsigned slot, enum outcome_kind kind)
{
	struct answer a = { .kind = kind };

	if (kind == OUTCOME_ERROR) {
		a.body = blob_from_string("late");
		a.error_type = "Function.Late";
	} else if (kind == OUTCOME_INVALID) {
		a.error_type = FAULT_TRUNCATED;
		a.error_text = "cut";
	}
	dispatch_finish(w->d, &w->uploads[slot].upload, &a, w->now);
	blob_unref(a.body);
}

/* The words about streams. */
static bool stream_step(struct world *w, const char *word, unsigned slot)
{
	char data[41] = "0123";

	switch (word[0]) {
	case 'z': /* za: caller a submits, and takes streams */
		submit_with(w, word[1], false, &streaming_ops);
		break;
	case 'B': /* B0: a streamed response begins */
		begin_stream(w, slot);
		break;
	case 'P': /* P0: 40 bytes of it */
		if (!dispatch_piece(w->d, &w->uploads[slot].upload, data, 40, w->now)) {
			note(w, "413");
		}
		break;
	case 'E': /* E0: it ends well */
		end_stream(w, slot, OUTCOME_RESPONSE);
		break;
	case 'L': /* L0: it ends with an error in its trailers */
		end_stream(w, slot, OUTCOME_ERROR);
		break;
	case 'T': /* T0: it is cut off */
		end_stream(w, slot, OUTCOME_INVALID);
		break;
	case 'h': /* ha: caller a has enough for now */
	case 'u': /* ua: goes on */
		invocation_pause(&w->callers[word[1] - 'a'].inv, word[0] == 'h');
		break;
	default:
		return false;
	}
	return true;
}

static void init_error(struct world *w, unsigned slot)
{
	struct blob *body = blob_from_string("{\"errorType\":\"X\"}");

	verdict(w, dispatch_init_error(w->d, dispatch_instance(w->d, slot), body, "application/json", "Runtime.X",
				       w->now));
	blob_unref(body);
}

/* One word of a script. The number of the slot is its second letter where there is one. */
static void step(struct world *w, const char *word)
{
	unsigned slot = word[0] != '\0' && word[1] >= '0' && word[1] <= '9' ? (unsigned)(word[1] - '0') : 0;

	if (stream_step(w, word, slot)) {
		return;
	}
	switch (word[0]) {
	case 's': /* sa: caller a submits */
		submit(w, word[1], false);
		break;
	case 'S': /* Sa: the same from a queue that does not take it back */
		submit(w, word[1], true);
		break;
	case 'p': /* prestart */
		dispatch_prestart(w->d, w->now);
		break;
	case 'c': /* ca: caller a hangs up */
		dispatch_cancel(w->d, &w->callers[word[1] - 'a'].inv, w->now);
		break;
	case 'n': /* n0: /next from slot 0 */
		poll_of(w, slot, 0, false);
		break;
	case 'N': /* N0: a second /next */
		poll_of(w, slot, 1, false);
		break;
	case 'd': /* d0: a /next whose peer is dead without our knowing */
		poll_of(w, slot, 0, true);
		break;
	case 'g': /* g0: that peer's end was seen */
		dispatch_poll_gone(w->d, dispatch_instance(w->d, slot), &w->polls[slot][0].poll, w->now);
		break;
	case 'r': /* r0: response */
		answer(w, slot, OUTCOME_RESPONSE, NULL);
		break;
	case 'e': /* e0: error */
		answer(w, slot, OUTCOME_ERROR, NULL);
		break;
	case 'b': /* b0: response over the limit */
		answer(w, slot, OUTCOME_TOO_LARGE, NULL);
		break;
	case 'm': /* m0: response with an unknown mode */
		answer(w, slot, OUTCOME_INVALID, NULL);
		break;
	case 'w': /* w0: response with a wrong id */
		answer(w, slot, OUTCOME_RESPONSE, "00000000-0000-4000-8000-000000000000");
		break;
	case 'i': /* i0: init/error */
		init_error(w, slot);
		break;
	case 'x': /* x0: the process exits with status 1 */
		dispatch_exited(w->d, dispatch_instance(w->d, slot), false, 1, w->now);
		break;
	case 'k': /* k0: the process was killed */
		dispatch_exited(w->d, dispatch_instance(w->d, slot), true, 9, w->now);
		break;
	case 't': /* t500: milliseconds pass, with the timer going off if it is due */
		w->now += (int64_t)atoi(word + 1) * 1000;
		if (w->now >= w->rearmed) {
			w->rearmed = INT64_MAX;
			dispatch_tick(w->d, w->now);
		}
		break;
	case 'F': /* starts fail from now on */
		w->start_fails = true;
		break;
	case 'f': /* starts work again */
		w->start_fails = false;
		break;
	case 'D': /* drain */
		dispatch_drain(w->d, w->now);
		break;
	default:
		fail_msg("unknown step %s", word);
	}
}

static void world_end(struct world *w)
{
	for (unsigned i = 0; i < CALLERS; i++) {
		struct invocation *inv = &w->callers[i].inv;

		if (inv->event != NULL) {
			dispatch_cancel(w->d, inv, w->now);
			invocation_fini(inv);
		}
	}
	dispatch_free(w->d);
	buf_fini(&w->log);
	free(w);
}

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(scripts); i++) {
		const struct script *s = &scripts[i];
		struct world *w = world_new(s->max, s->pending);
		char *steps = strdup(s->steps);
		char *save = NULL;

		for (char *word = strtok_r(steps, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
			step(w, word);
		}
		if (strcmp(w->log.data != NULL ? w->log.data : "", s->expected) != 0) {
			fail_msg("%s: [%s]\n got      %s\n expected %s", s->title, s->steps, w->log.data,
				 s->expected);
		}
		if (s->body != NULL) {
			assert_string_equal(w->last_body, s->body);
		}
		free(steps);
		world_end(w);
	}
}

static void test_exit_document(void **state)
{
	struct world *w = world_new(1, 10);
	char expected[256];

	(void)state;
	step(w, "sa");
	step(w, "n0");
	snprintf(expected, sizeof(expected),
		 "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"RequestId: %s Error: Runtime exited with "
		 "error: exit status 1\"}",
		 w->callers[0].inv.event->id);
	step(w, "x0");
	assert_string_equal(w->last_body, expected);
	world_end(w);
}

static void test_timer_is_off_when_idle(void **state)
{
	struct world *w = world_new(1, 10);

	(void)state;
	step(w, "sa");
	step(w, "n0");
	step(w, "r0");
	step(w, "n0");
	/* The deadline of the finished invocation may go off once; after that a single idle runtime needs no timer. */
	step(w, "t60000");
	step(w, "t60000");
	assert_true(w->rearmed == INT64_MAX);
	world_end(w);
}

static void test_backoff_is_bounded(void **state)
{
	struct world *w = world_new(1, 10);

	(void)state;
	step(w, "F");
	for (unsigned i = 0; i < 20; i++) {
		buf_clear(&w->log);
		if (w->callers[0].inv.event != NULL) {
			invocation_fini(&w->callers[0].inv);
		}
		step(w, "sa");
		step(w, "t2000");
		assert_non_null(strstr(w->log.data, "a=init_error"));
	}
	assert_int_equal(dispatch_stats(w->d)->starts, 20);
	world_end(w);
}

static void test_stats(void **state)
{
	struct world *w = world_new(1, 1);
	const struct dispatch_stats *st = dispatch_stats(w->d);

	(void)state;
	step(w, "sa");
	step(w, "sb");
	step(w, "n0");
	step(w, "sc");
	assert_int_equal(dispatch_pending(w->d), 1);
	step(w, "r0");
	step(w, "cc");
	step(w, "x0");
	step(w, "sd");
	assert_int_equal(st->outcomes[OUTCOME_THROTTLED], 1);
	assert_int_equal(st->outcomes[OUTCOME_RESPONSE], 1);
	assert_int_equal(st->cancelled, 1);
	assert_int_equal(st->starts, 2);
	assert_int_equal(st->restarts, 1);
	assert_int_equal(st->request_bytes, 3);
	assert_int_equal(st->response_bytes, 1);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_exit_document),
		cmocka_unit_test(test_timer_is_off_when_idle),
		cmocka_unit_test(test_backoff_is_bounded),
		cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
