/* SPDX-License-Identifier: Apache-2.0 */
/* proxy-lambda: the Runtime API and the course of an event. */
#include "edge/proxy_lambda.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/bridge_rules.h"
#include "core/envelope.h"
#include "core/invocation.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "edge/payload.h"
#include "edge/proxy_lambda_priv.h"
#include "edge/sqs.h"
#include "io/httpc.h"

/* /next waits for as long as nobody calls the function; the platform freezes the process meanwhile. */
static const int64_t next_timeout_us = (int64_t)7 * 86400 * 1000 * 1000;
static const int64_t answer_timeout_us = (int64_t)60 * 1000 * 1000;
/* Time to say that there was no response, before the platform ends the function. */
static const int64_t margin_ms = 1000;

static void ask_next(struct proxy_lambda *p);

static void end_event(struct proxy_lambda *p)
{
	proxy_wait_reset(p);
	loop_timer_clear(p->deps.loop, &p->deadline);
	event_unref(p->event);
	p->event = NULL;
	free(p->requests);
	free(p->responses);
	p->requests = NULL;
	p->responses = NULL;
	p->responses_guessed = false;
	p->sent = false;
}

/* --- answers --- */

static void on_answered(void *ctx, struct httpc_reply *reply)
{
	struct proxy_lambda *p = ctx;

	p->runtime_call = NULL;
	if (reply->result != HTTPC_OK) {
		p->deps.failed(p->deps.ctx, reply->error);
		return;
	}
	if (reply->status != 202) {
		log_error("the Runtime API refused an answer status=%d body=%s", reply->status,
			  reply->body.data != NULL ? reply->body.data : "");
	}
	ask_next(p);
}

/* body: moved. */
static void post_answer(struct proxy_lambda *p, const char *kind, const char *error_type, struct blob *body)
{
	char *url = xasprintf("%s/invocation/%s/%s", p->runtime_url, p->event->id, kind);
	char *header = error_type != NULL ? xasprintf("Lambda-Runtime-Function-Error-Type: %s", error_type) : NULL;
	const char *headers[] = { "Content-Type: application/json", header, NULL };
	const struct httpc_request req = {
		.method = "POST",
		.url = url,
		.headers = headers,
		.body = body,
		.timeout_us = answer_timeout_us,
		.direct = true,
	};

	end_event(p);
	p->runtime_call = httpc_start(p->http, &req, on_answered, p);
	blob_unref(body);
	free(header);
	free(url);
}

void proxy_respond(struct proxy_lambda *p, struct blob *body)
{
	log_info("Response: %s", body->data);
	post_answer(p, "response", NULL, body);
}

void proxy_respond_error(struct proxy_lambda *p, const char *type, struct blob *document)
{
	char *own = xstrdup(type);

	log_warn("Error: %s", document->data);
	post_answer(p, "error", own, document);
	free(own);
}

void proxy_fail(struct proxy_lambda *p, const char *type, const char *fmt, ...)
{
	struct buf document = BUF_INIT;
	char text[768];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	buf_printf(&document, "{\"errorType\":\"%s\",\"errorMessage\":", type);
	text_json_string(&document, text, strlen(text));
	buf_puts(&document, ",\"stackTrace\":[]}");
	proxy_respond_error(p, type, buf_to_blob(&document));
}

static void on_deadline(void *ctx)
{
	struct proxy_lambda *p = ctx;

	if (p->response != NULL) {
		proxy_give_response(p);
		return;
	}
	proxy_fail(p, "Proxy.Timeout",
		   p->sent ? "no response came before the function's deadline; the request is on %s, or "
			     "was taken from there and is being worked on"
			   : "the request could not be sent to %s before the function's deadline",
		   p->requests);
}

/* --- sending --- */

static void on_sent(void *ctx, const struct aws_failure *failure, const char *text)
{
	struct proxy_lambda *p = ctx;

	p->call = NULL;
	if (failure != NULL) {
		proxy_fail(p, "Proxy.QueueError", "Failed to send message: %s", failure->message);
		return;
	}
	log_info("request sent message=%s queue=%s", text, p->requests);
	if (p->responses == NULL) {
		proxy_respond(p, blob_static("null"));
		return;
	}
	p->sent = true;
	proxy_wait(p);
}

/* attributes: bytes of the message that are not its body's. */
static struct blob *make_message(struct proxy_lambda *p, size_t attributes)
{
	const struct proxy_settings *s = p->deps.settings;
	const struct envelope_function fn = {
		.name = s->function_name,
		.version = s->version,
		.log_group = s->log_group != NULL ? s->log_group : "",
		.log_stream = s->log_stream != NULL ? s->log_stream : "",
		.memory_mb = (unsigned)s->memory_mb,
	};
	struct buf text = BUF_INIT;
	struct blob *plain, *message;
	size_t packed_len = 0;

	envelope_write(&text, p->event, p->deadline_ms, &fn);
	plain = buf_to_blob(&text);
	message = payload_pack(plain, (size_t)s->max_message - attributes, &packed_len);
	if (message == NULL) {
		proxy_fail(p, "Proxy.RequestTooLarge",
			   "Failed to send message: with %zu bytes, compressed %zu, the event does not fit into a "
			   "message of %llu "
			   "bytes (PROXY_LAMBDA_MAX_MESSAGE)",
			   plain->len + attributes, packed_len + attributes, (unsigned long long)s->max_message);
	}
	blob_unref(plain);
	return message;
}

void proxy_send(struct proxy_lambda *p)
{
	struct blob *message;
	char deadline[24];
	const struct sqs_attribute attributes[] = {
		{ BRIDGE_ATTR_REQUEST, "String", p->event != NULL ? p->event->id : "", 0 },
		{ BRIDGE_ATTR_DEADLINE, "Number", deadline, 0 },
	};
	struct sqs_send_args args = {
		.queue_url = p->requests,
		.attributes = attributes,
		.attribute_count = countof(attributes),
		.delay_s = -1,
	};

	snprintf(deadline, sizeof(deadline), "%lld", (long long)p->deadline_ms);
	message = make_message(p, sqs_attributes_size(attributes, countof(attributes)));
	if (message == NULL) {
		return;
	}
	args.body = message->data;
	args.body_len = message->len;
	if (text_ends(p->requests, ".fifo")) {
		args.group_id = "proxy_lambda";
		args.deduplication_id = p->event->id;
	}
	p->call = sqs_send(p->sqs, &args, on_sent, p);
	blob_unref(message);
}

/* --- the event --- */

static char *queue_url(const struct proxy_lambda *p, const char *configured, const char *name)
{
	char url[256];

	if (configured != NULL) {
		return *configured != '\0' ? xstrdup(configured) : NULL;
	}
	return p->event->arn != NULL && bridge_queue_url(p->event->arn, name, url, sizeof(url)) ? xstrdup(url) : NULL;
}

static void log_event(const struct proxy_lambda *p)
{
	const struct event *ev = p->event;

	log_info("Event: %s", ev->body->data);
	log_info("Context: request_id=%s deadline=%lld invoked_function_arn=%s xray_trace_id=%s client_context=%s "
		 "identity=%s",
		 ev->id, (long long)p->deadline_ms, ev->arn != NULL ? ev->arn : "null",
		 ev->trace_id != NULL ? ev->trace_id : "null",
		 ev->client_context != NULL ? ev->client_context : "null",
		 ev->cognito_identity != NULL ? ev->cognito_identity : "null");
}

static void begin(struct proxy_lambda *p)
{
	const struct proxy_settings *s = p->deps.settings;
	int64_t left_ms = p->deadline_ms - clock_wall_ms();
	struct json_slice json;

	log_event(p);
	/* A quarter of what is left is enough where there is little. */
	left_ms -= left_ms / 4 < margin_ms ? left_ms / 4 : margin_ms;
	loop_timer_set(p->deps.loop, &p->deadline, loop_now_us(p->deps.loop) + left_ms * 1000);
	p->requests = queue_url(p, s->requests, "proxy_lambda_req");
	p->responses = queue_url(p, s->responses, "proxy_lambda_resp");
	p->responses_guessed = s->responses == NULL;
	if (p->requests == NULL) {
		proxy_fail(p, "Proxy.ContextError",
			   "Context error: no request queue: PROXY_LAMBDA_REQ_QUEUE_URL is not set, and %s is not "
			   "the ARN of a "
			   "function",
			   p->event->arn != NULL ? p->event->arn : "nothing");
	} else if (!json_scan_text(p->event->body->data, p->event->body->len, &json)) {
		proxy_fail(p, "Proxy.InvalidEvent",
			   "the event is not JSON, and only JSON can be put into the message");
	} else if (p->responses != NULL) {
		proxy_purge(p);
	} else {
		proxy_send(p);
	}
}

static char *header_of(const struct httpc_reply *reply, const char *name)
{
	const char *value = httpc_header(reply, name);

	return value != NULL && *value != '\0' ? xstrdup(value) : NULL;
}

static void on_next(void *ctx, struct httpc_reply *reply)
{
	struct proxy_lambda *p = ctx;
	const char *id, *deadline;
	uint64_t deadline_ms;

	p->runtime_call = NULL;
	p->asking = false;
	if (reply->result == HTTPC_TIMEOUT) {
		ask_next(p);
		return;
	}
	id = reply->result == HTTPC_OK ? httpc_header(reply, "Lambda-Runtime-Aws-Request-Id") : NULL;
	if (reply->result != HTTPC_OK || reply->status != 200 || id == NULL || strlen(id) >= sizeof(p->event->id)) {
		char text[320];

		snprintf(text, sizeof(text), "the Runtime API gives no event: status=%d %s", reply->status,
			 reply->error);
		p->deps.failed(p->deps.ctx, text);
		return;
	}
	p->event = event_new();
	strcpy(p->event->id, id);
	p->event->arn = header_of(reply, "Lambda-Runtime-Invoked-Function-Arn");
	p->event->trace_id = header_of(reply, "Lambda-Runtime-Trace-Id");
	p->event->client_context = header_of(reply, "Lambda-Runtime-Client-Context");
	p->event->cognito_identity = header_of(reply, "Lambda-Runtime-Cognito-Identity");
	p->event->body = reply->body.len > 0 ? buf_to_blob(&reply->body) : blob_static("null");
	deadline = httpc_header(reply, "Lambda-Runtime-Deadline-Ms");
	if (deadline == NULL || !text_to_u64(deadline, 1, INT64_MAX / 1000, &deadline_ms)) {
		deadline_ms = (uint64_t)clock_wall_ms() + 900 * 1000;
	}
	p->deadline_ms = (int64_t)deadline_ms;
	begin(p);
}

static void ask_next(struct proxy_lambda *p)
{
	char *url;
	struct httpc_request req = {
		.method = "GET",
		.timeout_us = next_timeout_us,
		.max_body = MAX_RESPONSE_BODY,
		.direct = true,
	};

	if (p->draining) {
		p->deps.drained(p->deps.ctx);
		return;
	}
	url = xasprintf("%s/invocation/next", p->runtime_url);
	req.url = url;
	p->asking = true;
	p->runtime_call = httpc_start(p->http, &req, on_next, p);
	free(url);
}

/* --- life --- */

struct proxy_lambda *proxy_lambda_new(const struct proxy_deps *deps, struct err *err)
{
	const struct httpc_options options = { .ca_file = NULL };
	struct proxy_lambda *p = xcalloc(1, sizeof(*p));

	p->deps = *deps;
	loop_timer_init(&p->deadline, on_deadline, p);
	loop_timer_init(&p->retry, on_deadline, p);
	p->runtime_url = xasprintf("http://%s/2018-06-01/runtime", deps->settings->runtime_api);
	p->http = httpc_new(deps->loop, &options, err);
	if (p->http == NULL) {
		proxy_lambda_free(p);
		return NULL;
	}
	p->sqs = sqs_new(deps->aws);
	return p;
}

void proxy_lambda_free(struct proxy_lambda *p)
{
	if (p == NULL) {
		return;
	}
	end_event(p);
	httpc_cancel(p->runtime_call);
	httpc_free(p->http);
	sqs_free(p->sqs);
	free(p->runtime_url);
	free(p);
}

void proxy_lambda_start(struct proxy_lambda *p)
{
	ask_next(p);
}

void proxy_lambda_drain(struct proxy_lambda *p)
{
	p->draining = true;
	if (p->asking) {
		httpc_cancel(p->runtime_call);
		p->runtime_call = NULL;
		p->asking = false;
		p->deps.drained(p->deps.ctx);
	}
}
