/* SPDX-License-Identifier: Apache-2.0 */
/* Responses that are streamed, and errors that come late. */
#include "edge/runtime_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/stream_error.h"
#include "edge/api_reply.h"
#include "edge/config.h"
#include "io/httpd.h"
#include "loop/loop.h"

static const size_t type_max = 1024;

/* A /response whose body is on its way. */
struct stream {
	struct upload upload;
	struct loop *loop;
	struct dispatch *dispatch;
	struct instance *inst;
	struct httpd_req *req;
	struct stream_error error;
	bool over; /* the event has ended otherwise: what still comes is thrown away */
	char id[UUID_LEN];
};

bool runtime_stream_is_meant(const struct httpd_req *req)
{
	const char *mode = httpd_req_header(req, "Lambda-Runtime-Function-Response-Mode");

	if (mode != NULL) {
		return strcmp(mode, "streaming") == 0;
	}
	/* AWS's client for Go streams what its handler reads from, and does not say so. */
	return httpd_req_header(req, "Transfer-Encoding") != NULL;
}

/* --- late errors --- */

void late_error_set(struct late_error *e, const char *type, const char *body, struct answer *a)
{
	a->kind = OUTCOME_ERROR;
	a->content_type = JSON_TYPE;
	if (body == NULL || !text_unbase64(&e->document, body, strlen(body))) {
		buf_puts(&e->document, body != NULL ? body : "");
	}
	fault_normalise_type(type, e->type, sizeof(e->type));
	a->error_type = e->type;
	blob_unref(a->body);
	a->body = buf_to_blob(&e->document);
}

bool late_error_in_trailers(struct late_error *e, const struct httpd_req *req, struct answer *a)
{
	const char *type = httpd_req_trailer(req, "Lambda-Runtime-Function-Error-Type");

	if (type == NULL || *type == '\0') {
		return false;
	}
	late_error_set(e, type, httpd_req_trailer(req, "Lambda-Runtime-Function-Error-Body"), a);
	return true;
}

bool late_error_in_body(struct late_error *e, struct answer *a)
{
	const char *data = a->body->data;
	size_t len = a->body->len;
	const char *type, *body;
	struct stream_error se;
	bool found;

	stream_error_init(&se);
	stream_error_pass(&se, &data, &len);
	found = stream_error_end(&se, &type, &body, &data, &len);
	if (found) {
		late_error_set(e, type, body, a);
	}
	stream_error_fini(&se);
	return found;
}

/* --- the stream --- */

static void stream_free(struct stream *s)
{
	stream_error_fini(&s->error);
	free(s);
}

static void on_pause(struct upload *u, bool paused)
{
	httpd_req_pause(container_of(u, struct stream, upload)->req, paused);
}

static void on_over(struct upload *u)
{
	struct stream *s = container_of(u, struct stream, upload);

	s->over = true;
	httpd_req_pause(s->req, false);
}

static const struct upload_ops upload_ops = { .pause = on_pause, .over = on_over };

/* false: the request was answered, s is gone. */
static bool pass(struct stream *s, const char *data, size_t len)
{
	struct httpd_req *req = s->req;
	char text[80];

	if (len == 0 || dispatch_piece(s->dispatch, &s->upload, data, len, loop_now_us(s->loop))) {
		return true;
	}
	stream_free(s);
	snprintf(text, sizeof(text), "Exceeded maximum allowed payload size (%zu bytes).", MAX_RESPONSE_STREAM);
	api_reply_error(req, 413, "RequestEntityTooLarge", text);
	return false;
}

static void on_piece(void *owner, const char *data, size_t len)
{
	struct stream *s = owner;

	if (!s->over) {
		stream_error_pass(&s->error, &data, &len);
		(void)pass(s, data, len);
	}
}

static void finish(struct stream *s, const struct answer *a)
{
	dispatch_finish(s->dispatch, &s->upload, a, loop_now_us(s->loop));
}

static void finish_truncated(struct stream *s)
{
	const struct answer a = {
		.kind = OUTCOME_INVALID,
		.error_type = FAULT_TRUNCATED,
		.error_text = RUNTIME_TRUNCATED_TEXT,
	};

	finish(s, &a);
}

/* The whole body was read. */
static void on_whole(struct stream *s)
{
	struct answer a = { .kind = OUTCOME_RESPONSE };
	struct httpd_req *req = s->req;
	struct late_error late = { .document = BUF_INIT };
	const char *type, *body, *data;
	size_t len;

	if (stream_error_end(&s->error, &type, &body, &data, &len)) {
		late_error_set(&late, type, body, &a);
	} else if (!pass(s, data, len)) {
		return;
	} else {
		(void)late_error_in_trailers(&late, req, &a);
	}
	finish(s, &a);
	blob_unref(a.body);
	stream_free(s);
	api_reply_accepted(req);
}

static void on_end(void *owner)
{
	struct stream *s = owner;
	struct httpd_req *req = s->req;

	if (s->over) {
		bool late = dispatch_was_late(s->inst, s->id);

		stream_free(s);
		if (late) {
			api_reply_error(req, 410, "InvokeTimeout", "Invoke timeout");
		} else {
			api_reply_error(req, 400, "InvalidRequestID", "Invalid request ID");
		}
	} else if (httpd_req_body_state(req) == HTTPD_BODY_TRUNCATED) {
		finish_truncated(s);
		stream_free(s);
		api_reply_error(req, 400, "TruncatedHTTPRequest", "HTTP request detected as truncated");
	} else {
		on_whole(s);
	}
}

static void on_gone(void *owner)
{
	struct stream *s = owner;

	if (!s->over) {
		finish_truncated(s);
	}
	stream_free(s);
}

static const struct httpd_stream_ops stream_ops = { .piece = on_piece, .end = on_end };

const char *runtime_content_type(const struct httpd_req *req)
{
	const char *type = httpd_req_header(req, "Content-Type");

	return type == NULL || strlen(type) <= type_max ? type : RUNTIME_OCTETS_TYPE;
}

void runtime_stream_begin(struct loop *loop, struct dispatch *d, struct instance *inst, struct httpd_req *req,
			  const char *id)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->upload.ops = &upload_ops;
	s->loop = loop;
	s->dispatch = d;
	s->inst = inst;
	s->req = req;
	snprintf(s->id, sizeof(s->id), "%s", id);
	stream_error_init(&s->error);
	httpd_req_own(req, s, on_gone);
	httpd_req_stream(req, &stream_ops);
	dispatch_begin(d, inst, id, &s->upload, runtime_content_type(req), loop_now_us(loop));
}
