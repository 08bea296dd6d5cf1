/* SPDX-License-Identifier: Apache-2.0 */
/* credential_process: a command whose output is a document with credentials. Its stderr is ours. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/aws_profile.h"
#include "edge/aws_credentials.h"
#include "edge/aws_source.h"
#include "edge/config.h"
#include "io/child.h"
#include "io/guard.h"
#include "io/json.h"
#include "loop/loop.h"

static const int64_t patience_us = 60 * 1000 * 1000; /* for a token that has to be touched, a browser that opens */
static const size_t max_output = 65536;

struct process {
	struct aws_source source;
	struct loop *loop;
	struct guard *guard;
	struct child child;
	int fd; /* its stdout */
	struct loop_fd src;
	struct loop_timer timer;
	struct buf output;
	struct err err;
	bool ended; /* the output, or our interest in it */
	bool too_late;
};

static void free_process(struct process *p)
{
	loop_fd_del(p->loop, &p->src);
	loop_timer_clear(p->loop, &p->timer);
	if (p->fd >= 0) {
		close(p->fd);
	}
	if (p->output.data != NULL) {
		explicit_bzero(p->output.data, p->output.cap);
	}
	buf_fini(&p->output);
	free(p);
}

static void stop(struct aws_source *s)
{
	struct process *p = container_of(s, struct process, source);
	pid_t pid = p->child.pid;

	child_abandon(&p->child);
	if (pid != 0) {
		guard_unwatch(p->guard, pid);
	}
	free_process(p);
}

static void end(struct process *p, struct aws_credentials *creds, struct err *err)
{
	if (creds == NULL) {
		err_wrap(err, "credential_process");
	}
	p->source.fn(p->source.ctx, creds, err);
	free_process(p);
}

static void read_some(struct process *p)
{
	ssize_t n;
	char *room;

	do {
		room = buf_room(&p->output, 4096);
		n = room != NULL ? read(p->fd, room, 4096) : 0;
		if (n > 0) {
			buf_added(&p->output, (size_t)n);
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n == 0) {
		p->ended = true;
		loop_fd_del(p->loop, &p->src);
	}
}

static void on_output(void *ctx, uint32_t events)
{
	(void)events;
	read_some(ctx);
}

static struct aws_credentials *read_document(const struct buf *output, struct err *err)
{
	struct json *doc = output->len > 0 ? json_doc_read(output->data, output->len) : NULL;
	struct aws_credentials *creds = NULL;
	int64_t version;

	if (doc == NULL) {
		err_set(err, 1, "its output is not JSON");
	} else if (!json_integer_of(json_member(doc, "Version"), &version) || version != 1) {
		err_set(err, 1, "its output has no \"Version\": 1");
	} else {
		creds = aws_credentials_from_json(doc, "SessionToken", "credential_process", err);
	}
	json_doc_wipe(doc);
	return creds;
}

static void on_ended(struct child *c, const struct child_exit *ex)
{
	struct process *p = container_of(c, struct process, child);
	struct err err = ERR_INIT;
	struct aws_credentials *creds = NULL;

	guard_unwatch(p->guard, ex->pid);
	/* What it has written is in the pipe now, whoever else may still hold the other end. */
	if (!p->ended) {
		read_some(p);
	}
	if (p->too_late) {
		err_set(&err, 1, "it did not end within %d s", (int)(patience_us / 1000000));
	} else if (ex->signaled) {
		err_set(&err, 1, "it was ended by signal %d", ex->code);
	} else if (ex->code != 0) {
		err_set(&err, 1, "it ended with status %d", ex->code);
	} else {
		creds = read_document(&p->output, &err);
	}
	end(p, creds, &err);
	aws_credentials_unref(creds);
}

static void on_timer(void *ctx)
{
	struct process *p = ctx;

	if (p->child.pid == 0) {
		end(p, NULL, &p->err);
		return;
	}
	p->too_late = true;
	child_stop(&p->child, 0);
}

/* Our environment without what is ours alone. Borrowed strings in an owned array. */
static char **make_environment(void)
{
	size_t count = 0;
	size_t kept = 0;
	char **out;

	while (environ[count] != NULL) {
		count++;
	}
	out = xcalloc(count + 1, sizeof(*out));
	for (size_t i = 0; i < count; i++) {
		if (!config_is_private(environ[i], strcspn(environ[i], "="))) {
			out[kept++] = environ[i];
		}
	}
	return out;
}

static int spawn(struct process *p, struct children *children, char **words, struct err *err)
{
	char **env = make_environment();
	struct child_spec spec = { .argv = words, .envp = env, .fds = { -1, -1, STDERR_FILENO, -1 } };
	int pipe_fds[2] = { -1, -1 };
	char nobody[UUID_LEN];
	int r;

	if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
		free(env);
		return err_set(err, 1, "pipe: %s", strerror(errno));
	}
	p->fd = pipe_fds[0];
	spec.fds[1] = pipe_fds[1];
	r = child_spawn(children, &p->child, &spec);
	close(pipe_fds[1]);
	free(env);
	if (r != 0) {
		return err_set(err, 1, "%.100s: %s", words[0], strerror(-r));
	}
	/* The group alone: no process has this in its environment. */
	text_uuid(nobody);
	guard_watch(p->guard, p->child.pid, nobody);
	return 0;
}

static int start(struct process *p, const struct aws_source_deps *deps, const char *command)
{
	char **words;
	int r;

	if (deps->children == NULL) {
		return err_set(&p->err, 2, "this program does not run commands");
	}
	words = aws_words_split(command);
	if (words == NULL) {
		return err_set(&p->err, 2, "no command, or a quote that is not closed");
	}
	r = spawn(p, deps->children, words, &p->err);
	free(words[0]);
	free(words);
	if (r != 0) {
		return r;
	}
	if (fcntl(p->fd, F_SETFL, O_NONBLOCK) != 0 || loop_fd_add(p->loop, &p->src, p->fd, EPOLLIN) != 0) {
		log_warn("the output of credential_process cannot be watched errno=%d", errno);
	}
	return 0;
}

struct aws_source *aws_source_process(const struct aws_source_deps *deps, const char *command, aws_source_fn fn,
				      void *ctx)
{
	struct process *p = xcalloc(1, sizeof(*p));
	int64_t now_us = loop_now_us(deps->loop);

	p->source = (struct aws_source){ stop, fn, ctx };
	p->loop = deps->loop;
	p->guard = deps->guard;
	p->fd = -1;
	buf_init(&p->output, max_output);
	child_init(&p->child, on_ended);
	loop_fd_init(&p->src, on_output, p);
	loop_timer_init(&p->timer, on_timer, p);
	loop_timer_set(p->loop, &p->timer, start(p, deps, command) == 0 ? now_us + patience_us : now_us);
	return &p->source;
}
