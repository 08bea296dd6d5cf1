/* SPDX-License-Identifier: Apache-2.0 */
/* Queued, never blocking output. */
#include "io/sink.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tty.h"
#include "loop/loop.h"

/* Function output stops being read at the first; reports, which nobody can hold back, are dropped at the second. */
static const size_t full_bytes = 1 << 20;
static const size_t drop_bytes = 8 << 20;

struct sink {
	struct loop *loop;
	int fd;
	int tty; /* of our own, which fd then is; -1 = none */
	struct buf queue;
	struct loop_hook hook;
	struct loop_fd source;
	bool waiting;	   /* on EPOLLOUT */
	bool broken;	   /* nobody reads any more: output is thrown away */
	bool always_ready; /* a regular file: epoll does not take it */
	bool told_full;
	bool may_have_gaps;
	bool mid_line; /* is where the last write ended */
	bool torn;     /* the rest of a line was dropped */
	uint64_t lost; /* to a full disk, since it is full */
	bool status;   /* is what stands last */
	uint64_t dropped;
	void (*on_space)(void *ctx);
	void *ctx;
};

static bool writable_now(const struct sink *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	return s->always_ready || (poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR | POLLHUP)) != 0);
}

static void count_written(struct sink *s, char last)
{
	s->mid_line = last != '\n';
	if (s->lost > 0) {
		log_warn("stdout takes output again, dropped bytes=%llu", (unsigned long long)s->lost);
		s->lost = 0;
	}
}

/* A disk is full for a while only: what comes later is tried again. */
static bool drops_for_now(struct sink *s, int errnum, size_t len)
{
	if (!s->may_have_gaps || (errnum != ENOSPC && errnum != EDQUOT)) {
		return false;
	}
	if (s->lost == 0) {
		log_warn("stdout has no space left, output is dropped until it has errno=%d", errnum);
	}
	s->lost += len;
	s->torn = s->mid_line;
	return true;
}

static void flush_queue(struct sink *s)
{
	size_t done = 0;

	while (done < s->queue.len && !s->broken && writable_now(s)) {
		size_t len = s->queue.len - done < PIPE_BUF ? s->queue.len - done : PIPE_BUF;
		ssize_t n = write(s->fd, s->queue.data + done, len);

		if (n > 0) {
			done += (size_t)n;
			count_written(s, s->queue.data[done - 1]);
		} else if (n == 0 || errno == EAGAIN) {
			break;
		} else if (drops_for_now(s, errno, s->queue.len - done)) {
			done = s->queue.len;
		} else if (errno != EINTR) {
			s->broken = true;
			log_warn("stdout cannot be written any more, function output is thrown away errno=%d", errno);
		}
	}
	if (s->broken) {
		done = s->queue.len;
	}
	buf_consume(&s->queue, done);
}

static void on_writable(void *ctx, uint32_t events);

static void wait_for_space(struct sink *s)
{
	int r;

	if (s->waiting) {
		return;
	}
	r = loop_fd_add(s->loop, &s->source, s->fd, EPOLLOUT);
	if (r == 0) {
		s->waiting = true;
	} else {
		s->always_ready = true;
		flush_queue(s);
	}
}

static void after_flush(struct sink *s)
{
	if (s->queue.len > 0) {
		wait_for_space(s);
	} else if (s->waiting) {
		loop_fd_del(s->loop, &s->source);
		s->waiting = false;
	}
	if (s->told_full && s->queue.len < full_bytes / 2) {
		s->told_full = false;
		s->on_space(s->ctx);
	}
	if (s->dropped > 0 && s->queue.len < full_bytes) {
		log_warn("stdout was too slow, output was dropped bytes=%llu", (unsigned long long)s->dropped);
		s->dropped = 0;
	}
}

static void on_writable(void *ctx, uint32_t events)
{
	struct sink *s = ctx;

	(void)events;
	flush_queue(s);
	after_flush(s);
}

static void on_turn_end(void *ctx)
{
	struct sink *s = ctx;

	if (s->queue.len > 0 && !s->waiting) {
		flush_queue(s);
		after_flush(s);
	}
}

struct sink *sink_new(struct loop *loop, int fd, void (*on_space)(void *ctx), void *ctx)
{
	struct sink *s = xcalloc(1, sizeof(*s));

	s->loop = loop;
	s->tty = tty_open_own(fd);
	s->fd = s->tty >= 0 ? s->tty : fd;
	s->on_space = on_space;
	s->ctx = ctx;
	buf_init(&s->queue, 0);
	loop_fd_init(&s->source, on_writable, s);
	list_init(&s->hook.link);
	return s;
}

void sink_allow_gaps(struct sink *s)
{
	s->may_have_gaps = true;
}

void sink_start(struct sink *s)
{
	loop_hook_add(s->loop, &s->hook, on_turn_end, s);
}

void sink_free(struct sink *s, int64_t wait_us)
{
	int64_t end = clock_mono_us() + wait_us;

	if (s == NULL) {
		return;
	}
	while (s->queue.len > 0 && !s->broken) {
		struct pollfd p = { .fd = s->fd, .events = POLLOUT };
		int64_t left_ms = (end - clock_mono_us()) / 1000;

		flush_queue(s);
		if (left_ms <= 0 || (s->queue.len > 0 && poll(&p, 1, (int)left_ms) == 0)) {
			break;
		}
	}
	loop_hook_del(&s->hook);
	loop_fd_del(s->loop, &s->source);
	if (s->tty >= 0) {
		close(s->tty);
	}
	buf_fini(&s->queue);
	free(s);
}

static void clear_status(struct sink *s)
{
	if (s->status) {
		buf_puts(&s->queue, "\r\033[K");
		s->status = false;
	}
}

void sink_status(struct sink *s, const char *text)
{
	if (s->broken || s->queue.len > full_bytes) {
		return;
	}
	clear_status(s);
	buf_puts(&s->queue, text);
	s->status = *text != '\0';
	loop_wake(s->loop);
}

void sink_write(struct sink *s, const char *data, size_t len)
{
	if (s->broken) {
		return;
	}
	if (s->queue.len + len > drop_bytes) {
		s->dropped += len;
		return;
	}
	clear_status(s);
	if (s->torn) {
		buf_putc(&s->queue, '\n');
		s->torn = false;
	}
	buf_append(&s->queue, data, len);
}

bool sink_full(struct sink *s)
{
	if (s->queue.len < full_bytes) {
		return false;
	}
	/* Whoever asks stops, so whoever asks must be told. */
	s->told_full = true;
	return true;
}

bool sink_empty(const struct sink *s)
{
	return s->broken || s->queue.len == 0;
}

bool sink_broken(const struct sink *s)
{
	return s->broken;
}
