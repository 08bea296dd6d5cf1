/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Environments with extensions, stepped with a fake clock and fake processes: each script is an order of events, one word
 * each, with what core must have asked of the world by its end.
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
#include "core/dispatch_control.h"
#include "environment_scripts.h"

struct caller {
	struct invocation inv;
	struct world *world;
	char name;
};

struct ext_waiter {
	struct ext_poll poll;
	struct world *world;
	char name;
	bool dead;
};

struct world {
	struct dispatch *d;
	struct instance *inst; /* slot 0 */
	struct buf log;
	int64_t now;
	int64_t rearmed;
	const char *files; /* external extensions, a letter each */
	bool launch_fails;
	bool start_fails;
	struct caller callers[4];
	struct poll poll;
	struct ext_waiter waiters[26];
	char body[512];
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

static struct extension *named(struct world *w, char name)
{
	char text[2] = { name, '\0' };
	struct extension *x = extension_named(&w->inst->extensions, text);

	assert_non_null(x);
	return x;
}

static int on_launch(void *ctx, struct instance *inst, struct fault *why)
{
	struct world *w = ctx;

	for (const char *f = w->files; *f != '\0'; f++) {
		char name[2] = { *f, '\0' };
		struct extension *x = extension_add(&inst->extensions, name, true);

		if (x == NULL || (w->launch_fails && f[1] == '\0')) {
			fault_set(why, FAULT_EXTENSION_LAUNCH, "fork/exec %s: permission denied", name);
			return -1;
		}
		x->alive = true;
		note(w, "launch%s", name);
	}
	return 0;
}

static int on_start(void *ctx, struct instance *inst, struct fault *why)
{
	struct world *w = ctx;

	note(w, "start");
	if (w->start_fails) {
		fault_set(why, FAULT_INVALID_ENTRYPOINT, "fork/exec ./nope: no such file or directory");
		return -1;
	}
	dispatch_spawned(w->d, inst, w->now);
	return 0;
}

static void on_stop(void *ctx, struct instance *inst, enum stop_reason why)
{
	static const char *const words[] = { "timeout", "initerror", "retire", "shutdown", "failure" };

	note(ctx, "stop:%s/%d", words[why], (int)(inst->grace_us / 1000));
}

static void on_kill(void *ctx, struct instance *inst, struct extension *x)
{
	(void)inst;
	note(ctx, "kill%s", x->name);
}

static void on_freeze(void *ctx, struct instance *inst, bool frozen)
{
	(void)inst;
	note(ctx, frozen ? "freeze" : "thaw");
}

static void on_handing(void *ctx, struct instance *inst, const struct event *ev)
{
	(void)ctx;
	(void)ev;
	assert_false(inst->frozen);
}

static void on_handed(void *ctx, struct instance *inst, const struct event *ev)
{
	(void)ctx;
	(void)inst;
	(void)ev;
}

static struct blob *on_finished(void *ctx, struct instance *inst, const struct report *r)
{
	(void)inst;
	note(ctx, "report:%d", (int)(r->duration_us / 1000));
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
	assert_non_null(inst);
}

static const struct dispatch_ops ops = {
	.launch = on_launch,
	.start = on_start,
	.stop = on_stop,
	.kill = on_kill,
	.freeze = on_freeze,
	.handing = on_handing,
	.handed = on_handed,
	.finished = on_finished,
	.rearm = on_rearm,
	.drained = on_drained,
	.lost = on_lost,
};

static void on_lifecycle(void *ctx, struct instance *inst, const struct lifecycle *what)
{
	struct world *w = ctx;

	(void)inst;
	assert_true(what->now_us == w->now);
	assert_true(what->started_us > 0 && what->started_us <= what->now_us);
	if (what->kind == LC_INIT_START) {
		note(w, "~initStart/%s", init_phase_name(what->phase));
	} else if (what->kind == LC_EXTENSION) {
		note(w, "~%s=%s", what->extension->name, ext_state_name(what->extension->state));
	} else if (what->error_type != NULL || what->kind == LC_INIT_REPORT || what->kind == LC_REPORT ||
		   what->kind == LC_RESTORE_REPORT) {
		note(w, "~%s/%s%s%s", lifecycle_name(what->kind), lifecycle_status_name(what->status),
		     what->error_type != NULL ? "/" : "", what->error_type != NULL ? what->error_type : "");
	} else {
		note(w, "~%s", lifecycle_name(what->kind));
	}
}

static void on_done(struct invocation *inv, const struct outcome *out)
{
	struct caller *c = container_of(inv, struct caller, inv);

	note(c->world, "%c=%s", c->name, outcome_name(out->kind));
	snprintf(c->world->body, sizeof(c->world->body), "%s", out->body != NULL ? out->body->data : "");
}

static const struct invocation_ops caller_ops = { .done = on_done };

static int on_deliver(struct poll *p, const struct event *ev, int64_t deadline_us)
{
	struct world *w = container_of(p, struct world, poll);

	(void)deadline_us;
	note(w, "rt<%s", ev != NULL ? ev->body->data : "restore");
	return 0;
}

static const struct poll_ops poll_ops = { on_deliver };

static const char *current_id(const struct world *w)
{
	const struct task *t = task_first(&w->inst->tasks);

	return t != NULL && t->event != NULL ? t->event->id : "";
}

static int on_ext_deliver(struct ext_poll *p, const struct ext_message *m)
{
	struct ext_waiter *e = container_of(p, struct ext_waiter, poll);

	if (e->dead) {
		note(e->world, "dead%c", e->name);
		return -1;
	}
	if (m->type == EXT_INVOKE) {
		assert_string_equal(m->event->id, current_id(e->world));
		note(e->world, "%c<%s", e->name, m->event->body->data);
	} else {
		note(e->world, "%c<%s/%d", e->name, m->reason, (int)((m->deadline_us - e->world->now) / 1000));
	}
	return 0;
}

static const struct ext_poll_ops ext_poll_ops = { on_ext_deliver };

static void submit(struct world *w, char name)
{
	struct caller *c = &w->callers[(unsigned)(name - 'a') % countof(w->callers)];
	struct event *ev = event_new();
	const char body[2] = { name, '\0' };

	ev->body = blob_from_string(body);
	c->world = w;
	c->name = name;
	if (c->inv.event != NULL) {
		invocation_fini(&c->inv);
	}
	invocation_init(&c->inv, &caller_ops, ev);
	dispatch_submit(w->d, &c->inv, w->now);
}

static void verdict(struct world *w, enum rt_verdict v)
{
	if (v != RT_OK) {
		note(w, v == RT_INVALID_ID ? "400" : "403");
	}
}

static void answer(struct world *w, enum outcome_kind kind)
{
	struct answer a = { .kind = kind, .body = blob_from_string("r"), .size = 1, .error_type = "Function.X" };

	a.error_type = kind == OUTCOME_RESPONSE ? NULL : "Function.X";
	verdict(w, dispatch_answer(w->d, w->inst, current_id(w), &a, w->now));
	blob_unref(a.body);
}

static void ext_verdict(struct world *w, enum ext_verdict v)
{
	static const char *const words[] = {
		[EXT_NO_NAME] = "noname",   [EXT_CLOSED] = "closed",	      [EXT_TAKEN] = "taken",
		[EXT_TOO_MANY] = "toomany", [EXT_NO_SHUTDOWN] = "noshutdown", [EXT_INVALID_STATE] = "badstate",
	};

	if (v != EXT_OK) {
		note(w, "%s", words[v]);
	}
}

/* RAis: A registers for INVOKE and SHUTDOWN */
static void ext_register(struct world *w, const char *word)
{
	char name[2] = { word[1], '\0' };
	unsigned events = (strchr(word, 'i') != NULL ? EXT_INVOKE : 0u) |
			  (strchr(word, 's') != NULL ? EXT_SHUTDOWN : 0u);
	struct extension *x = NULL;

	ext_verdict(w, dispatch_register(w->d, w->inst, name, events, &x, w->now));
}

static void ext_wait(struct world *w, char name, bool dead)
{
	struct ext_waiter *e = &w->waiters[name - 'A'];

	e->poll.ops = &ext_poll_ops;
	e->world = w;
	e->name = name;
	e->dead = dead;
	ext_verdict(w, dispatch_extension_poll(w->d, w->inst, named(w, name), &e->poll, w->now));
}

static void restore_error(struct world *w)
{
	struct blob *body = blob_from_string("{\"hook\":1}");

	verdict(w,
		dispatch_restore_error(w->d, w->inst, body, "application/json", "Runtime.AfterRestoreError", w->now));
	blob_unref(body);
}

/* The control surface: !s !t !f an end, !T a timeout, !R a reset, !+ freeze, !- thaw. */
static void trigger(struct world *w, char what)
{
	bool ok = false;

	if (what == 's') {
		ok = dispatch_trigger_end(w->d, w->inst, STOP_SHUTDOWN, w->now);
	} else if (what == 't') {
		ok = dispatch_trigger_end(w->d, w->inst, STOP_TIMEOUT, w->now);
	} else if (what == 'f') {
		ok = dispatch_trigger_end(w->d, w->inst, STOP_FAILURE, w->now);
	} else if (what == 'T') {
		ok = dispatch_trigger_timeout(w->d, w->inst, w->now);
	} else if (what == 'R') {
		ok = dispatch_trigger_reset(w->d, w->inst, w->now);
	} else {
		ok = dispatch_trigger_freeze(w->d, w->inst, what == '+', w->now);
	}
	if (!ok) {
		note(w, "refused");
	}
}

static void step(struct world *w, const char *word)
{
	switch (word[0]) {
	case 's': /* sa: caller a submits */
		submit(w, word[1]);
		break;
	case 'n': /* /next */
		w->poll.ops = &poll_ops;
		verdict(w, dispatch_poll(w->d, w->inst, &w->poll, w->now));
		break;
	case 'z': /* restore/next */
		w->poll.ops = &poll_ops;
		verdict(w, dispatch_restore_poll(w->d, w->inst, &w->poll, w->now));
		break;
	case 'Z': /* restore/error */
		restore_error(w);
		break;
	case 'O': /* the order to restore */
		note(w, "restored%u", dispatch_restore(w->d, w->now));
		break;
	case '!': /* by the control surface */
		trigger(w, word[1]);
		break;
	case 'g': /* its connection is gone */
		dispatch_poll_gone(w->d, w->inst, &w->poll, w->now);
		break;
	case 'r':
		answer(w, OUTCOME_RESPONSE);
		break;
	case 'e':
		answer(w, OUTCOME_ERROR);
		break;
	case 'P': /* prestart */
		dispatch_prestart(w->d, w->now);
		break;
	case 'x': /* the runtime exits with status 1 */
		dispatch_exited(w->d, w->inst, false, 1, w->now);
		break;
	case 'R':
		ext_register(w, word);
		break;
	case 'p': /* pA: A waits for an event; dA: on a connection that is dead */
		ext_wait(w, word[1], false);
		break;
	case 'd':
		ext_wait(w, word[1], true);
		break;
	case 'E': /* EA: init/error; QA: exit/error */
	case 'Q':
		ext_verdict(w, dispatch_extension_error(w->d, w->inst, named(w, word[1]), word[0] == 'E', "Foo.Bar",
							w->now));
		break;
	case 'X': /* XA: the process ends with status 0; CA: with status 3 */
	case 'C':
		dispatch_extension_exited(w->d, w->inst, named(w, word[1]), false, word[0] == 'X' ? 0 : 3, w->now);
		break;
	case 't': /* t500: milliseconds pass */
		w->now += (int64_t)atoi(word + 1) * 1000;
		if (w->now >= w->rearmed) {
			w->rearmed = INT64_MAX;
			dispatch_tick(w->d, w->now);
		}
		break;
	case 'L': /* the last launch fails from now on */
		w->launch_fails = true;
		break;
	case 'S': /* the runtime cannot be started */
		w->start_fails = true;
		break;
	case 'D':
		dispatch_drain(w->d, w->now);
		break;
	case '|':
		buf_clear(&w->log);
		break;
	default:
		fail_msg("unknown step %s", word);
	}
}

static struct world *world_new(const struct script *s)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct dispatch_config cfg = {
		.max_instances = 1,
		.max_pending = 10,
		.max_response = 100,
		.invoke_timeout_us = 3000000,
		.init_timeout_us = 10000000,
		.ready_timeout_us = (s->options & READY_500) != 0 ? 500000
				    : (s->options & READY_0) != 0 ? 0
								  : -1,
		.freeze = (s->options & FREEZE) != 0,
		.init_type = (s->options & SNAP) != 0	 ? INIT_SNAP_START
			     : (s->options & AHEAD) != 0 ? INIT_PROVISIONED
							 : INIT_ON_DEMAND,
	};

	assert_non_null(w);
	w->now = 1000000000;
	w->rearmed = INT64_MAX;
	w->files = s->files;
	w->d = dispatch_new(&cfg, &ops, w);
	w->inst = dispatch_instance(w->d, 0);
	if ((s->options & OBSERVE) != 0) {
		dispatch_observe(w->d, on_lifecycle, w);
	}
	return w;
}

static void world_end(struct world *w)
{
	for (unsigned i = 0; i < countof(w->callers); i++) {
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
	bool bad = false;

	(void)state;
	for (size_t i = 0; i < countof(scripts); i++) {
		const struct script *s = &scripts[i];
		struct world *w = world_new(s);
		char *steps = strdup(s->steps);
		char *rest = NULL;

		for (char *word = strtok_r(steps, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
			step(w, word);
		}
		if (strcmp(w->log.len > 0 ? w->log.data : "", s->expected) != 0) {
			print_message("%s\n  steps:    %s\n  expected: %s\n  got:      %s\n", s->title, s->steps,
				      s->expected, w->log.len > 0 ? w->log.data : "");
			bad = true;
		}
		if (s->body != NULL && strstr(w->body, s->body) == NULL) {
			print_message("%s\n  body %s\n  is not in %s\n", s->title, s->body, w->body);
			bad = true;
		}
		free(steps);
		world_end(w);
	}
	assert_false(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scripts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
