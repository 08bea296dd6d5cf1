/* SPDX-License-Identifier: Apache-2.0 */
/* The control surface without I/O: parameters, the journal and its bounds, conditions, what is shown. */
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
#include "base/err.h"
#include "base/mem.h"
#include "core/control_json.h"
#include "core/control_wait.h"
#include "core/dispatch_priv.h"
#include "io/json.h"

#define WALL INT64_C(1795224683676)

/* --- parameters --- */

static void test_params(void **state)
{
	struct control_params p;
	struct err err = ERR_INIT;
	uint64_t n;

	(void)state;
	assert_int_equal(control_params_parse(&p, "a=1&b=x%20y+z&&c&d=", &err), 0);
	assert_string_equal(control_param(&p, "a"), "1");
	assert_string_equal(control_param(&p, "b"), "x y z");
	assert_string_equal(control_param(&p, "c"), "");
	assert_string_equal(control_param(&p, "d"), "");
	assert_null(control_param(&p, "e"));
	assert_int_equal(control_params_only(&p, "d c b a", &err), 0);
	assert_int_equal(control_params_only(&p, "d c bb a", &err), -1);
	assert_string_equal(err.msg, "b: unknown parameter; expected d c bb a");
	assert_int_equal(control_param_u64(&p, "a", 5, 7, &n, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(control_param_u64(&p, "none", 5, 7, &n, &err), 0);
	assert_int_equal(n, 7);
	assert_int_equal(control_param_u64(&p, "b", 5, 7, &n, &err), -1);
	assert_string_equal(err.msg, "b=x y z: expected a whole number up to 5");
	control_params_fini(&p);
	assert_int_equal(control_params_parse(&p, "", &err), 0);
	assert_int_equal(control_params_only(&p, "", &err), 0);
	control_params_fini(&p);
}

static void test_bad_params(void **state)
{
	static const char *const bad[] = { "a=%", "a=%zz", "%4=1", "a=1&b=%00", "1&2&3&4&5&6&7&8&9" };
	struct control_params p;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		assert_int_equal(control_params_parse(&p, bad[i], &err), -1);
		control_params_fini(&p);
	}
}

/* --- the journal --- */

static struct event *make_event(const char *body)
{
	struct event *ev = event_new();

	ev->body = blob_from_string(body);
	ev->arn = xstrdup("arn:x");
	return ev;
}

static void tell_event(struct journal *j, enum lifecycle_kind kind, const struct event *ev, int64_t now_us,
		       int64_t runtime_done_us)
{
	const struct lifecycle what = {
		.kind = kind, .event = ev, .now_us = now_us, .runtime_done_us = runtime_done_us, .init_us = 2500
	};

	journal_lifecycle(j, 3, &what);
}

static void end_with(struct journal *j, const struct event *ev, enum outcome_kind kind, const char *body,
		     const char *error_type, int64_t now_us)
{
	struct outcome out = { .kind = kind, .body = body != NULL ? blob_from_string(body) : NULL };

	journal_ended(j, ev, &out, error_type, now_us, WALL);
	blob_unref(out.body);
}

static void test_life_of_an_invocation(void **state)
{
	struct journal *j = journal_new(4);
	struct event *ev = make_event("{\"a\":1}");
	struct buf out = BUF_INIT;
	const struct call *c;
	char expected[1024];

	(void)state;
	assert_null(journal_call(j, ev->id));
	journal_queued(j, ev, 1000, WALL);
	c = journal_call(j, ev->id);
	assert_int_equal(c->state, CALL_QUEUED);
	tell_event(j, LC_START, ev, 3000, -1);
	assert_int_equal(c->state, CALL_RUNNING);
	end_with(j, ev, OUTCOME_ERROR, "\"\xff\"", "Function.X", 5000);
	assert_int_equal(c->state, CALL_ANSWERED);
	assert_int_equal(journal_count(j, COUNT_FINISHED), 0);
	tell_event(j, LC_RUNTIME_DONE, ev, 6000, -1);
	tell_event(j, LC_REPORT, ev, 9000, 6000);
	assert_int_equal(c->state, CALL_FINISHED);
	control_json_call(&out, c);
	snprintf(expected, sizeof(expected),
		 "{\"id\":\"%s\",\"state\":\"finished\",\"outcome\":\"error\",\"functionError\":true,"
		 "\"errorType\":\"Function.X\",\"abandoned\":false,\"environment\":3,\"arn\":\"arn:x\",\"traceId\":"
		 "null,"
		 "\"queuedAt\":\"2026-11-21T01:31:23.676Z\",\"waitedMs\":2.000,\"durationMs\":2.000,\"runtimeMs\":3."
		 "000,"
		 "\"totalMs\":6.000,\"initMs\":2.500,\"extensionOverheadMs\":3.000,\"payload\":\"{\\\"a\\\":1}\","
		 "\"resultBase64\":\"Iv8i\"}",
		 ev->id);
	assert_string_equal(out.data, expected);
	assert_int_equal(journal_count(j, COUNT_INVOCATIONS), 1);
	assert_int_equal(journal_count(j, COUNT_ANSWERED), 1);
	assert_int_equal(journal_count(j, COUNT_FINISHED), 1);
	buf_fini(&out);
	event_unref(ev);
	journal_free(j);
}

static void test_other_ends(void **state)
{
	struct journal *j = journal_new(4);
	struct event *refused = make_event("{}");
	struct event *left = make_event("{}");
	struct event *abandoned = make_event("{}");

	(void)state;
	/* The queue was full. */
	journal_queued(j, refused, 10, WALL);
	end_with(j, refused, OUTCOME_THROTTLED, NULL, NULL, 10);
	assert_int_equal(journal_call(j, refused->id)->state, CALL_FINISHED);
	assert_null(journal_call(j, refused->id)->result);
	/* Its caller left before and while it ran. */
	journal_queued(j, left, 10, WALL);
	journal_cancelled(j, left, 20);
	assert_int_equal(journal_call(j, left->id)->state, CALL_CANCELLED);
	journal_queued(j, abandoned, 10, WALL);
	tell_event(j, LC_START, abandoned, 20, -1);
	journal_cancelled(j, abandoned, 30);
	assert_int_equal(journal_call(j, abandoned->id)->state, CALL_RUNNING);
	assert_true(journal_call(j, abandoned->id)->abandoned);
	end_with(j, abandoned, OUTCOME_RESPONSE, "1", NULL, 40);
	tell_event(j, LC_REPORT, abandoned, 50, -1);
	assert_int_equal(journal_call(j, abandoned->id)->state, CALL_FINISHED);
	assert_int_equal(journal_call(j, abandoned->id)->extensions_us, -1);
	assert_int_equal(journal_count(j, COUNT_CANCELLED), 2);
	assert_int_equal(journal_count(j, COUNT_INVOCATIONS), 3);
	event_unref(refused);
	event_unref(left);
	event_unref(abandoned);
	journal_free(j);
}

static size_t length(const struct list *head)
{
	const struct list *pos;
	size_t n = 0;

	list_foreach(head, pos) {
		n++;
	}
	return n;
}

static void test_invocations_are_bounded(void **state)
{
	struct journal *j = journal_new(4);
	struct event *waiting = make_event("waiting");
	char *big = calloc(1, 6000000);

	(void)state;
	journal_queued(j, waiting, 1, WALL);
	for (unsigned i = 0; i < 3 * JOURNAL_CALLS; i++) {
		struct event *ev = make_event("{}");

		end_with(j, ev, OUTCOME_THROTTLED, NULL, NULL, 10);
		event_unref(ev);
	}
	assert_int_equal(length(journal_calls(j)), JOURNAL_CALLS);
	/* What is over makes room first. */
	assert_non_null(journal_call(j, waiting->id));
	memset(big, 'x', 5999999);
	for (unsigned i = 0; i < 20; i++) {
		struct event *ev = make_event(big);

		journal_queued(j, ev, 1, WALL);
		assert_non_null(journal_call(j, ev->id));
		event_unref(ev);
	}
	assert_true(length(journal_calls(j)) <= 6);
	free(big);
	event_unref(waiting);
	journal_free(j);
}

/* Who made room before the end is no other invocation for that. */
static void test_each_invocation_counts_once(void **state)
{
	struct journal *j = journal_new(4);
	struct event *all[JOURNAL_CALLS + 100];

	(void)state;
	for (size_t i = 0; i < countof(all); i++) {
		all[i] = make_event("{}");
		journal_queued(j, all[i], 1, WALL);
	}
	for (size_t i = 0; i < countof(all); i++) {
		end_with(j, all[i], OUTCOME_TIMEOUT, NULL, FAULT_TIMEOUT, 10);
		event_unref(all[i]);
	}
	assert_int_equal(journal_count(j, COUNT_INVOCATIONS), countof(all));
	assert_int_equal(journal_count(j, COUNT_ANSWERED), countof(all));
	assert_int_equal(journal_count(j, COUNT_FINISHED), countof(all));
	journal_free(j);
}

static void capture(struct journal *j, unsigned slot, const char *type, const char *record)
{
	char text[256];
	struct blob *b;

	snprintf(text, sizeof(text), "{\"time\":\"T\",\"type\":\"%s\",\"record\":%s}", type, record);
	b = blob_from_string(text);
	journal_event(j, slot, b);
	blob_unref(b);
}

static void test_events(void **state)
{
	struct journal *j = journal_new(4);
	struct control_filter f = { .slot = -1 };
	struct buf out = BUF_INIT;

	(void)state;
	capture(j, 0, "function", "\"a line\"");
	capture(j, 1, "platform.report", "{\"requestId\":\"id-1\"}");
	capture(j, 0, "platform.report", "{\"requestId\":\"id-2\"}");
	f.type = "platform.report";
	control_json_events(&out, j, &f, 10);
	assert_string_equal(out.data,
			    "{\"events\":[{\"seq\":2,\"environment\":1,\"event\":{\"time\":\"T\",\"type\":"
			    "\"platform.report\",\"record\":{\"requestId\":\"id-1\"}}},\n{\"seq\":3,"
			    "\"environment\":0,\"event\":{\"time\":\"T\",\"type\":\"platform.report\",\"record\":"
			    "{\"requestId\":\"id-2\"}}}],\"next\":3,\"dropped\":0}");
	buf_clear(&out);
	control_json_events(&out, j, &f, 1);
	assert_non_null(strstr(out.data, "\"next\":2,"));
	assert_null(strstr(out.data, "id-2"));
	buf_clear(&out);
	f.slot = 0;
	control_json_events(&out, j, &f, 10);
	assert_null(strstr(out.data, "id-1"));
	buf_clear(&out);
	f = (struct control_filter){ .slot = -1, .contains = "line" };
	control_json_events(&out, j, &f, 10);
	assert_non_null(strstr(out.data, "\"a line\""));
	assert_null(strstr(out.data, "platform"));
	journal_clear_events(j);
	assert_int_equal(journal_next_seq(j), 4);
	buf_clear(&out);
	f = (struct control_filter){ .slot = -1 };
	control_json_events(&out, j, &f, 10);
	assert_string_equal(out.data, "{\"events\":[],\"next\":3,\"dropped\":0}");
	buf_fini(&out);
	journal_free(j);
}

static void test_events_are_bounded(void **state)
{
	struct journal *j = journal_new(1);
	const struct list *events = journal_events(j);

	(void)state;
	for (unsigned i = 0; i < JOURNAL_EVENTS + 5; i++) {
		capture(j, 0, "function", "\"x\"");
	}
	assert_int_equal(length(events), JOURNAL_EVENTS);
	assert_int_equal(journal_dropped_events(j), 5);
	assert_int_equal(container_of(events->next, struct capture, link)->seq, 6);
	journal_free(j);
}

/* --- conditions --- */

struct world {
	struct dispatch *d;
	struct journal *j;
};

static void on_freeze(void *ctx, struct instance *inst, bool frozen)
{
	(void)ctx;
	(void)inst;
	(void)frozen;
}

static void on_rearm(void *ctx, int64_t at_us)
{
	(void)ctx;
	(void)at_us;
}

static struct world world_new(void)
{
	static const struct dispatch_ops ops = { .freeze = on_freeze, .rearm = on_rearm };
	const struct dispatch_config cfg = { .max_instances = 3, .max_pending = 10 };
	struct world w = { dispatch_new(&cfg, &ops, NULL), journal_new(3) };

	return w;
}

static void world_end(struct world *w)
{
	dispatch_free(w->d);
	journal_free(w->j);
}

static struct instance *put(struct world *w, unsigned slot, enum inst_state last)
{
	struct instance *inst = dispatch_instance(w->d, slot);

	for (unsigned s = INST_STARTING; s <= (unsigned)last; s++) {
		if (s != INST_SNAPSHOT && s > (unsigned)inst->state) {
			inst_set_state(w->d, inst, (enum inst_state)s, 1);
		}
	}
	return inst;
}

static void begin(struct world *w, struct control_wait *wait, const char *query)
{
	struct control_params p;
	struct err err = ERR_INIT;

	assert_int_equal(control_params_parse(&p, query, &err), 0);
	if (control_wait_init(wait, &p, w->d, &err) != 0) {
		fail_msg("%s: %s", query, err.msg);
	}
}

static enum control_verdict ask(struct world *w, const char *query)
{
	struct control_wait wait;
	enum control_verdict v;

	begin(w, &wait, query);
	v = control_wait_check(&wait, w->j, w->d);
	control_wait_fini(&wait);
	return v;
}

static void test_environments(void **state)
{
	struct world w = world_new();
	struct instance *inst;
	struct extension *x;

	(void)state;
	assert_int_equal(ask(&w, "for=phase&phase=none"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=frozen"), CONTROL_WAIT_ON);
	assert_int_equal(ask(&w, "for=frozen&value=false"), CONTROL_WAIT_ON);
	inst = put(&w, 0, INST_INIT);
	assert_int_equal(ask(&w, "for=phase&phase=init"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=environment&state=init"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=environment&state=init&environment=1"), CONTROL_WAIT_ON);
	assert_int_equal(ask(&w, "for=extension&name=a"), CONTROL_WAIT_ON);
	assert_int_equal(extension_register(&inst->extensions, "a", EXT_INVOKE, &x), EXT_OK);
	assert_int_equal(ask(&w, "for=extension&name=a"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=extension&name=a&state=Ready"), CONTROL_WAIT_ON);
	x->state = EXT_READY;
	assert_int_equal(ask(&w, "for=extension&name=a"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=extension&name=a&state=Ready"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=extension&name=b"), CONTROL_WAIT_ON);
	assert_int_equal(ask(&w, "for=extensions&count=2"), CONTROL_WAIT_ON);
	assert_int_equal(ask(&w, "for=extensions"), CONTROL_MET);
	put(&w, 0, INST_IDLE);
	assert_int_equal(ask(&w, "for=phase&phase=ready"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=frozen"), CONTROL_WAIT_ON);
	assert_int_equal(ask(&w, "for=frozen&value=false"), CONTROL_MET);
	inst->frozen = true;
	assert_int_equal(ask(&w, "for=frozen"), CONTROL_MET);
	put(&w, 1, INST_BUSY);
	assert_int_equal(ask(&w, "for=phase&phase=invoke"), CONTROL_MET);
	/* Not all of them. */
	assert_int_equal(ask(&w, "for=frozen"), CONTROL_WAIT_ON);
	assert_int_equal(ask(&w, "for=frozen&environment=0"), CONTROL_MET);
	world_end(&w);
}

static void test_invocations(void **state)
{
	struct world w = world_new();
	struct event *ev = make_event("{}");
	struct event *left = make_event("{}");
	char query[128], answered[128];

	(void)state;
	snprintf(query, sizeof(query), "for=invocation&id=%s", ev->id);
	snprintf(answered, sizeof(answered), "for=invocation&id=%s&state=answered", ev->id);
	assert_int_equal(ask(&w, query), CONTROL_LOST);
	journal_queued(w.j, ev, 1, WALL);
	assert_int_equal(ask(&w, query), CONTROL_WAIT_ON);
	tell_event(w.j, LC_START, ev, 2, -1);
	end_with(w.j, ev, OUTCOME_RESPONSE, "1", NULL, 3);
	assert_int_equal(ask(&w, query), CONTROL_WAIT_ON);
	assert_int_equal(ask(&w, answered), CONTROL_MET);
	assert_int_equal(ask(&w, "for=count&name=finished"), CONTROL_WAIT_ON);
	tell_event(w.j, LC_REPORT, ev, 4, -1);
	assert_int_equal(ask(&w, query), CONTROL_MET);
	assert_int_equal(ask(&w, answered), CONTROL_MET);
	assert_int_equal(ask(&w, "for=count&name=finished"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=count&name=finished&count=2"), CONTROL_WAIT_ON);
	/* It never comes, so nobody has to wait for it. */
	journal_queued(w.j, left, 1, WALL);
	journal_cancelled(w.j, left, 1);
	snprintf(query, sizeof(query), "for=invocation&id=%s", left->id);
	assert_int_equal(ask(&w, query), CONTROL_MET);
	event_unref(ev);
	event_unref(left);
	world_end(&w);
}

static void test_telemetry(void **state)
{
	struct world w = world_new();
	struct control_wait wait;

	(void)state;
	capture(w.j, 0, "function", "\"one\"");
	assert_int_equal(ask(&w, "for=telemetry&type=function&contains=one"), CONTROL_MET);
	assert_int_equal(ask(&w, "for=telemetry&type=function&after=1"), CONTROL_WAIT_ON);
	begin(&w, &wait, "for=telemetry&type=function&count=3");
	assert_int_equal(control_wait_check(&wait, w.j, w.d), CONTROL_WAIT_ON);
	capture(w.j, 0, "platform.start", "{}");
	capture(w.j, 0, "function", "\"two\"");
	assert_int_equal(control_wait_check(&wait, w.j, w.d), CONTROL_WAIT_ON);
	assert_int_equal(control_wait_check(&wait, w.j, w.d), CONTROL_WAIT_ON);
	/* Forgotten ones have been seen. */
	journal_clear_events(w.j);
	capture(w.j, 0, "function", "\"three\"");
	assert_int_equal(control_wait_check(&wait, w.j, w.d), CONTROL_MET);
	control_wait_fini(&wait);
	begin(&w, &wait, "for=telemetry&requestId=r&environment=1");
	capture(w.j, 0, "platform.start", "{\"requestId\":\"r\"}");
	assert_int_equal(control_wait_check(&wait, w.j, w.d), CONTROL_WAIT_ON);
	capture(w.j, 1, "platform.start", "{\"requestId\":\"r\"}");
	assert_int_equal(control_wait_check(&wait, w.j, w.d), CONTROL_MET);
	control_wait_fini(&wait);
	world_end(&w);
}

static void test_bad_waits(void **state)
{
	static const struct {
		const char *query;
		const char *error;
	} bad[] = {
		{ "", "for is missing; expected one of: phase, environment, extension, extensions, frozen" },
		{ "for=x", "for=x: expected one of: phase" },
		{ "for=phase", "phase is missing; expected one of: none, init, ready, invoke, shutdown" },
		{ "for=phase&phase=Ready", "phase=Ready: expected one of: none" },
		{ "for=phase&phase=ready&id=1", "id: unknown parameter; expected for timeout phase" },
		{ "for=phase&phase=ready&timeout=x", "timeout=x: expected seconds from 0 to 3600" },
		{ "for=phase&phase=ready&timeout=3601", "timeout=3601" },
		{ "for=environment&state=idle&environment=3", "environment=3: expected a whole number up to 2" },
		{ "for=extension", "name is missing" },
		{ "for=extension&name=a&state=ready", "state=ready: expected one of: Started, Registered, Ready" },
		{ "for=extensions&count=-1", "count=-1: expected a whole number" },
		{ "for=frozen&value=maybe", "value=maybe: expected one of: false, true" },
		{ "for=invocation&id=", "id is missing" },
		{ "for=count", "name is missing; expected one of: invocations, answered, finished" },
		{ "for=telemetry&after=x", "after=x" },
	};
	struct world w = world_new();

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		struct control_params p;
		struct control_wait wait;
		struct err err = ERR_INIT;

		assert_int_equal(control_params_parse(&p, bad[i].query, &err), 0);
		assert_int_equal(control_wait_init(&wait, &p, w.d, &err), -1);
		if (strstr(err.msg, bad[i].error) != err.msg) {
			fail_msg("%s: %s", bad[i].query, err.msg);
		}
		control_wait_fini(&wait);
	}
	world_end(&w);
}

/* --- what is shown --- */

static int runtime_pid(const struct instance *inst)
{
	return inst->slot == 0 ? 77 : 0;
}

static int extension_pid(const struct extension *x)
{
	return x->name[0] == 'a' ? 78 : 0;
}

static void test_state(void **state)
{
	static const struct control_pids pids = { runtime_pid, extension_pid };
	struct world w = world_new();
	struct instance *inst = put(&w, 0, INST_IDLE);
	const struct lifecycle failed = { .kind = LC_INIT_REPORT,
					  .status = LC_ERROR,
					  .error_type = "Runtime.X",
					  .started_us = 1000,
					  .now_us = 2500 };
	struct extension *x;
	struct buf out = BUF_INIT;

	(void)state;
	inst->rt = RT_READY;
	assert_int_equal(extension_register(&inst->extensions, "a\"b", EXT_INVOKE, &x), EXT_OK);
	x->events |= EXT_SHUTDOWN;
	snprintf(x->id, sizeof(x->id), "ID");
	assert_int_equal(extension_register(&inst->extensions, "c", 0, &x), EXT_OK);
	snprintf(x->id, sizeof(x->id), "ID2");
	journal_lifecycle(w.j, 2, &failed);
	control_json_state(&out, w.j, w.d, &pids, 1001);
	assert_true(json_text_is_object(out.data, out.len));
	assert_string_equal(
		out.data,
		"{\"phase\":\"ready\",\"environments\":[{\"environment\":0,\"state\":\"idle\",\"runtime\":\"Ready\","
		"\"pid\":77,\"stateMs\":1.000,\"frozen\":false,\"freezeEpoch\":0,\"invocation\":null,"
		"\"shutdownReason\":null,\"init\":null,\"extensions\":[{\"name\":\"a\\\"b\",\"id\":\"ID\",\"pid\":78,"
		"\"state\":\"Registered\",\"external\":false,\"events\":[\"INVOKE\",\"SHUTDOWN\"],\"errorType\":null}"
		","
		"{\"name\":\"c\",\"id\":\"ID2\",\"pid\":null,\"state\":\"Registered\",\"external\":false,\"events\":["
		"],"
		"\"errorType\":null}]},{\"environment\":2,\"state\":\"dead\",\"runtime\":null,\"pid\":null,"
		"\"stateMs\":null,"
		"\"frozen\":false,\"freezeEpoch\":0,\"invocation\":null,\"shutdownReason\":null,\"init\":{\"status\":"
		"\"error\",\"errorType\":\"Runtime.X\",\"durationMs\":1.500},\"extensions\":[]}],\"counts\":{"
		"\"invocations\":0,\"answered\":0,\"finished\":0,\"cancelled\":0,\"starts\":0,\"inits\":0,"
		"\"initFailures\":1,\"restores\":0,\"freezes\":0,\"thaws\":0,\"shutdowns\":0,\"ends\":0,\"events\":0}"
		","
		"\"queued\":0,\"lastEvent\":0}");
	buf_fini(&out);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_params),
		cmocka_unit_test(test_bad_params),
		cmocka_unit_test(test_life_of_an_invocation),
		cmocka_unit_test(test_other_ends),
		cmocka_unit_test(test_invocations_are_bounded),
		cmocka_unit_test(test_each_invocation_counts_once),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_events_are_bounded),
		cmocka_unit_test(test_environments),
		cmocka_unit_test(test_invocations),
		cmocka_unit_test(test_telemetry),
		cmocka_unit_test(test_bad_waits),
		cmocka_unit_test(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
