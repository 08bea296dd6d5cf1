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
#include "core/dispatch.h"

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

static void on_handing(void *ctx, struct instance *inst)
{
	(void)ctx;
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

static const struct invocation_ops caller_ops = { on_done };

static int on_deliver(struct poll *p, const struct event *ev, int64_t deadline_us)
{
	struct world *w = container_of(p, struct world, poll);

	(void)deadline_us;
	note(w, "rt<%s", ev != NULL ? ev->body->data : "restore");
	return 0;
}

static const struct poll_ops poll_ops = { on_deliver };

static int on_ext_deliver(struct ext_poll *p, const struct ext_message *m)
{
	struct ext_waiter *e = container_of(p, struct ext_waiter, poll);

	if (e->dead) {
		note(e->world, "dead%c", e->name);
		return -1;
	}
	if (m->type == EXT_INVOKE) {
		assert_string_equal(m->event->id, e->world->inst->event->id);
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
	verdict(w, dispatch_answer(w->d, w->inst, w->inst->event != NULL ? w->inst->event->id : "", &a, w->now));
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

enum { FREEZE = 1, OBSERVE = 2, READY_500 = 4, READY_0 = 8, SNAP = 16 };

struct script {
	const char *title;
	const char *files;
	unsigned options;
	const char *steps;
	const char *expected;
	const char *body;
};

/* An environment with A and B, external; ready for its first event. */
#define UP_A "sa RAis pA n "
#define UP_AB "sa RAis RBi pA pB n "

static const struct script scripts[] = {
	{ "no extension: nothing waits", "", 0, "sa n r n sb r",
	  "start rt<a a=success report:0 rt<b b=success report:0", NULL },
	{ "the runtime starts after the last external extension has registered", "AB", 0, "sa RAis | RBi n pA pB",
	  "start rt<a A<a B<a", NULL },
	{ "init is over when everybody has asked for an event", "A", 0, "sa RAis pA | n", "rt<a A<a", NULL },
	{ "an extension without events takes part in init only", "A", 0, "sa RA n | pA r n sb",
	  "rt<a a=success report:0 rt<b", NULL },
	{ "the answer does not wait for extensions, the next event does", "A", 0, UP_A "| t10 r t5 n sb t20 pA",
	  "a=success report:35 rt<b A<b", NULL },
	{ "the extension is done before the runtime", "A", 0, UP_A "| t10 pA r sb t5 n",
	  "a=success report:15 rt<b A<b", NULL },
	{ "all of several extensions", "AB", 0, UP_AB "| r n sb pA pB", "a=success report:0 rt<b A<b B<b", NULL },
	{ "only those that take INVOKE", "AB", 0, "sa RAs RBi pA pB n | r n sb pB", "a=success report:0 rt<b B<b",
	  NULL },
	{ "an extension on a dead connection gets its event by the next", "A", 0, "sa RAi dA n | pA r n sb pA",
	  "A<a a=success report:0 rt<b A<b", NULL },
	{ "a runtime that hung up is waited for", "A", 0, UP_A "| r n sb g pA n", "a=success report:0 rt<b A<b",
	  NULL },
	{ "late extension: the environment is reset at the deadline", "A", 0, UP_A "| r n t3000 x pA XA sb",
	  "a=success report:3000 stop:timeout/600 A<timeout/2000 launchA", NULL },
	{ "a readiness timeout lets the environment go on", "A", READY_500, UP_A "| r n sb t400 t100 pA",
	  "a=success report:500 rt<b A<b", NULL },
	{ "no readiness timeout at all", "A", READY_0, UP_A "| r n sb", "a=success report:0 rt<b", NULL },
	{ "a readiness timeout needs the runtime all the same", "A", READY_500, UP_A "| r sb t600 n",
	  "a=success report:600 rt<b", NULL },
	/* registration */
	{ "internal extension", "", 0, "sa | RIi n pI", "rt<a I<a", NULL },
	{ "internal extensions get no SHUTDOWN", "", 0, "sa | RIs", "noshutdown", NULL },
	{ "registration closes at the first /next", "", 0, "sa n | RIi", "closed", NULL },
	{ "a name is taken", "", 0, "sa | RIi RIi", "taken", NULL },
	{ "before anything was started", "", 0, "RIi", "closed", NULL },
	{ "ten at most", "", 0, "sa | RA RB RC RD RE RF RG RH RI RJ RK", "toomany", NULL },
	{ "more than ten files", "ABCDEFGHIJK", 0, "sa",
	  "launchA launchB launchC launchD launchE launchF launchG launchH launchI launchJ killA killB killC killD "
	  "killE killF "
	  "killG killH killI killJ report:0 a=init_error",
	  "Extension.LaunchError" },
	/* failures */
	{ "never registers", "A", 0, "sa t10000", "launchA killA report:0 a=timeout",
	  "Task timed out after 10.00 seconds: extension A did not register" },
	{ "never asks for an event", "A", 0, "sa RAi n | t10000", "stop:timeout/600 report:0 a=timeout",
	  "Task timed out after 10.00 seconds: extension A did not ask for its first event" },
	{ "launch fails", "AB", 0, "L sa", "launchA killA report:0 a=init_error", "Extension.LaunchError" },
	{ "the runtime cannot be started", "A", 0, "S sa RAs pA | XA", "", "Runtime.InvalidEntrypoint" },
	{ "init/error", "A", 0, "sa RAs | EA XA", "stop:failure/600 report:0 a=init_error", NULL },
	{ "crash before registration", "A", 0, "sa | CA", "report:0 a=init_error", "\"Extension.Crash\"" },
	{ "crash while the runtime starts", "A", 0, "sa RAi | CA x", "stop:failure/500 report:0 a=init_error",
	  "Error: exit status 3" },
	{ "crash during an event", "A", 0, UP_A "| CA sb x", "stop:failure/500 a=exit report:0 launchA",
	  "\"Extension.Crash\"" },
	{ "crash while idle", "A", 0, UP_A "r n pA | CA x sb", "stop:failure/500 launchA", NULL },
	{ "exit/error during an event", "A", 0, UP_A "| QA x XA", "stop:failure/600 a=exit report:0",
	  "\"Extension.ExitError\"" },
	{ "exit/error twice", "A", 0, UP_A "| QA QA", "stop:failure/600 a=exit report:0", NULL },
	{ "event/next after an error", "A", 0, UP_A "QA | pA", "badstate", NULL },
	{ "init/error when ready", "A", 0, UP_A "r n pA | EA", "badstate", NULL },
	{ "the runtime exits: the extension is told", "A", 0, UP_A "| pA x XA", "a=exit report:0 A<failure/2000",
	  NULL },
	{ "the runtime exits in init", "A", 0, "sa RAs pA | x XA", "A<failure/2000 report:0 a=init_error", NULL },
	{ "timeout: the runtime is killed first, then the extension is told", "A", 0, UP_A "| t3000 pA t10 x t100 XA",
	  "stop:timeout/600 a=timeout report:3000 A<timeout/1990", NULL },
	/* shutdown */
	{ "spindown", "A", 0, UP_A "r n pA | D x t5 XA", "stop:shutdown/600 A<spindown/2000 drained", NULL },
	{ "an extension that ignores SHUTDOWN is killed at the deadline", "A", 0,
	  UP_A "r n pA | D t300 x t1699 t1 XA", "stop:shutdown/600 A<spindown/1700 killA drained", NULL },
	{ "one that does not take SHUTDOWN is killed with the runtime", "AB", 0, UP_AB "r n pA pB | D x XB XA",
	  "stop:shutdown/600 A<spindown/2000 killB drained", NULL },
	{ "SHUTDOWN waits for an extension that is at work", "A", 0, UP_A "| x t100 pA XA",
	  "a=exit report:0 A<failure/1900", NULL },
	{ "drain waits for extensions at work", "A", 0, UP_A "| r D n pA x XA",
	  "a=success report:0 stop:shutdown/600 A<spindown/2000 drained", NULL },
	{ "drain waits for them for 2 s", "A", 0, UP_A "| r D n t1999 t1 x XA",
	  "a=success report:2000 stop:shutdown/600 drained", NULL },
	{ "drain before registration", "A", 0, "sa | D XA", "a=shutdown killA drained", NULL },
	{ "internal only", "", 0, "sa RIi pI n r n pI | D x", "stop:shutdown/500 drained", NULL },
	/* freeze */
	{ "frozen when idle, thawed before the next event", "A", FREEZE, UP_A "| r n pA sb r n pA",
	  "a=success report:0 freeze thaw rt<b A<b b=success report:0 freeze", NULL },
	{ "not frozen when work waits", "", FREEZE, "sa n | sb r n", "a=success report:0 rt<b", NULL },
	{ "thawed for the end", "A", FREEZE, UP_A "r n pA | D x XA", "thaw stop:shutdown/600 A<spindown/2000 drained",
	  NULL },
	{ "a frozen runtime is killed by somebody", "A", FREEZE, UP_A "r n pA | x XA", "thaw A<failure/2000", NULL },
	/* SnapStart */
	{ "restored for work that waits", "", SNAP, "sa | z t5 n r", "rt<restore rt<a a=success report:0", NULL },
	{ "restored by order", "", SNAP, "P z | O n sa", "rt<restore restored1 rt<a", NULL },
	{ "the snapshot waits for the extensions", "A", SNAP, "sa RAi z | pA n", "rt<restore rt<a A<a", NULL },
	{ "next without a restore is refused", "", SNAP, "P z | n", "403", NULL },
	{ "restore/next when ready is refused", "", SNAP, "sa n | z", "403", NULL },
	{ "a runtime that hung up asks again", "", SNAP, "P z g | sa z n", "rt<restore rt<a", NULL },
	{ "restore/error", "", SNAP, "sa z | Z x sb", "stop:initerror/500 report:0 a=init_error start", "hook" },
	{ "restore/error without a restore", "", SNAP, "sa | Z", "403", NULL },
	{ "hooks that do not end", "", SNAP, "sa z | t9999 t1", "stop:timeout/500 report:0 a=timeout",
	  "Runtime.RestoreHookUserTimeout" },
	{ "exit while restoring", "", SNAP, "sa z | x", "report:0 a=init_error", "Runtime.ExitError" },
	{ "drain of a snapshot", "A", SNAP, "P RAs z pA | D x XA", "stop:shutdown/600 A<spindown/2000 drained",
	  NULL },
	{ "a snapshot is frozen", "", SNAP | FREEZE, "P z | sa", "thaw rt<restore", NULL },
	{ "events of a restore", "", SNAP | OBSERVE, "P t7 z t5 O t3 n sa r n",
	  "~initStart/init start ~initRuntimeDone ~registered ~initReport/success rt<restore ~restoreStart restored1 "
	  "~restoreRuntimeDone ~restoreReport/success rt<a ~start a=success report:0 ~runtimeDone ~report/success",
	  NULL },
	{ "events of a restore that fails", "", SNAP | OBSERVE, "P z O | Z",
	  "~restoreRuntimeDone/error/Runtime.AfterRestoreError ~restoreReport/error/Runtime.AfterRestoreError "
	  "stop:initerror/500",
	  NULL },
	/* what the observer sees */
	{ "events of a life", "A", OBSERVE, UP_A "r t1 n pA D x XA",
	  "~initStart/init launchA start ~initRuntimeDone ~registered ~A=Ready ~initReport/success rt<a "
	  "~start A<a "
	  "a=success ~runtimeDone ~report/success report:1 stop:shutdown/600 ~shutdown A<spindown/2000 ~gone "
	  "drained",
	  NULL },
	{ "events of an error", "", OBSERVE, "sa n | e n",
	  "a=error report:0 ~runtimeDone/error/Function.X "
	  "~report/error/Function.X",
	  NULL },
	{ "events of a timeout", "", OBSERVE, "sa n | t3000 x",
	  "stop:timeout/500 a=timeout report:3000 ~runtimeDone/timeout/Sandbox.Timedout "
	  "~report/timeout/Sandbox.Timedout ~fault "
	  "~gone",
	  NULL },
	{ "events of a failed init, and of the one that makes good for it", "A", OBSERVE, "sa RAi | EA x XA sb RAi",
	  "~initRuntimeDone/error/Extension.InitError ~A=InitError ~initReport/error/Extension.InitError "
	  "stop:failure/600 "
	  "report:0 a=init_error ~shutdown killA ~gone ~initStart/invoke launchA start",
	  NULL },
	{ "an extension that is late makes the report one of a timeout", "A", OBSERVE, UP_A "r n | t3000",
	  "~report/timeout/Sandbox.Timedout report:3000 stop:timeout/600", NULL },
	{ "events of freezing", "", OBSERVE | FREEZE, "sa n r | n sb",
	  "~runtimeDone ~report/success ~frozen freeze thaw ~thawed "
	  "rt<b ~start",
	  NULL },
};

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
		.init_type = (s->options & SNAP) != 0 ? INIT_SNAP_START : INIT_ON_DEMAND,
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
