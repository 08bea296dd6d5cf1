/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes of a runtime's output, lines and frames. */
#include "edge/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/log_frame.h"
#include "io/sink.h"

/* AWS cuts a log event at 256 KiB; a line that never ends must not take memory without bound. */
static const size_t line_max = 256 * 1024;
static const size_t tail_bytes = 4096;

/* How many attached streams output_collect() looks at; what more there are the loop reads. */
#define COLLECTED_MAX 128
/* What a function that connects for ever may take of our descriptors. */
#define ATTACHED_MAX 4096

struct output_tail {
	struct list link; // output::tails
	char id[UUID_LEN];
	struct buf text;
};

static void keep(struct output_tail *t, const char *data, size_t len)
{
	buf_append(&t->text, data, len);
	if (t->text.len > 16 * tail_bytes) {
		buf_consume(&t->text, t->text.len - tail_bytes);
	}
}

static void keep_line(struct output *o, const char *line, size_t len)
{
	struct list *pos;

	list_foreach(&o->tails, pos) {
		struct output_tail *t = container_of(pos, struct output_tail, link);

		if (!o->shared || memmem(line, len, t->id, strlen(t->id)) != NULL) {
			keep(t, line, len);
		}
	}
}

static void keep_lines(struct output *o, const char *text, size_t len)
{
	while (!list_empty(&o->tails) && len > 0) {
		const char *newline = o->shared ? memchr(text, '\n', len) : NULL;
		size_t used = newline != NULL ? (size_t)(newline + 1 - text) : len;

		keep_line(o, text, used);
		text += used;
		len -= used;
	}
}

static void emit(struct output *o, const char *lines, size_t len)
{
	sink_write(o->sink, lines, len);
	keep_lines(o, lines, len);
}

static void tap(const struct output *o, const char *line, size_t len, int64_t wall_ms, bool json)
{
	const struct output_log log = { o->extension, line, len, wall_ms, json };

	o->tap->fn(o->tap->ctx, &log);
}

static bool tapped(const struct output *o)
{
	return o->tap != NULL && o->tap->fn != NULL;
}

static void tap_lines(const struct output *o, const char *text, size_t len)
{
	int64_t now_ms = tapped(o) ? clock_wall_ms() : 0;

	while (tapped(o) && len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t line = newline != NULL ? (size_t)(newline - text) : len;
		size_t used = newline != NULL ? line + 1 : line;

		tap(o, text, line, now_ms, false);
		text += used;
		len -= used;
	}
}

static void tap_frame(const struct output *o, const struct log_frame *f)
{
	if (tapped(o)) {
		int64_t wall_ms = f->time_us != 0 ? (int64_t)(f->time_us / 1000) : clock_wall_ms();

		tap(o, f->message, f->len, wall_ms, !f->text);
	}
}

/* The tails that have the line get its end, too. */
static void end_line(struct output *o, const char *line, size_t len)
{
	struct list *pos;

	list_foreach(&o->tails, pos) {
		struct output_tail *t = container_of(pos, struct output_tail, link);

		if (!o->shared || memmem(line, len, t->id, strlen(t->id)) != NULL) {
			keep(t, "\n", 1);
		}
	}
}

static void emit_line(struct output *o, const char *line, size_t len)
{
	sink_write(o->sink, line, len);
	keep_line(o, line, len);
	if (len == 0 || line[len - 1] != '\n') {
		sink_write(o->sink, "\n", 1);
		end_line(o, line, len);
	}
}

/* Emits every complete line; what is begun stays in p->partial. */
static void take_lines(struct output_pipe *p)
{
	const char *start = p->partial.data;
	const char *end = start + p->partial.len;
	const char *last = p->partial.len > 0 ? memrchr(start, '\n', p->partial.len) : NULL;

	if (last != NULL) {
		emit(p->home, start, (size_t)(last + 1 - start));
		tap_lines(p->home, start, (size_t)(last + 1 - start));
		start = last + 1;
	}
	if ((size_t)(end - start) >= line_max) {
		emit_line(p->home, start, (size_t)(end - start));
		tap_lines(p->home, start, (size_t)(end - start));
		start = end;
	}
	buf_consume(&p->partial, p->partial.len - (size_t)(end - start));
}

static void take_frames(struct output_pipe *p)
{
	size_t done = 0;
	struct log_frame f;
	enum log_frame_result r = LOG_FRAME_MORE;

	while (done < p->partial.len) {
		r = log_frame_decode(p->partial.data + done, p->partial.len - done, &f);
		if (r != LOG_FRAME_OK) {
			break;
		}
		emit_line(p->home, f.message, f.len);
		tap_frame(p->home, &f);
		done += f.consumed;
	}
	buf_consume(&p->partial, done);
	if (r == LOG_FRAME_BAD) {
		/* Something else writes to the descriptor: show it rather than lose it. */
		take_lines(p);
	}
}

static void on_grave(void *ctx)
{
	free(ctx);
}

static void close_pipe(struct output_pipe *p)
{
	if (p->fd < 0) {
		return;
	}
	if (p->partial.len > 0) {
		emit_line(p->home, p->partial.data, p->partial.len);
		tap_lines(p->home, p->partial.data, p->partial.len);
	}
	buf_fini(&p->partial);
	loop_fd_del(p->home->loop, &p->source);
	close(p->fd);
	p->fd = -1;
	if (!list_empty(&p->link)) {
		list_unlink(&p->link);
		p->home->attached_count--;
		loop_defer(p->home->loop, &p->grave, on_grave, p);
	}
}

/* One read. false: nothing is there now. */
static bool read_some(struct output_pipe *p)
{
	static const size_t step = 16 * 1024;
	char *room = buf_room(&p->partial, step);
	ssize_t n = read(p->fd, room, step);

	if (n < 0) {
		return errno == EINTR;
	}
	if (n == 0) {
		close_pipe(p);
		return false;
	}
	buf_added(&p->partial, (size_t)n);
	if (p->frames) {
		take_frames(p);
	} else {
		take_lines(p);
	}
	return true;
}

static void on_readable(void *ctx, uint32_t events)
{
	struct output_pipe *p = ctx;

	(void)events;
	if (sink_full(p->home->sink)) {
		output_pause(p->home, true);
		return;
	}
	(void)read_some(p);
}

static void pipe_init(struct output_pipe *p, struct output *home)
{
	p->home = home;
	p->fd = -1;
	p->frames = false;
	list_init(&p->link);
	buf_init(&p->partial, 0);
	loop_fd_init(&p->source, on_readable, p);
}

void output_init(struct output *o, struct loop *loop, struct sink *sink)
{
	o->loop = loop;
	o->sink = sink;
	o->tap = NULL;
	o->extension = NULL;
	o->shared = false;
	o->attached_count = 0;
	list_init(&o->tails);
	list_init(&o->attached);
	for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
		pipe_init(&o->pipes[i], o);
		o->pipes[i].frames = i == OUTPUT_FRAMES;
	}
}

static int open_pipe(struct output_pipe *p, int *child_end)
{
	int fds[2];
	int r;

	if (pipe2(fds, O_CLOEXEC) != 0) {
		return -errno;
	}
	p->fd = fds[0];
	*child_end = fds[1];
	/* Only our end: the flag belongs to the open file description, and runtimes expect blocking writes. */
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	r = loop_fd_add(p->home->loop, &p->source, p->fd, EPOLLIN);
	return r;
}

int output_open(struct output *o, int child_ends[OUTPUT_STREAMS])
{
	int r = 0;

	for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
		child_ends[i] = -1;
	}
	for (unsigned i = 0; i < OUTPUT_STREAMS && r == 0; i++) {
		r = open_pipe(&o->pipes[i], &child_ends[i]);
	}
	if (r != 0) {
		output_close(o);
	}
	return r;
}

int output_attach(struct output *o, int fd)
{
	struct output_pipe *p;
	int r;

	if (o->attached_count >= ATTACHED_MAX) {
		close(fd);
		return -EMFILE;
	}
	p = xcalloc(1, sizeof(*p));
	pipe_init(p, o);
	p->fd = fd;
	r = loop_fd_add(o->loop, &p->source, fd, EPOLLIN);
	if (r != 0) {
		close(fd);
		free(p);
		return r;
	}
	list_push_back(&o->attached, &p->link);
	o->attached_count++;
	return 0;
}

static void read_all(struct output_pipe *p)
{
	unsigned reads = 64; /* a runtime that never stops writing must not keep the loop */

	while (p->fd >= 0 && reads-- > 0 && !sink_full(p->home->sink) && read_some(p)) {
	}
}

bool output_is_watched(const struct output *o)
{
	return tapped(o) || !list_empty(&o->tails);
}

void output_collect(struct output *o)
{
	struct pollfd fds[OUTPUT_STREAMS + COLLECTED_MAX];
	struct output_pipe *pipes[OUTPUT_STREAMS + COLLECTED_MAX];
	struct list *pos;
	unsigned count = OUTPUT_STREAMS;

	for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
		pipes[i] = &o->pipes[i];
	}
	list_foreach(&o->attached, pos) {
		if (count < countof(pipes)) {
			pipes[count++] = container_of(pos, struct output_pipe, link);
		}
	}
	for (unsigned i = 0; i < count; i++) {
		fds[i].fd = pipes[i]->fd;
		fds[i].events = POLLIN;
		fds[i].revents = 0;
	}
	/* One call for the usual case that nothing was written. */
	if (poll(fds, count, 0) <= 0) {
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		if (fds[i].revents != 0) {
			read_all(pipes[i]);
		}
	}
}

static void end_begun(struct output_pipe *p)
{
	struct pollfd more = { .fd = p->fd, .events = POLLIN };

	if (p->fd < 0 || p->frames || p->partial.len == 0 || poll(&more, 1, 0) != 0) {
		return;
	}
	emit_line(p->home, p->partial.data, p->partial.len);
	tap_lines(p->home, p->partial.data, p->partial.len);
	buf_consume(&p->partial, p->partial.len);
}

void output_end_lines(struct output *o)
{
	struct list *pos;

	for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
		end_begun(&o->pipes[i]);
	}
	list_foreach(&o->attached, pos) {
		end_begun(container_of(pos, struct output_pipe, link));
	}
}

void output_close(struct output *o)
{
	struct list *pos, *tmp;

	output_collect(o);
	list_foreach_safe(&o->attached, pos, tmp) {
		struct output_pipe *p = container_of(pos, struct output_pipe, link);

		read_all(p);
		close_pipe(p);
	}
	for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
		close_pipe(&o->pipes[i]);
	}
}

void output_pause(struct output *o, bool pause)
{
	struct list *pos;

	list_foreach(&o->attached, pos) {
		loop_fd_mod(o->loop, &container_of(pos, struct output_pipe, link)->source, pause ? 0 : EPOLLIN);
	}
	for (unsigned i = 0; i < OUTPUT_STREAMS; i++) {
		if (o->pipes[i].fd >= 0) {
			loop_fd_mod(o->loop, &o->pipes[i].source, pause ? 0 : EPOLLIN);
		}
	}
}

static struct output_tail *find_tail(struct output *o, const char *id)
{
	struct list *pos;

	list_foreach(&o->tails, pos) {
		struct output_tail *t = container_of(pos, struct output_tail, link);

		if (strcmp(t->id, id) == 0) {
			return t;
		}
	}
	return NULL;
}

void output_tail_start(struct output *o, const char *id)
{
	struct output_tail *t = xcalloc(1, sizeof(*t));

	snprintf(t->id, sizeof(t->id), "%s", id);
	buf_init(&t->text, 0);
	list_push_back(&o->tails, &t->link);
}

void output_tail_start_with(struct output *o, const char *id, const char *other)
{
	const struct output_tail *t = find_tail(o, other);

	output_tail_start(o, id);
	if (t != NULL) {
		output_tail_add(o, id, t->text.data, t->text.len);
	}
}

void output_tail_add(struct output *o, const char *id, const char *data, size_t len)
{
	struct output_tail *t = find_tail(o, id);

	if (t != NULL) {
		keep(t, data, len);
	}
}

struct blob *output_tail_take(struct output *o, const char *id)
{
	struct output_tail *t = find_tail(o, id);
	struct blob *taken;

	if (t == NULL) {
		return NULL;
	}
	list_unlink(&t->link);
	if (t->text.len > tail_bytes) {
		buf_consume(&t->text, t->text.len - tail_bytes);
	}
	taken = buf_to_blob(&t->text);
	free(t);
	return taken;
}

void output_fini(struct output *o)
{
	output_close(o);
	while (!list_empty(&o->tails)) {
		struct output_tail *t = list_first(&o->tails, struct output_tail, link);

		list_unlink(&t->link);
		buf_fini(&t->text);
		free(t);
	}
}
