/* SPDX-License-Identifier: Apache-2.0 */
/* Requests into events, outcomes into replies. */
#include "edge/amqp_rpc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/function_name.h"
#include "edge/config.h"
#include "edge/event_fields.h"
#include "io/amqp.h"

/* A gateway has told its caller the id already. Correlation ids are no ids of invocations: nothing makes them unique. */
static void take_id(struct event *ev, const char *id)
{
	if (id != NULL && text_is_uuid(id)) {
		memcpy(ev->id, id, UUID_LEN);
	}
}

struct event *amqp_rpc_event(const struct config *cfg, struct amqp_message *m, struct invoke_error *error)
{
	struct event *ev;

	if (m->body == NULL) {
		invoke_error_too_large(error, MAX_REQUEST_BODY);
		return NULL;
	}
	ev = event_new();
	if (event_set_type(ev, amqp_message_header(m, "X-Amz-Invocation-Type"), error) != 0 ||
	    event_set_log_type(ev, amqp_message_header(m, "X-Amz-Log-Type"), error) != 0 ||
	    event_set_client_context(ev, amqp_message_header(m, "X-Amz-Client-Context"), error) != 0 ||
	    event_set_tenant(ev, amqp_message_header(m, "X-Amz-Tenant-Id"), error) != 0) {
		event_unref(ev);
		return NULL;
	}
	take_id(ev, amqp_message_header(m, "x-amzn-RequestId"));
	event_set_trace(ev, amqp_message_header(m, "X-Amzn-Trace-Id"));
	ev->arn = function_arn(cfg->region, cfg->account_id, cfg->function_name, "");
	if (m->body->len == 0) {
		ev->body = blob_static("{}");
	} else {
		ev->body = m->body;
		m->body = NULL;
	}
	return ev;
}

static struct amqp_mail *reply_to(const struct amqp_message *m, const char *type)
{
	struct amqp_mail *r = amqp_mail_new(AMQP_PUBLISH);

	r->routing_key = xstrdup(m->reply_to);
	r->msg.type = xstrdup(type);
	r->msg.delivery_mode = m->delivery_mode;
	if (m->correlation_id != NULL) {
		r->msg.correlation_id = xmemdup(m->correlation_id, m->correlation_len);
		r->msg.correlation_len = m->correlation_len;
	}
	return r;
}

struct amqp_mail *amqp_rpc_reply(const struct config *cfg, const struct amqp_message *m, const struct event *ev,
				 const struct outcome *out)
{
	bool failed = outcome_is_function_error(out->kind);
	struct amqp_mail *r = reply_to(m, failed ? "error" : "response");

	r->msg.content_type = xstrdup(!failed && out->content_type != NULL ? out->content_type : "application/json");
	r->msg.body = blob_ref(out->body);
	amqp_message_add_header(&r->msg, "X-Amz-Function-Error", failed ? "Unhandled" : NULL);
	amqp_message_add_header(&r->msg, "X-Amz-Executed-Version", cfg->version);
	amqp_message_add_header(&r->msg, "x-amzn-RequestId", ev->id);
	if (out->log_tail != NULL) {
		struct buf tail = BUF_INIT;

		text_base64(&tail, out->log_tail->data, out->log_tail->len);
		amqp_message_add_header(&r->msg, "X-Amz-Log-Result", tail.data);
		buf_fini(&tail);
	}
	return r;
}

struct amqp_mail *amqp_rpc_error(const struct amqp_message *m, const struct invoke_error *e)
{
	struct amqp_mail *r = reply_to(m, "error");
	struct buf body = BUF_INIT;

	invoke_error_body(e, &body);
	r->msg.content_type = xstrdup("application/json");
	r->msg.body = buf_to_blob(&body);
	amqp_message_add_header(&r->msg, "x-amzn-ErrorType", e->type);
	return r;
}
