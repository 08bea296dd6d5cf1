/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery of telemetry. */
#include "edge/telemetry_send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/mem.h"
#include "io/httpc.h"
#include "io/tcp_out.h"
#include "loop/loop.h"

struct telemetry_sender {
	struct loop *loop;
	const struct telemetry_want *want;
	int64_t timeout_us;
	telemetry_sent_fn fn;
	void *ctx;
	struct httpc *http;
	struct httpc_call *call; /* under way */
	struct loop_timer timer; /* armed: the call's time runs */
	int64_t end_us;
	int64_t left_us; /* paused: what the call had left */
	bool paused;
	struct tcp_out *tcp;
};

static void on_tcp_end(void *ctx, int error)
{
	struct telemetry_sender *s = ctx;
	char text[96];

	s->fn(s->ctx, error == 0 ? NULL : strerror_r(error, text, sizeof(text)));
}

static void on_timeout(void *ctx)
{
	struct telemetry_sender *s = ctx;
	char text[48];

	httpc_cancel(s->call);
	s->call = NULL;
	snprintf(text, sizeof(text), "no answer within %.3f s", (double)s->timeout_us / 1e6);
	s->fn(s->ctx, text);
}

static void on_reply(void *ctx, struct httpc_reply *reply)
{
	struct telemetry_sender *s = ctx;
	char text[32];
	const char *error = reply->result == HTTPC_OK ? NULL : reply->error;

	s->call = NULL;
	loop_timer_clear(s->loop, &s->timer);
	if (reply->result == HTTPC_OK && reply->status / 100 != 2) {
		snprintf(text, sizeof(text), "HTTP status %d", reply->status);
		error = text;
	}
	s->fn(s->ctx, error);
}

struct telemetry_sender *telemetry_sender_new(struct loop *loop, struct httpc *http,
					      const struct telemetry_want *want, int64_t timeout_us,
					      telemetry_sent_fn fn, void *ctx)
{
	struct telemetry_sender *s = xcalloc(1, sizeof(*s));

	s->loop = loop;
	s->want = want;
	s->timeout_us = timeout_us;
	s->fn = fn;
	s->ctx = ctx;
	s->http = http;
	loop_timer_init(&s->timer, on_timeout, s);
	if (want->tcp) {
		s->tcp = tcp_out_new(loop, want->port, on_tcp_end, s);
	}
	return s;
}

void telemetry_sender_free(struct telemetry_sender *s)
{
	if (s != NULL) {
		httpc_cancel(s->call);
		loop_timer_clear(s->loop, &s->timer);
		tcp_out_free(s->tcp);
		free(s);
	}
}

static void give_time(struct telemetry_sender *s, int64_t us)
{
	s->end_us = loop_now_us(s->loop) + us;
	loop_timer_set(s->loop, &s->timer, s->end_us);
}

void telemetry_sender_pause(struct telemetry_sender *s, bool pause)
{
	if (s->paused == pause) {
		return;
	}
	s->paused = pause;
	if (s->call == NULL) {
		return;
	}
	if (pause) {
		s->left_us = s->end_us - loop_now_us(s->loop);
		loop_timer_clear(s->loop, &s->timer);
	} else {
		give_time(s, s->left_us);
	}
}

static void post(struct telemetry_sender *s, struct blob *body)
{
	char url[sizeof(s->want->path) + 32];
	char host[48];
	/* Without the last one libcurl would ask large batches' listeners for a 100 Continue first, and wait. */
	const char *const headers[] = { host, "Content-Type: application/json", "Expect:", NULL };
	const struct httpc_request req = {
		.method = s->want->put ? "PUT" : "POST",
		.url = url,
		.headers = headers,
		.body = body,
		.timeout_us = HTTPC_NO_TIMEOUT,
		.direct = true,
	};

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", s->want->port, s->want->path);
	snprintf(host, sizeof(host), "Host: sandbox.localdomain:%u", s->want->port);
	s->call = httpc_start(s->http, &req, on_reply, s);
	give_time(s, s->timeout_us);
}

void telemetry_sender_send(struct telemetry_sender *s, struct blob *body)
{
	if (s->tcp != NULL) {
		tcp_out_send(s->tcp, body);
	} else {
		post(s, body);
	}
}
