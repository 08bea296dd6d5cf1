/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery by HTTP to a listener that is slow, silent or frozen. */
#include "edge/telemetry_send.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* after the headers that it needs */
#include <cmocka.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "io/httpc.h"
#include "io/httpd.h"
#include "loop/loop.h"

#define PATIENCE_US ((int64_t)20 * 1000 * 1000) /* only failures take this long */
#define TIMEOUT_US ((int64_t)300 * 1000)

struct world {
	struct loop *loop;
	struct httpd *server;
	struct httpc *client;
	struct telemetry_sender *sender;
	struct telemetry_want want;
	struct httpd_req *parked;
	struct loop_timer timer;
	unsigned requests;
	unsigned gone;
	unsigned rings;
	unsigned sent;
	char error[128];
};

static void on_gone(void *owner)
{
	struct world *w = owner;

	w->parked = NULL;
	w->gone++;
}

static void on_request(void *ctx, struct httpd_req *req)
{
	struct world *w = ctx;

	w->requests++;
	w->parked = req;
	httpd_req_own(req, w, on_gone);
}

static void on_sent(void *ctx, const char *error)
{
	struct world *w = ctx;

	w->sent++;
	snprintf(w->error, sizeof(w->error), "%s", error != NULL ? error : "");
}

static void on_ring(void *ctx)
{
	struct world *w = ctx;

	w->rings++;
}

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const struct httpd_opts opts = {
		.max_head = 65536, .max_body = 1 << 20, .max_conns = 10, .on_request = on_request, .ctx = w
	};
	const struct httpc_options options = { NULL };
	struct httpd_listener *listener;
	struct err err = ERR_INIT;

	w->loop = loop_new();
	w->server = httpd_http1_new(w->loop, &opts);
	listener = httpd_listen(w->server, "127.0.0.1", 0, NULL, &err);
	assert_non_null(listener);
	w->client = httpc_new(w->loop, &options, &err);
	assert_non_null(w->client);
	w->want = (struct telemetry_want){ .port = httpd_listener_port(listener), .path = "/" };
	w->sender = telemetry_sender_new(w->loop, w->client, &w->want, TIMEOUT_US, on_sent, w);
	loop_timer_init(&w->timer, on_ring, w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	telemetry_sender_free(w->sender);
	httpc_free(w->client);
	httpd_free(w->server);
	loop_free(w->loop);
	free(w);
	return 0;
}

static void turn_until(struct world *w, const unsigned *counter, unsigned value)
{
	int64_t end_us = clock_mono_us() + PATIENCE_US;

	while (*counter < value) {
		assert_true(clock_mono_us() < end_us);
		assert_int_equal(loop_turn(w->loop, PATIENCE_US), 0);
	}
}

/* A batch is under way and its listener has it. */
static void send_one(struct world *w)
{
	struct blob *body = blob_from_string("[]");

	telemetry_sender_send(w->sender, body);
	blob_unref(body);
	turn_until(w, &w->requests, w->requests + 1);
}

/* Longer than a batch may take. */
static void let_time_pass(struct world *w)
{
	loop_timer_set(w->loop, &w->timer, loop_now_us(w->loop) + 2 * TIMEOUT_US);
	turn_until(w, &w->rings, w->rings + 1);
}

static void test_a_silent_listener(void **state)
{
	struct world *w = *state;

	send_one(w);
	turn_until(w, &w->sent, 1);
	assert_string_equal(w->error, "no answer within 0.300 s");
	turn_until(w, &w->gone, 1);
}

static void test_a_frozen_listener(void **state)
{
	struct world *w = *state;

	send_one(w);
	telemetry_sender_pause(w->sender, true);
	telemetry_sender_pause(w->sender, true);
	let_time_pass(w);
	assert_int_equal(w->sent, 0);
	telemetry_sender_pause(w->sender, false);
	httpd_reply(w->parked, 200, NULL, 0, NULL);
	turn_until(w, &w->sent, 1);
	assert_string_equal(w->error, "");
	let_time_pass(w);
	assert_int_equal(w->sent, 1);
	assert_int_equal(w->requests, 1);
}

static void test_time_goes_on_after_the_thaw(void **state)
{
	struct world *w = *state;

	send_one(w);
	telemetry_sender_pause(w->sender, true);
	let_time_pass(w);
	telemetry_sender_pause(w->sender, false);
	turn_until(w, &w->sent, 1);
	assert_string_equal(w->error, "no answer within 0.300 s");
}

static void test_frozen_between_batches(void **state)
{
	struct world *w = *state;

	telemetry_sender_pause(w->sender, true);
	let_time_pass(w);
	telemetry_sender_pause(w->sender, false);
	assert_int_equal(w->sent, 0);
	send_one(w);
	httpd_reply(w->parked, 200, NULL, 0, NULL);
	turn_until(w, &w->sent, 1);
	assert_string_equal(w->error, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_silent_listener, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_frozen_listener, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_time_goes_on_after_the_thaw, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_frozen_between_batches, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
