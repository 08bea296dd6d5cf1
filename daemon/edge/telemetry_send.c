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

/* A listener that does not answer gets the next try after this; what happens meanwhile waits in bounded memory. */
static const int64_t timeout_us = 30 * 1000 * 1000;

struct telemetry_sender {
	const struct telemetry_want *want;
	telemetry_sent_fn fn;
	void *ctx;
	struct httpc *http;
	struct httpc_call *call; /* under way */
	struct tcp_out *tcp;
};

static void on_tcp_end(void *ctx, int error)
{
	struct telemetry_sender *s = ctx;
	char text[96];

	s->fn(s->ctx, error == 0 ? NULL : strerror_r(error, text, sizeof(text)));
}

static void on_reply(void *ctx, struct httpc_reply *reply)
{
	struct telemetry_sender *s = ctx;
	char text[32];
	const char *error = reply->result == HTTPC_OK ? NULL : reply->error;

	s->call = NULL;
	if (reply->result == HTTPC_OK && reply->status / 100 != 2) {
		snprintf(text, sizeof(text), "HTTP status %d", reply->status);
		error = text;
	}
	s->fn(s->ctx, error);
}

struct telemetry_sender *telemetry_sender_new(struct loop *loop, struct httpc *http,
					      const struct telemetry_want *want, telemetry_sent_fn fn, void *ctx)
{
	struct telemetry_sender *s = xcalloc(1, sizeof(*s));

	s->want = want;
	s->fn = fn;
	s->ctx = ctx;
	s->http = http;
	if (want->tcp) {
		s->tcp = tcp_out_new(loop, want->port, on_tcp_end, s);
	}
	return s;
}

void telemetry_sender_free(struct telemetry_sender *s)
{
	if (s != NULL) {
		httpc_cancel(s->call);
		tcp_out_free(s->tcp);
		free(s);
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
		.timeout_us = timeout_us,
		.direct = true,
	};

	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", s->want->port, s->want->path);
	snprintf(host, sizeof(host), "Host: sandbox.localdomain:%u", s->want->port);
	s->call = httpc_start(s->http, &req, on_reply, s);
}

void telemetry_sender_send(struct telemetry_sender *s, struct blob *body)
{
	if (s->tcp != NULL) {
		tcp_out_send(s->tcp, body);
	} else {
		post(s, body);
	}
}
