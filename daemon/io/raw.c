/* SPDX-License-Identifier: Apache-2.0 */
/* Byte streams. */
#include "io/raw.h"

#include <stdlib.h>

#include "base/mem.h"
#include "io/sock.h"
#include "loop/loop.h"

/* Time for the peer to take what is queued at the end. */
static const int64_t closing_us = 5 * 1000 * 1000;
/* Reads in one go, so that a fast peer does not starve the others. */
static const unsigned turn_reads = 16;

struct raw {
	struct loop *loop;
	const struct raw_ops *ops; /* NULL: the caller has no part in it any more */
	void *ctx;
	struct sock sock;
	struct loop_timer timer;
	struct loop_grave grave;
	bool freed;
};

static void raw_free(void *ctx)
{
	struct raw *r = ctx;

	sock_fini(&r->sock);
	free(r);
}

static void bury(struct raw *r)
{
	const struct raw_ops *ops = r->ops;

	if (r->freed) {
		return;
	}
	r->freed = true;
	r->ops = NULL;
	loop_timer_clear(r->loop, &r->timer);
	sock_fini(&r->sock);
	loop_defer(r->loop, &r->grave, raw_free, r);
	if (ops != NULL) {
		ops->on_closed(r->ctx);
	}
}

static void on_readable(void *ctx)
{
	struct raw *r = ctx;
	char data[16 * 1024];
	ssize_t n = 1;

	for (unsigned i = 0; i < turn_reads && n > 0 && !r->freed && !r->sock.paused; i++) {
		n = sock_read(&r->sock, data, sizeof(data));
		if (n > 0 && r->ops != NULL) {
			r->ops->on_bytes(r->ctx, data, (size_t)n);
		}
	}
	if (n < 0) {
		bury(r);
	}
}

static void finish_if_sent(struct raw *r)
{
	if (r->ops == NULL && sock_queued(&r->sock) == 0) {
		bury(r);
	}
}

static void on_space(void *ctx)
{
	struct raw *r = ctx;

	if (r->ops != NULL) {
		r->ops->on_space(r->ctx);
	}
}

static void on_sent(void *ctx)
{
	finish_if_sent(ctx);
}

static void on_down(void *ctx)
{
	bury(ctx);
}

static void on_timer(void *ctx)
{
	bury(ctx);
}

static const struct sock_ops sock_ops = {
	.on_readable = on_readable,
	.on_space = on_space,
	.on_sent = on_sent,
	.on_down = on_down,
};

struct raw *raw_new(struct loop *loop, int fd, const struct raw_ops *ops, void *ctx)
{
	struct raw *r = xcalloc(1, sizeof(*r));

	if (sock_init(&r->sock, loop, fd, &sock_ops, r) != 0) {
		free(r);
		return NULL;
	}
	r->loop = loop;
	r->ops = ops;
	r->ctx = ctx;
	loop_timer_init(&r->timer, on_timer, r);
	return r;
}

void raw_send(struct raw *r, const char *data, size_t len)
{
	sock_write(&r->sock, data, len);
	sock_flush(&r->sock);
}

size_t raw_queued(const struct raw *r)
{
	return sock_queued(&r->sock);
}

void raw_pause(struct raw *r, bool pause)
{
	sock_pause(&r->sock, pause);
}

void raw_close(struct raw *r)
{
	r->ops = NULL;
	loop_timer_set(r->loop, &r->timer, loop_now_us(r->loop) + closing_us);
	sock_pause(&r->sock, true);
	finish_if_sent(r);
}

void raw_group(struct raw *r, struct sock_group *group)
{
	sock_group_add(group, &r->sock);
}
