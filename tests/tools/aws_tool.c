/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AWS client layer on standard input and output, for tests. Each line is `NUMBER COMMAND ARGUMENT...`, each answer a
 * JSON line with that number; several may be under way. Ends at the end of the input.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/aws_client.h"
#include "edge/sqs.h"
#include "edge/sts.h"
#include "io/child.h"
#include "io/guard.h"
#include "loop/loop.h"
#include "loop/signals.h"

#define MAX_WORDS 16

struct tool {
	struct loop *loop;
	struct guard *guard;
	struct children *children;
	struct signals *signals;
	struct aws *aws;
	struct sqs *sqs;
	struct loop_fd input;
	struct buf lines;
	struct list tasks; // task::link
};

struct task {
	struct tool *tool;
	struct list link;
	char *number;
	struct aws_wait wait;
	struct aws_call *call;
};

/* --- answers --- */

static void put(struct buf *line, const char *name, const char *value)
{
	buf_printf(line, ",\"%s\":", name);
	if (value != NULL) {
		text_json_string(line, value, strlen(value));
	} else {
		buf_puts(line, "null");
	}
}

static void begin_answer(const struct task *t, struct buf *line)
{
	buf_printf(line, "{\"number\":%s", t->number);
}

static void end_answer(struct task *t, struct buf *line)
{
	buf_puts(line, "}\n");
	fwrite(line->data, 1, line->len, stdout);
	fflush(stdout);
	buf_fini(line);
	list_unlink(&t->link);
	list_unlink(&t->wait.link);
	free(t->number);
	free(t);
}

static void answer_failure(struct task *t, const struct aws_failure *f)
{
	static const char *const troubles[] = { "refused", "unreachable", "no credentials", "bad reply" };
	struct buf line = BUF_INIT;

	begin_answer(t, &line);
	put(&line, "trouble", troubles[f->trouble]);
	put(&line, "code", f->code);
	put(&line, "message", f->message);
	buf_printf(&line, ",\"status\":%d,\"transient\":%s,\"maybe_done\":%s", f->status,
		   f->transient ? "true" : "false", f->maybe_done ? "true" : "false");
	end_answer(t, &line);
}

static void answer_text(struct task *t, const char *name, const char *value)
{
	struct buf line = BUF_INIT;

	begin_answer(t, &line);
	put(&line, name, value);
	end_answer(t, &line);
}

static void on_simple(void *ctx, const struct aws_failure *f, const char *text)
{
	if (f != NULL) {
		answer_failure(ctx, f);
	} else {
		answer_text(ctx, "text", text);
	}
}

static void on_identity(void *ctx, const char *arn, const struct err *err)
{
	answer_text(ctx, arn != NULL ? "arn" : "error", arn != NULL ? arn : err->msg);
}

static void on_credentials(void *ctx, struct aws_credentials *creds, const struct err *err)
{
	struct buf line = BUF_INIT;

	if (creds == NULL) {
		answer_text(ctx, "error", err->msg);
		return;
	}
	begin_answer(ctx, &line);
	put(&line, "access_key_id", creds->access_key_id);
	put(&line, "secret", creds->secret);
	put(&line, "token", creds->token);
	put(&line, "source", creds->source);
	buf_printf(&line, ",\"expires_ms\":%lld", (long long)creds->expires_ms);
	end_answer(ctx, &line);
}

static void put_attributes(struct buf *line, const char *name, const struct sqs_attribute *list, size_t count)
{
	buf_printf(line, ",\"%s\":{", name);
	for (size_t i = 0; i < count; i++) {
		buf_puts(line, i > 0 ? "," : "");
		text_json_string(line, list[i].name, strlen(list[i].name));
		buf_puts(line, ":[");
		text_json_string(line, list[i].type, strlen(list[i].type));
		buf_puts(line, ",\"");
		text_base64(line, list[i].value, list[i].value_len);
		buf_puts(line, "\"]");
	}
	buf_putc(line, '}');
}

static void on_messages(void *ctx, const struct aws_failure *f, const struct sqs_message *messages, size_t count)
{
	struct buf line = BUF_INIT;

	if (f != NULL) {
		answer_failure(ctx, f);
		return;
	}
	begin_answer(ctx, &line);
	buf_puts(&line, ",\"messages\":[");
	for (size_t i = 0; i < count; i++) {
		const struct sqs_message *m = &messages[i];

		buf_puts(&line, i > 0 ? ",{\"body\":" : "{\"body\":");
		text_json_string(&line, m->body->data, m->body->len);
		put(&line, "id", m->id);
		put(&line, "receipt", m->receipt);
		put(&line, "md5", m->md5);
		put(&line, "attributes_md5", m->attributes_md5);
		put_attributes(&line, "attributes", m->attributes, m->attribute_count);
		put_attributes(&line, "system", m->system, m->system_count);
		buf_putc(&line, '}');
	}
	buf_putc(&line, ']');
	end_answer(ctx, &line);
}

static void on_attributes(void *ctx, const struct aws_failure *f, const struct sqs_queue_attributes *a)
{
	struct buf line = BUF_INIT;

	if (f != NULL) {
		answer_failure(ctx, f);
		return;
	}
	begin_answer(ctx, &line);
	put(&line, "arn", a->arn);
	buf_printf(&line, ",\"visibility\":%u,\"max_bytes\":%u,\"fifo\":%s", a->visibility_s, a->max_message_bytes,
		   a->fifo ? "true" : "false");
	end_answer(ctx, &line);
}

static void on_batch(void *ctx, const struct aws_failure *f, const bool *failed, size_t count)
{
	struct buf line = BUF_INIT;

	if (f != NULL) {
		answer_failure(ctx, f);
		return;
	}
	begin_answer(ctx, &line);
	buf_puts(&line, ",\"failed\":[");
	for (size_t i = 0; i < count; i++) {
		buf_printf(&line, "%s%s", i > 0 ? "," : "", failed[i] ? "true" : "false");
	}
	buf_putc(&line, ']');
	end_answer(ctx, &line);
}

/* --- commands --- */

static void read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (f == NULL) {
		fprintf(stderr, "aws_tool: %s cannot be opened\n", path);
		exit(2);
	}
	do {
		n = fread(buf_room(out, 65536), 1, 65536, f);
		buf_added(out, n);
	} while (n > 0);
	fclose(f);
}

/* send URL FILE GROUP|- DEDUPLICATION|- [NAME TYPE VALUE]... */
static struct aws_call *send_message(struct task *t, char **words, size_t count)
{
	struct sqs_attribute attributes[4];
	struct sqs_send_args args = { .queue_url = words[0], .delay_s = -1, .attributes = attributes };
	struct buf body = BUF_INIT;
	struct aws_call *call;

	read_file(words[1], &body);
	args.body = body.data != NULL ? body.data : "";
	args.body_len = body.len;
	args.group_id = strcmp(words[2], "-") != 0 ? words[2] : NULL;
	args.deduplication_id = strcmp(words[3], "-") != 0 ? words[3] : NULL;
	for (size_t i = 4; i + 2 < count && args.attribute_count < 4; i += 3) {
		attributes[args.attribute_count++] = (struct sqs_attribute){ words[i], words[i + 1], words[i + 2],
									     strlen(words[i + 2]) };
	}
	call = sqs_send(t->tool->sqs, &args, on_simple, t);
	buf_fini(&body);
	return call;
}

/* receive URL MAX WAIT VISIBILITY */
static struct aws_call *receive(struct task *t, char **words)
{
	const struct sqs_receive_args args = {
		.queue_url = words[0],
		.max = (unsigned)atoi(words[1]),
		.wait_s = (unsigned)atoi(words[2]),
		.visibility_s = atoi(words[3]),
	};

	return sqs_receive(t->tool->sqs, &args, on_messages, t);
}

static struct aws_call *start_call(struct task *t, const char *command, char **words, size_t count)
{
	struct sqs *sqs = t->tool->sqs;

	if (strcmp(command, "whoami") == 0) {
		return sts_get_caller_identity(aws_caller_of(t->tool->aws), on_identity, t);
	}
	if (strcmp(command, "send") == 0 && count >= 4) {
		return send_message(t, words, count);
	}
	if (strcmp(command, "receive") == 0 && count == 4) {
		return receive(t, words);
	}
	if (strcmp(command, "delete") == 0 && count == 2) {
		return sqs_delete(sqs, words[0], words[1], on_simple, t);
	}
	if (strcmp(command, "delete-batch") == 0 && count >= 2) {
		return sqs_delete_batch(sqs, words[0], (const char *const *)words + 1, count - 1, on_batch, t);
	}
	if (strcmp(command, "visibility") == 0 && count == 3) {
		return sqs_change_visibility(sqs, words[0], words[1], (unsigned)atoi(words[2]), on_simple, t);
	}
	if (strcmp(command, "purge") == 0 && count == 1) {
		return sqs_purge(sqs, words[0], on_simple, t);
	}
	if (strcmp(command, "url") == 0 && count == 1) {
		return sqs_get_queue_url(sqs, words[0], NULL, on_simple, t);
	}
	if (strcmp(command, "attributes") == 0 && count == 1) {
		return sqs_get_attributes(sqs, words[0], on_attributes, t);
	}
	fprintf(stderr, "aws_tool: unknown command %s\n", command);
	exit(2);
}

static struct task *find_task(struct tool *tool, const char *number)
{
	struct list *pos;

	list_foreach(&tool->tasks, pos) {
		struct task *t = container_of(pos, struct task, link);

		if (strcmp(t->number, number) == 0) {
			return t;
		}
	}
	return NULL;
}

static void cancel(struct tool *tool, const char *number)
{
	struct task *t = find_task(tool, number);

	if (t != NULL) {
		aws_call_cancel(t->call);
		answer_text(t, "error", "cancelled");
	}
}

static void on_line(struct tool *tool, char *line)
{
	char *words[MAX_WORDS];
	size_t count = 0;
	struct task *t;
	char *rest;

	for (char *w = strtok_r(line, " ", &rest); w != NULL && count < MAX_WORDS; w = strtok_r(NULL, " ", &rest)) {
		words[count++] = w;
	}
	if (count < 2) {
		return;
	}
	if (strcmp(words[1], "cancel") == 0) {
		cancel(tool, words[2]);
		return;
	}
	t = xcalloc(1, sizeof(*t));
	t->tool = tool;
	t->number = xstrdup(words[0]);
	t->wait.fn = on_credentials;
	t->wait.ctx = t;
	list_init(&t->wait.link);
	list_push_back(&tool->tasks, &t->link);
	if (strcmp(words[1], "credentials") == 0) {
		aws_get_credentials(tool->aws, &t->wait);
	} else {
		t->call = start_call(t, words[1], words + 2, count - 2);
	}
}

static void on_input(void *ctx, uint32_t events)
{
	struct tool *tool = ctx;
	char *room = buf_room(&tool->lines, 65536);
	ssize_t n = read(STDIN_FILENO, room, 65536);
	char *end;

	(void)events;
	if (n <= 0) {
		loop_stop(tool->loop);
		return;
	}
	buf_added(&tool->lines, (size_t)n);
	while ((end = memchr(tool->lines.data, '\n', tool->lines.len)) != NULL) {
		*end = '\0';
		on_line(tool, tool->lines.data);
		buf_consume(&tool->lines, (size_t)(end - tool->lines.data) + 1);
	}
}

static void on_signal(void *ctx, int signo)
{
	struct tool *tool = ctx;

	if (signo == SIGCHLD) {
		children_reap(tool->children);
	} else {
		loop_stop(tool->loop);
	}
}

static int run(struct tool *tool)
{
	struct aws_deps deps = { 0 };
	struct err err = ERR_INIT;

	tool->loop = loop_new();
	tool->children = children_new(tool->loop, guard_pid(tool->guard));
	tool->signals = signals_new(tool->loop, on_signal, tool);
	deps.loop = tool->loop;
	deps.children = tool->children;
	deps.guard = tool->guard;
	tool->aws = aws_new(&deps, &err);
	if (tool->aws == NULL) {
		fprintf(stderr, "aws_tool: %s\n", err.msg);
		return err.code;
	}
	tool->sqs = sqs_new(tool->aws);
	loop_fd_init(&tool->input, on_input, tool);
	if (loop_fd_add(tool->loop, &tool->input, STDIN_FILENO, EPOLLIN) != 0) {
		fprintf(stderr, "aws_tool: standard input cannot be waited for; expected a pipe\n");
		return 2;
	}
	printf("{\"region\":\"%s\"}\n", aws_region(tool->aws));
	fflush(stdout);
	return loop_run(tool->loop) == 0 ? 0 : 1;
}

int main(void)
{
	struct tool tool = { .loop = NULL };
	struct list *pos, *tmp;
	int status;

	signals_block();
	log_setup(LOG_TRACE, false);
	list_init(&tool.tasks);
	tool.guard = guard_start();
	status = run(&tool);
	loop_fd_del(tool.loop, &tool.input);
	sqs_free(tool.sqs);
	aws_free(tool.aws);
	list_foreach_safe(&tool.tasks, pos, tmp) {
		struct task *t = container_of(pos, struct task, link);

		free(t->number);
		free(t);
	}
	buf_fini(&tool.lines);
	children_finish(tool.children);
	children_free(tool.children);
	signals_free(tool.signals);
	loop_free(tool.loop);
	guard_stop(tool.guard);
	return status;
}
