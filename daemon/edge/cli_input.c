/* SPDX-License-Identifier: Apache-2.0 */
/* Reading events. */
#include "edge/cli_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "edge/config.h"
#include "loop/loop.h"

static const size_t step = 64 * 1024;

struct cli_input {
	struct loop *loop;
	struct loop_fd source;
	int fd;
	bool own_fd;
	bool always_ready; /* a regular file */
	bool waiting;
	bool stream;
	bool ended;
	bool handed_out; /* the one event */
	int error;
	struct lines lines;
	struct buf whole;
	uint64_t size;
	uint64_t done;
	void (*on_ready)(void *ctx);
	void *ctx;
};

static void stop_waiting(struct cli_input *in)
{
	if (in->waiting) {
		loop_fd_del(in->loop, &in->source);
		in->waiting = false;
	}
}

static void read_some(struct cli_input *in)
{
	struct buf *b = in->stream ? NULL : &in->whole;
	char *room = in->stream ? lines_room(&in->lines, step) : buf_room(b, step);
	ssize_t n = read(in->fd, room, step);

	if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
		return;
	}
	if (n <= 0) {
		in->error = n < 0 ? errno : 0;
		in->ended = true;
		lines_end(&in->lines);
		return;
	}
	in->done += (uint64_t)n;
	if (in->stream) {
		lines_added(&in->lines, (size_t)n);
	} else {
		buf_added(b, (size_t)n);
	}
}

static void on_readable(void *ctx, uint32_t events)
{
	struct cli_input *in = ctx;

	(void)events;
	stop_waiting(in);
	read_some(in);
	in->on_ready(in->ctx);
}

static int open_path(const char *path, bool *own, struct err *err)
{
	int fd = STDIN_FILENO;

	*own = strcmp(path, "-") != 0;
	if (*own) {
		/* A FIFO that nobody writes to yet is opened at once, and read when somebody does. */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd < 0 || fcntl(fd, F_GETFD) < 0) {
		(void)err_set(err, 2, "%.300s: cannot be read: %s", path, strerror(errno));
		return -1;
	}
	return fd;
}

struct cli_input *cli_input_new(struct loop *loop, const char *path, bool stream, void (*on_ready)(void *ctx),
				void *ctx, struct err *err)
{
	struct cli_input *in = xcalloc(1, sizeof(*in));
	struct stat st;

	in->loop = loop;
	in->stream = stream;
	in->on_ready = on_ready;
	in->ctx = ctx;
	loop_fd_init(&in->source, on_readable, in);
	lines_init(&in->lines, MAX_REQUEST_BODY);
	buf_init(&in->whole, 0);
	in->fd = open_path(path, &in->own_fd, err);
	if (in->fd < 0) {
		cli_input_free(in);
		return NULL;
	}
	if (fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode)) {
		in->always_ready = true;
		in->size = (uint64_t)st.st_size;
	} else if (S_ISDIR(st.st_mode)) {
		(void)err_set(err, 2, "%.300s: is a directory; expected a file", path);
		cli_input_free(in);
		return NULL;
	}
	return in;
}

void cli_input_free(struct cli_input *in)
{
	if (in == NULL) {
		return;
	}
	stop_waiting(in);
	lines_fini(&in->lines);
	buf_fini(&in->whole);
	if (in->own_fd && in->fd >= 0) {
		close(in->fd);
	}
	free(in);
}

/* What has been read so far gives an event, or the end. CLI_INPUT_WAIT: it does not. */
static enum cli_input_result look(struct cli_input *in, struct line *out)
{
	if (in->stream) {
		enum lines_result r = lines_next(&in->lines, out);

		if (r != LINES_MORE) {
			return r == LINES_LINE ? CLI_INPUT_EVENT : CLI_INPUT_TOO_LONG;
		}
	} else if (in->whole.len > MAX_REQUEST_BODY) {
		in->ended = true;
		in->handed_out = true;
		buf_clear(&in->whole);
		return CLI_INPUT_TOO_LONG;
	} else if (in->ended && in->error == 0 && !in->handed_out) {
		in->handed_out = true;
		*out = (struct line){ in->whole.data != NULL ? in->whole.data : "", in->whole.len, 1 };
		return CLI_INPUT_EVENT;
	}
	if (in->error != 0) {
		return CLI_INPUT_FAILED;
	}
	return in->ended ? CLI_INPUT_END : CLI_INPUT_WAIT;
}

enum cli_input_result cli_input_next(struct cli_input *in, struct line *out)
{
	enum cli_input_result r = look(in, out);

	while (r == CLI_INPUT_WAIT && in->always_ready) {
		read_some(in);
		r = look(in, out);
	}
	if (r == CLI_INPUT_WAIT && !in->waiting) {
		int added = loop_fd_add(in->loop, &in->source, in->fd, EPOLLIN);

		if (added == -EPERM) {
			/* Such as /dev/null. */
			in->always_ready = true;
			return cli_input_next(in, out);
		}
		in->waiting = added == 0;
		in->error = -added;
		in->ended = added != 0;
		r = added == 0 ? CLI_INPUT_WAIT : CLI_INPUT_FAILED;
	}
	return r;
}

const char *cli_input_error(const struct cli_input *in)
{
	return strerror(in->error);
}

uint64_t cli_input_read(const struct cli_input *in, uint64_t *size)
{
	*size = in->size;
	return in->done;
}
