/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions, batches, replay, retries and losses, with a clock and a sender of the test's own. */
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
#include "base/mem.h"
#include "core/telemetry.h"

#define MS ((int64_t)1000)
#define WALL INT64_C(1795224683676)

#define SENDS_MAX 64

struct world {
	struct telemetry *t;
	int64_t now_us;
	int64_t armed_us;
	struct send {
		struct telemetry_sub *sub;
		char *body;
	} sends[SENDS_MAX];
	unsigned sent;
	unsigned gone;
	int paused;
};

static void on_send(void *ctx, struct telemetry_sub *sub, struct blob *body)
{
	struct world *w = ctx;

	assert_true(w->sent < SENDS_MAX);
	w->sends[w->sent].sub = sub;
	w->sends[w->sent++].body = xstrndup(body->data, body->len);
}

static void on_gone(void *ctx, struct telemetry_sub *sub)
{
	struct world *w = ctx;

	(void)sub;
	w->gone++;
}

static void on_pause(void *ctx, struct telemetry_sub *sub, bool pause)
{
	struct world *w = ctx;

	(void)sub;
	w->paused += pause ? 1 : -1;
}

static void on_rearm(void *ctx, int64_t at_us)
{
	struct world *w = ctx;

	w->armed_us = at_us;
}

static const struct telemetry_ops world_ops = {
	.send = on_send, .gone = on_gone, .pause = on_pause, .rearm = on_rearm
};

static void forget_sends(struct world *w)
{
	for (unsigned i = 0; i < w->sent; i++) {
		free(w->sends[i].body);
	}
	w->sent = 0;
}

static int make_world(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->armed_us = INT64_MAX;
	w->now_us = 1000 * MS;
	w->t = telemetry_new(&world_ops, w);
	telemetry_begin(w->t);
	*state = w;
	return 0;
}

static int end_world(void **state)
{
	struct world *w = *state;

	telemetry_free(w->t);
	forget_sends(w);
	free(w);
	return 0;
}

static struct telemetry_want want(unsigned types)
{
	struct telemetry_want out = { .form = FORM_TELEMETRY_JSON,
				      .types = types,
				      .max_items = 1000,
				      .max_bytes = 262144,
				      .timeout_ms = 100,
				      .port = 8080,
				      .path = "/" };

	return out;
}

static void subscribe(struct world *w, const char *name, const struct telemetry_want *asked)
{
	assert_int_equal(telemetry_subscribe(w->t, name, asked, w->now_us), TELEMETRY_SUBSCRIBED);
}

static void emit(struct world *w, enum telemetry_type type, const char *text)
{
	struct telemetry_event ev = { .type = type };

	for (unsigned f = 0; f < FORM_COUNT; f++) {
		ev.text[f] = blob_from_string(text);
	}
	telemetry_emit(w->t, &ev, w->now_us);
	for (unsigned f = 0; f < FORM_COUNT; f++) {
		assert_null(ev.text[f]);
	}
}

static void pass(struct world *w, int64_t us)
{
	w->now_us += us;
	if (w->armed_us <= w->now_us) {
		telemetry_tick(w->t, w->now_us);
	}
}

static void answer(struct world *w, unsigned send, bool ok)
{
	telemetry_sent(w->sends[send].sub, ok, w->now_us, WALL);
}

static void expect_sent(struct world *w, unsigned count, const char *last)
{
	assert_int_equal(w->sent, count);
	assert_string_equal(w->sends[count - 1].body, last);
}

static void test_time_ends_a_batch(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_FUNCTION);

	subscribe(w, "x", &asked);
	emit(w, TELEMETRY_FUNCTION, "1");
	pass(w, 99 * MS);
	emit(w, TELEMETRY_FUNCTION, "2");
	assert_int_equal(w->sent, 0);
	pass(w, 1 * MS);
	expect_sent(w, 1, "[1,2]");
	answer(w, 0, true);
	assert_true(w->armed_us == INT64_MAX || w->armed_us <= w->now_us);
	pass(w, 10000 * MS);
	assert_int_equal(w->sent, 1);
}

static void test_items_end_a_batch(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_FUNCTION);

	subscribe(w, "x", &asked);
	for (unsigned i = 0; i < 999; i++) {
		emit(w, TELEMETRY_FUNCTION, "0");
	}
	assert_int_equal(w->sent, 0);
	emit(w, TELEMETRY_FUNCTION, "0");
	assert_int_equal(w->sent, 1);
	assert_int_equal(strlen(w->sends[0].body), 2 * 1000 + 1);
}

static char *text_of(char c, size_t len)
{
	char *text = xcalloc(1, len + 1);

	memset(text, c, len);
	return text;
}

static void test_bytes_end_a_batch(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_FUNCTION);
	char *text = text_of('a', 100000);

	subscribe(w, "x", &asked);
	emit(w, TELEMETRY_FUNCTION, text);
	emit(w, TELEMETRY_FUNCTION, text);
	assert_int_equal(w->sent, 0);
	emit(w, TELEMETRY_FUNCTION, text);
	assert_int_equal(w->sent, 1);
	assert_int_equal(strlen(w->sends[0].body), 2 * 100000 + 3);
	free(text);
	/* One event alone may be larger. */
	answer(w, 0, true);
	text = text_of('b', 300000);
	emit(w, TELEMETRY_FUNCTION, text);
	assert_int_equal(w->sent, 2);
	answer(w, 1, true);
	assert_int_equal(w->sent, 3);
	assert_int_equal(strlen(w->sends[2].body), 300002);
	free(text);
}

static void test_one_on_its_way_and_order(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_FUNCTION);

	subscribe(w, "x", &asked);
	emit(w, TELEMETRY_FUNCTION, "1");
	pass(w, 100 * MS);
	emit(w, TELEMETRY_FUNCTION, "2");
	pass(w, 100 * MS);
	emit(w, TELEMETRY_FUNCTION, "3");
	pass(w, 100 * MS);
	assert_int_equal(w->sent, 1);
	answer(w, 0, true);
	expect_sent(w, 2, "[2,3]");
	answer(w, 1, true);
	assert_int_equal(telemetry_figures(w->t)->sent_events, 3);
	assert_int_equal(telemetry_figures(w->t)->sent_batches, 2);
}

static void test_replay(void **state)
{
	struct world *w = *state;
	struct telemetry_want one = want(TELEMETRY_PLATFORM);
	struct telemetry_want both = want(TELEMETRY_PLATFORM | TELEMETRY_FUNCTION);

	assert_int_equal(telemetry_wants(w->t, TELEMETRY_EXTENSION), (1 << FORM_COUNT) - 1);
	emit(w, TELEMETRY_PLATFORM, "1");
	emit(w, TELEMETRY_FUNCTION, "2");
	subscribe(w, "x", &one);
	emit(w, TELEMETRY_PLATFORM, "3");
	subscribe(w, "y", &both);
	telemetry_close(w->t);
	emit(w, TELEMETRY_PLATFORM, "4");
	pass(w, 100 * MS);
	expect_sent(w, 2, "[1,2,3,4]");
	assert_string_equal(w->sends[0].body, "[1,3,4]");
	assert_int_equal(telemetry_wants(w->t, TELEMETRY_EXTENSION), 0);
	assert_int_equal(telemetry_wants(w->t, TELEMETRY_FUNCTION), 1 << FORM_TELEMETRY_JSON);
}

static void test_closed(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_PLATFORM);

	telemetry_close(w->t);
	assert_int_equal(telemetry_subscribe(w->t, "x", &asked, w->now_us), TELEMETRY_CLOSED);
	assert_int_equal(telemetry_wants(w->t, TELEMETRY_PLATFORM), 0);
	/* A new environment. */
	telemetry_begin(w->t);
	subscribe(w, "x", &asked);
	assert_int_equal(telemetry_subscribers(w->t), 1);
	telemetry_end(w->t);
	assert_int_equal(telemetry_subscribers(w->t), 0);
	assert_int_equal(telemetry_subscribe(w->t, "x", &asked, w->now_us), TELEMETRY_CLOSED);
}

static void test_again(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_PLATFORM);
	struct telemetry_want logs = want(TELEMETRY_PLATFORM);

	emit(w, TELEMETRY_PLATFORM, "1");
	subscribe(w, "x", &asked);
	assert_int_equal(telemetry_subscribe(w->t, "x", &asked, w->now_us), TELEMETRY_UNCHANGED);
	assert_int_equal(telemetry_subscribers(w->t), 1);
	assert_int_equal(w->gone, 0);
	pass(w, 100 * MS);
	expect_sent(w, 1, "[1]");
	/* Another destination: what was on its way goes there, and nothing is replayed. */
	asked.port = 8081;
	asked.types |= TELEMETRY_FUNCTION;
	subscribe(w, "x", &asked);
	assert_int_equal(w->gone, 1);
	expect_sent(w, 2, "[1]");
	assert_int_equal(telemetry_sub_want(w->sends[1].sub)->port, 8081);
	answer(w, 1, true);
	emit(w, TELEMETRY_FUNCTION, "2");
	pass(w, 100 * MS);
	expect_sent(w, 3, "[2]");
	logs.form = FORM_LOGS_2020;
	assert_int_equal(telemetry_subscribe(w->t, "x", &logs, w->now_us), TELEMETRY_OTHER_API);
	subscribe(w, "y", &logs);
}

static void test_tcp_framing(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_PLATFORM);

	asked.tcp = true;
	emit(w, TELEMETRY_PLATFORM, "{}");
	subscribe(w, "x", &asked);
	emit(w, TELEMETRY_PLATFORM, "{}");
	pass(w, 100 * MS);
	expect_sent(w, 1, "{}\n{}\n");
	/* What was framed for the one cannot go to the other. */
	asked.tcp = false;
	subscribe(w, "x", &asked);
	emit(w, TELEMETRY_PLATFORM, "{}");
	pass(w, 100 * MS);
	expect_sent(w, 2, "[{}]");
	assert_int_equal(telemetry_figures(w->t)->dropped_events, 2);
}

static void test_retries(void **state)
{
	static const int64_t waits[] = { 100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000 };
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_PLATFORM);

	subscribe(w, "x", &asked);
	emit(w, TELEMETRY_PLATFORM, "1");
	pass(w, 100 * MS);
	emit(w, TELEMETRY_PLATFORM, "2");
	for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		expect_sent(w, i + 1, "[1]");
		answer(w, i, false);
		pass(w, waits[i] * MS - 1);
		assert_int_equal(w->sent, i + 1);
		pass(w, 1);
	}
	/* The tenth failure ends its life; the next batch says so. */
	expect_sent(w, 10, "[1]");
	answer(w, 9, false);
	assert_int_equal(telemetry_figures(w->t)->dropped_events, 1);
	pass(w, 2000 * MS);
	expect_sent(w, 11, "[2]");
	answer(w, 10, true);
	pass(w, 100 * MS);
	assert_int_equal(w->sent, 12);
	assert_non_null(strstr(w->sends[11].body, "\"type\":\"platform.logsDropped\""));
	assert_non_null(strstr(w->sends[11].body, "\"droppedBytes\":3,\"droppedRecords\":1,"));
	assert_int_equal(telemetry_figures(w->t)->failures, 10);
}

/* 100 bytes with their number in front. */
static void emit_numbered(struct world *w, unsigned n)
{
	char text[101];

	snprintf(text, sizeof(text), "%06u%094d", n, 0);
	emit(w, TELEMETRY_FUNCTION, text);
}

static void test_overflow_drops_the_oldest(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_PLATFORM | TELEMETRY_FUNCTION);
	const struct telemetry_figures *figures = telemetry_figures(w->t);
	unsigned sent;
	unsigned received = 0;

	asked.max_items = 10000;
	subscribe(w, "x", &asked);
	for (unsigned i = 0; i < 20000; i++) {
		emit_numbered(w, i);
	}
	/* 2 MB were said, 1 MiB at most is kept; what is on its way stays. */
	assert_int_equal(w->sent, 1);
	assert_memory_equal(w->sends[0].body, "[000000", 7);
	assert_true(figures->dropped_bytes > 2000000 - (4 + 1) * 262144 - 40000);
	assert_true(figures->dropped_bytes < 2000000 - 3 * 262144);
	for (sent = 0; sent < w->sent; sent++) {
		answer(w, sent, true);
		pass(w, 100 * MS);
	}
	for (unsigned i = 0; i < w->sent; i++) {
		received += (unsigned)strlen(w->sends[i].body) / 101;
	}
	assert_int_equal(figures->sent_events, 20000 - figures->dropped_events + 1);
	assert_true(received + figures->dropped_events >= 20000);
	assert_non_null(strstr(w->sends[w->sent - 1].body, "platform.logsDropped"));
}

static void test_losses_are_not_told_to_others(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_FUNCTION);

	subscribe(w, "x", &asked);
	for (unsigned i = 0; i < 20000; i++) {
		emit_numbered(w, i);
	}
	for (unsigned i = 0; i < w->sent; i++) {
		answer(w, i, true);
		pass(w, 100 * MS);
		assert_null(strstr(w->sends[i].body, "logsDropped"));
	}
	assert_true(telemetry_figures(w->t)->dropped_events > 0);
}

static void test_independent(void **state)
{
	struct world *w = *state;
	struct telemetry_want a = want(TELEMETRY_PLATFORM);
	struct telemetry_want b = want(TELEMETRY_FUNCTION);

	b.timeout_ms = 1000;
	subscribe(w, "a", &a);
	subscribe(w, "b", &b);
	emit(w, TELEMETRY_PLATFORM, "1");
	emit(w, TELEMETRY_FUNCTION, "2");
	emit(w, TELEMETRY_EXTENSION, "3");
	pass(w, 100 * MS);
	expect_sent(w, 1, "[1]");
	/* a never answers; b does not mind. */
	pass(w, 900 * MS);
	expect_sent(w, 2, "[2]");
	answer(w, 1, true);
	emit(w, TELEMETRY_FUNCTION, "4");
	pass(w, 1000 * MS);
	expect_sent(w, 3, "[4]");
}

static void test_flush(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_PLATFORM);

	asked.timeout_ms = 30000;
	subscribe(w, "x", &asked);
	emit(w, TELEMETRY_PLATFORM, "1");
	assert_int_equal(w->sent, 0);
	telemetry_flush(w->t, w->now_us);
	expect_sent(w, 1, "[1]");
	emit(w, TELEMETRY_PLATFORM, "2");
	answer(w, 0, true);
	expect_sent(w, 2, "[2]");
	/* Little time is left: the waits do not grow. */
	for (unsigned i = 1; i < 5; i++) {
		answer(w, i, false);
		pass(w, 100 * MS);
		expect_sent(w, i + 2, "[2]");
	}
	telemetry_end(w->t);
	assert_int_equal(w->gone, 1);
	assert_true(w->armed_us == INT64_MAX);
}

static void test_pause(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_PLATFORM);

	subscribe(w, "x", &asked);
	emit(w, TELEMETRY_PLATFORM, "1");
	pass(w, 100 * MS);
	telemetry_pause(w->t, true, w->now_us);
	assert_int_equal(w->paused, 1);
	answer(w, 0, false);
	emit(w, TELEMETRY_PLATFORM, "2");
	pass(w, 60000 * MS);
	assert_int_equal(w->sent, 1);
	telemetry_pause(w->t, false, w->now_us);
	assert_int_equal(w->paused, 0);
	expect_sent(w, 2, "[1]");
	answer(w, 1, true);
	expect_sent(w, 3, "[2]");
	assert_int_equal(telemetry_figures(w->t)->failures, 0);
}

static void test_record_is_bounded(void **state)
{
	struct world *w = *state;
	struct telemetry_want asked = want(TELEMETRY_PLATFORM | TELEMETRY_FUNCTION);

	for (unsigned i = 0; i < 12000; i++) {
		emit(w, TELEMETRY_FUNCTION, "0");
	}
	asked.max_items = 10000;
	subscribe(w, "x", &asked);
	assert_int_equal(w->sent, 1);
	assert_int_equal(strlen(w->sends[0].body), 2 * 10000 + 1);
	answer(w, 0, true);
	pass(w, 100 * MS);
	assert_int_equal(w->sent, 2);
	assert_non_null(strstr(w->sends[1].body, "\"droppedBytes\":2000,\"droppedRecords\":2000,"));
}

int main(void)
{
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, make_world, end_world)
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_time_ends_a_batch),
		WORLD_TEST(test_items_end_a_batch),
		WORLD_TEST(test_bytes_end_a_batch),
		WORLD_TEST(test_one_on_its_way_and_order),
		WORLD_TEST(test_replay),
		WORLD_TEST(test_closed),
		WORLD_TEST(test_again),
		WORLD_TEST(test_tcp_framing),
		WORLD_TEST(test_retries),
		WORLD_TEST(test_overflow_drops_the_oldest),
		WORLD_TEST(test_losses_are_not_told_to_others),
		WORLD_TEST(test_independent),
		WORLD_TEST(test_flush),
		WORLD_TEST(test_pause),
		WORLD_TEST(test_record_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
