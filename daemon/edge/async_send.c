/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of destination is sent, and what it says to that. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "core/async_record.h"
#include "edge/amqp_settings.h"
#include "edge/async_delivery_priv.h"
#include "edge/aws_client.h"
#include "edge/config.h"
#include "edge/sqs.h"
#include "io/amqp.h"
#include "io/appender.h"
#include "io/httpc.h"
#include "loop/mailbox.h"

static const size_t sqs_max = (size_t)1 << 20;

/* --- SQS --- */

static void on_sent(void *ctx, const struct aws_failure *failure, const char *message_id)
{
	struct async_delivery *d = ctx;

	(void)message_id;
	d->aws = NULL;
	if (failure != NULL) {
		delivery_fail(d, failure->transient, failure->message);
	} else {
		delivery_finish(d, true);
	}
}

static void send_to_queue(struct async_delivery *d, const char *url)
{
	char code[16];
	size_t url_len = strlen(url);
	bool fifo = url_len > 5 && strcmp(url + url_len - 5, ".fifo") == 0;
	const struct sqs_attribute attributes[] = {
		{ .name = "RequestID", .type = "String", .value = d->id },
		{ .name = "ErrorCode", .type = "Number", .value = code },
		{ .name = "ErrorMessage", .type = "String", .value = d->error_message },
	};
	/* An attribute must not be empty. */
	size_t count = d->error_message == NULL ? 0 : d->error_message[0] == '\0' ? 2 : 3;
	struct buf text = BUF_INIT;
	struct sqs_send_args args = {
		.queue_url = url,
		.attributes = attributes,
		.attribute_count = count,
		.delay_s = -1,
		.group_id = fifo ? "lambda" : NULL,
		.deduplication_id = fifo ? d->id : NULL,
	};

	snprintf(code, sizeof(code), "%u", d->error_code);
	if (d->body->len > sqs_max) {
		delivery_fail(d, false, "it is larger than 1048576 bytes, which no queue takes");
		return;
	}
	/* Queues take text only; a record is JSON, and so is an event that was meant for AWS. */
	async_record_payload(&text, d->body);
	args.body = text.data;
	args.body_len = text.len;
	d->aws = sqs_send(d->home->sqs, &args, on_sent, d);
	buf_fini(&text);
}

/* All that waited for the URL. */
static void on_url(void *ctx, const struct aws_failure *failure, const char *url)
{
	struct target *g = ctx;
	struct list *pos, *tmp;

	g->call = NULL;
	if (failure == NULL) {
		g->url = xstrdup(url);
	}
	list_foreach_safe(&g->active, pos, tmp) {
		struct async_delivery *d = container_of(pos, struct async_delivery, link);

		if (d->phase != DELIVERY_ACTIVE || d->aws != NULL) {
			continue;
		}
		if (failure != NULL) {
			/* It may be made in the meantime. */
			delivery_fail(d, true, failure->message);
		} else {
			send_to_queue(d, g->url);
		}
	}
}

static void send_to_arn(struct async_delivery *d)
{
	struct target *g = target_of(d);

	/* Elsewhere nobody but the URL says which region is meant. Here whoever stands in for SQS may have other URLs. */
	if (g->url == NULL && strcmp(aws_region(d->home->aws), g->to.region) != 0) {
		g->url = xasprintf("https://sqs.%s.%s/%s/%s", g->to.region, g->to.domain, g->to.account, g->to.text);
	}
	if (g->url != NULL) {
		send_to_queue(d, g->url);
	} else if (g->call == NULL) {
		g->call = sqs_get_queue_url(d->home->sqs, g->to.text, g->to.account, on_url, g);
	}
}

/* --- another function --- */

static void on_invoked(void *ctx, struct httpc_reply *reply)
{
	struct async_delivery *d = ctx;
	char why[64];

	d->http = NULL;
	if (reply->result != HTTPC_OK) {
		delivery_fail(d, reply->result != HTTPC_INVALID, reply->error);
	} else if (reply->status >= 200 && reply->status < 300) {
		delivery_finish(d, true);
	} else {
		snprintf(why, sizeof(why), "it was answered with status %d", reply->status);
		delivery_fail(d, reply->status == 429 || reply->status >= 500, why);
	}
}

static void send_to_function(struct async_delivery *d)
{
	static const char *const headers[] = { "Content-Type: application/json", "X-Amz-Invocation-Type: Event",
					       NULL };
	const struct httpc_request req = {
		.method = "POST",
		.url = target_of(d)->to.text,
		.headers = headers,
		.body = d->body,
	};

	d->http = httpc_start(d->home->http, &req, on_invoked, d);
}

/* --- files --- */

static void on_job(void *ctx, struct append_job *job)
{
	struct async_delivery *d = delivery_find(ctx, (uint64_t)(uintptr_t)job->ctx);

	if (d != NULL && job->error != 0) {
		delivery_fail(d, true, strerror(job->error));
	} else if (d != NULL) {
		delivery_finish(d, true);
	}
}

static void on_files(void *ctx, uint32_t events)
{
	struct async_targets *t = ctx;

	(void)events;
	append_job_each(t->files, on_job, t);
}

/* On one line: in JSON line ends can only be between values, where blanks do as well. */
static void put_line(struct buf *out, const struct blob *text)
{
	size_t start = out->len;

	async_record_payload(out, text);
	for (size_t i = start; i < out->len; i++) {
		if (out->data[i] == '\n' || out->data[i] == '\r') {
			out->data[i] = ' ';
		}
	}
}

static void send_to_file(struct async_delivery *d)
{
	struct append_job *job = append_job_new(APPEND_DATA, target_of(d)->to.text);

	if (d->error_message == NULL) {
		put_line(&job->data, d->body);
	} else {
		buf_printf(&job->data, "{\"RequestID\":\"%s\",\"ErrorCode\":%u,\"ErrorMessage\":", d->id,
			   d->error_code);
		text_json_string(&job->data, d->error_message, strlen(d->error_message));
		buf_puts(&job->data, ",\"event\":");
		put_line(&job->data, d->body);
		buf_putc(&job->data, '}');
	}
	buf_putc(&job->data, '\n');
	/* The spool forgets what is delivered. */
	job->sync = d->home->deps.cfg->async_spool_dir != NULL;
	job->ctx = (void *)(uintptr_t)d->serial;
	appender_send(d->home->appender, job);
}

/* --- AMQP --- */

static void on_broker_mail(void *ctx, struct amqp_mail *m)
{
	struct async_targets *t = ctx;
	struct async_delivery *d = NULL;

	if (m->msg.correlation_id != NULL) {
		d = delivery_find(t, strtoull(m->msg.correlation_id, NULL, 10));
	}
	if (d == NULL) {
		return;
	}
	if (m->kind == AMQP_CONFIRMED) {
		delivery_finish(d, true);
	} else if (m->kind == AMQP_RETURNED) {
		delivery_fail(d, true, "there is no such queue");
	} else if (m->kind == AMQP_REFUSED) {
		delivery_fail(d, false, m->text);
	}
}

static void on_broker(void *ctx, uint32_t events)
{
	struct async_targets *t = ctx;

	(void)events;
	amqp_mail_each(t->broker, on_broker_mail, t);
}

static void send_to_broker(struct async_delivery *d)
{
	struct amqp_mail *m = amqp_mail_new(AMQP_PUBLISH);
	char code[16];

	snprintf(code, sizeof(code), "%u", d->error_code);
	m->mandatory = true;
	m->notify = true;
	m->routing_key = xstrdup(target_of(d)->to.text);
	m->msg.message_id = xstrdup(d->id);
	m->msg.correlation_id = xasprintf("%llu", (unsigned long long)d->serial);
	m->msg.correlation_len = strlen(m->msg.correlation_id);
	m->msg.content_type = xstrdup("application/json");
	m->msg.delivery_mode = 2;
	m->msg.body = blob_ref(d->body);
	if (d->error_message != NULL) {
		amqp_message_add_header(&m->msg, "RequestID", d->id);
		amqp_message_add_header(&m->msg, "ErrorCode", code);
		amqp_message_add_header(&m->msg, "ErrorMessage", d->error_message);
	}
	amqp_publish(d->home->publisher, m);
}

void delivery_send(struct async_delivery *d)
{
	switch (target_of(d)->to.kind) {
	case ASYNC_TO_SQS:
		send_to_queue(d, target_of(d)->to.text);
		break;
	case ASYNC_TO_SQS_ARN:
		send_to_arn(d);
		break;
	case ASYNC_TO_FUNCTION:
		send_to_function(d);
		break;
	case ASYNC_TO_AMQP:
		send_to_broker(d);
		break;
	case ASYNC_TO_FILE:
		send_to_file(d);
		break;
	}
}

/* --- life --- */

static bool any(const struct async_targets *t, enum async_target_kind a, enum async_target_kind b)
{
	for (unsigned i = 0; i < ASYNC_SLOTS; i++) {
		if (t->targets[i].used && (t->targets[i].to.kind == a || t->targets[i].to.kind == b)) {
			return true;
		}
	}
	return false;
}

static int open_aws(struct async_targets *t, struct err *err)
{
	const struct aws_deps deps = {
		.loop = t->deps.loop,
		.children = t->deps.children,
		.guard = t->deps.guard,
		.region = t->deps.cfg->region,
	};

	if (!any(t, ASYNC_TO_SQS, ASYNC_TO_SQS_ARN)) {
		return 0;
	}
	t->aws = aws_new(&deps, err);
	if (t->aws == NULL) {
		return err_wrap(err, "destinations of asynchronous invocations");
	}
	t->sqs = sqs_new(t->aws);
	return 0;
}

static int open_http(struct async_targets *t, struct err *err)
{
	const struct httpc_options options = { .ca_file = NULL };

	if (any(t, ASYNC_TO_FUNCTION, ASYNC_TO_FUNCTION)) {
		t->http = httpc_new(t->deps.loop, &options, err);
		return t->http != NULL ? 0 : -1;
	}
	return 0;
}

static int open_files(struct async_targets *t, struct err *err)
{
	if (!any(t, ASYNC_TO_FILE, ASYNC_TO_FILE)) {
		return 0;
	}
	t->files = mailbox_new();
	if (t->files == NULL || loop_fd_add(t->deps.loop, &t->files_source, mailbox_fd(t->files), EPOLLIN) != 0 ||
	    (t->appender = appender_new(t->files)) == NULL) {
		return err_set(err, 1, "destinations: no thread or mailbox could be made: %s", strerror(errno));
	}
	return 0;
}

static int complain_of_no_broker(const struct async_targets *t, struct err *err)
{
	static const char *const variables[ASYNC_SLOTS] = {
		[ASYNC_ON_SUCCESS] = "ASYNC_ON_SUCCESS",
		[ASYNC_ON_FAILURE] = "ASYNC_ON_FAILURE",
		[ASYNC_DLQ] = "ASYNC_DLQ",
	};
	unsigned i = 0;

	while (!t->targets[i].used || t->targets[i].to.kind != ASYNC_TO_AMQP) {
		i++;
	}
	return err_set(err, 2, "%s=amqp:%s: not allowed without AMQP_URI; expected the broker's URI there",
		       variables[i], t->targets[i].to.text);
}

static int open_broker(struct async_targets *t, struct err *err)
{
	struct amqp_publisher_opts opts = { .name = "asynchronous results" };
	struct amqp_uri uri;

	if (!any(t, ASYNC_TO_AMQP, ASYNC_TO_AMQP)) {
		return 0;
	}
	if (t->deps.cfg->amqp_uri == NULL) {
		return complain_of_no_broker(t, err);
	}
	t->broker = mailbox_new();
	/* For ever: results are kept until they can be delivered, and whether the daemon starts without a broker is for the
	 * bridge to say. The publisher has a copy of its own. */
	uri = t->deps.amqp->uri;
	uri.connection_attempts = UINT_MAX;
	opts.uri = &uri;
	opts.inbox = t->broker;
	if (t->broker == NULL || loop_fd_add(t->deps.loop, &t->broker_source, mailbox_fd(t->broker), EPOLLIN) != 0 ||
	    (t->publisher = amqp_publisher_new(&opts)) == NULL) {
		return err_set(err, 1, "destinations: no thread or mailbox could be made: %s", strerror(errno));
	}
	return 0;
}

int delivery_open(struct async_targets *t, struct err *err)
{
	loop_fd_init(&t->files_source, on_files, t);
	loop_fd_init(&t->broker_source, on_broker, t);
	return open_aws(t, err) == 0 && open_http(t, err) == 0 && open_files(t, err) == 0 && open_broker(t, err) == 0
		       ? 0
		       : -1;
}

static void free_files(struct async_targets *t)
{
	appender_free(t->appender);
	loop_fd_del(t->deps.loop, &t->files_source);
	if (t->files == NULL) {
		return;
	}
	append_job_each(t->files, NULL, NULL);
	mailbox_free(t->files);
}

static void free_broker(struct async_targets *t)
{
	loop_fd_del(t->deps.loop, &t->broker_source);
	if (t->publisher != NULL) {
		amqp_publisher_stop(t->publisher);
	}
	/* What a thread that was left behind borrows has to stay. */
	if (!amqp_publisher_join(t->publisher)) {
		return;
	}
	amqp_publisher_free(t->publisher);
	if (t->broker != NULL) {
		amqp_mail_each(t->broker, NULL, NULL);
		mailbox_free(t->broker);
	}
}

void delivery_close(struct async_targets *t)
{
	for (unsigned i = 0; i < ASYNC_SLOTS; i++) {
		aws_call_cancel(t->targets[i].call);
	}
	free_files(t);
	free_broker(t);
	sqs_free(t->sqs);
	aws_free(t->aws);
	httpc_free(t->http);
}
