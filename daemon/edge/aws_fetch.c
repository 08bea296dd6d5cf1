/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching a document with retries. */
#include "edge/aws_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/mem.h"
#include "edge/aws_error.h"
#include "io/httpc.h"
#include "loop/loop.h"

static const size_t max_document = 65536;

struct aws_fetch {
	struct loop *loop;
	struct httpc *http;
	struct aws_fetch_args args;
	char *url;
	char **headers;
	struct httpc_call *call;
	struct loop_timer timer;
	aws_fetch_fn fn;
	void *ctx;
	bool ending;
};

static void free_fetch(struct aws_fetch *f)
{
	httpc_cancel(f->call);
	loop_timer_clear(f->loop, &f->timer);
	for (char **h = f->headers; *h != NULL; h++) {
		explicit_bzero(*h, strlen(*h));
		free(*h);
	}
	free(f->headers);
	free(f->url);
	blob_unref(f->args.body);
	free(f);
}

static void end(struct aws_fetch *f, struct buf *body, const struct err *err)
{
	f->ending = true;
	f->fn(f->ctx, body, err);
	free_fetch(f);
}

static void on_reply(void *ctx, struct httpc_reply *reply)
{
	struct aws_fetch *f = ctx;
	struct err err = ERR_INIT;
	struct aws_error e;

	f->call = NULL;
	if (reply->result == HTTPC_OK && reply->status == 200 && reply->body.len > 0) {
		end(f, &reply->body, NULL);
		return;
	}
	/* A refusal stays one: only what may pass is tried again. */
	f->args.attempts--;
	if (f->args.attempts > 0 && (reply->result != HTTPC_OK || reply->status >= 500 || reply->status == 429)) {
		loop_timer_set(f->loop, &f->timer, loop_now_us(f->loop) + f->args.pause_us);
		return;
	}
	if (reply->result != HTTPC_OK) {
		err_set(&err, 1, "%s", reply->error);
	} else {
		aws_error_parse(&e, reply->body.data != NULL ? reply->body.data : "", reply->body.len,
				httpc_header(reply, "x-amzn-errortype"));
		err_set(&err, 1, "HTTP status %d%s%s%s%s", reply->status, e.code[0] != '\0' ? " " : "", e.code,
			e.message[0] != '\0' ? ": " : "", e.message);
	}
	end(f, NULL, &err);
}

static void attempt(void *ctx)
{
	struct aws_fetch *f = ctx;
	const struct httpc_request req = {
		.method = f->args.method,
		.url = f->url,
		.headers = (const char *const *)f->headers,
		.body = f->args.body,
		.connect_timeout_us = f->args.timeout_us,
		.timeout_us = f->args.timeout_us,
		.max_body = max_document,
		.direct = f->args.direct,
	};

	f->call = httpc_start(f->http, &req, on_reply, f);
}

struct aws_fetch *aws_fetch_start(struct loop *loop, struct httpc *http, const struct aws_fetch_args *args,
				  aws_fetch_fn fn, void *ctx)
{
	struct aws_fetch *f = xcalloc(1, sizeof(*f));
	size_t count = 0;

	f->loop = loop;
	f->http = http;
	f->args = *args;
	f->url = xstrdup(args->url);
	blob_ref(args->body);
	f->fn = fn;
	f->ctx = ctx;
	loop_timer_init(&f->timer, attempt, f);
	while (args->headers != NULL && args->headers[count] != NULL) {
		count++;
	}
	f->headers = xcalloc(count + 1, sizeof(*f->headers));
	for (size_t i = 0; i < count; i++) {
		f->headers[i] = xstrdup(args->headers[i]);
	}
	attempt(f);
	return f;
}

void aws_fetch_stop(struct aws_fetch *f)
{
	if (f != NULL && !f->ending) {
		free_fetch(f);
	}
}
