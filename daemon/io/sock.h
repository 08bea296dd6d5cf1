/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connected stream socket on the loop, with a queue for what it does not take at once. The queue has no limit of its
 * own: who feeds it looks at sock_queued() and stops at SOCK_HIGH; on_space says when to go on.
 */
#ifndef IO_SOCK_H
#define IO_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/list.h"
#include "loop/loop.h"

#define SOCK_HIGH ((size_t)256 * 1024)
#define SOCK_LOW ((size_t)64 * 1024)

struct sock_ops {
	void (*on_readable)(void *ctx); /* level-triggered: read as much as is wanted */
	void (*on_space)(void *ctx); /* the queue was over SOCK_HIGH after a flush and is at SOCK_LOW; may be NULL */
	void (*on_sent)(void *ctx);  /* the queue has become empty in a later turn; may be NULL */
	void (*on_down)(void *ctx);  /* the peer is gone: nothing can be sent any more. Once */
};

/* Sockets that belong together, to know when the last of them is closed and to close them all. */
struct sock_group {
	struct list members; // sock::group_link
	unsigned open;
};

struct sock {
	/* private */
	struct sock_group *group;
	struct list group_link;
	struct loop *loop;
	const struct sock_ops *ops;
	void *ctx;
	struct loop_fd source;
	int fd; /* -1 = closed */
	struct buf out;
	size_t out_at;
	uint64_t sent; /* bytes in all */
	bool paused;
	bool watched;
	uint32_t interest;
	bool was_high;
	bool down;
};

/* fd is moved; it becomes non-blocking, without Nagle's delay. 0 or -errno (then fd is closed). */
int sock_init(struct sock *s, struct loop *loop, int fd, const struct sock_ops *ops, void *ctx) MUST_CHECK;
void sock_fini(struct sock *s); /* idempotent; unsent bytes are lost. No callback comes any more */

/* > 0: bytes; 0: nothing there now; -1: the peer has ended its side, or is gone. */
ssize_t sock_read(struct sock *s, void *data, size_t len) MUST_CHECK;
void sock_write(struct sock *s, const void *data, size_t len); /* queues; sock_flush() sends */
void sock_flush(struct sock *s); /* on_down does not come from within: it follows in a later turn */
size_t sock_queued(const struct sock *s);
#define SOCK_PEER_LEN 64
void sock_peer(const struct sock *s, char out[SOCK_PEER_LEN]); /* "ADDRESS:PORT", or "" */
void sock_pause(struct sock *s, bool pause);		       /* no on_readable while paused */

void sock_group_init(struct sock_group *g);
void sock_group_add(struct sock_group *g, struct sock *s);
void sock_group_end(struct sock_group *g); /* on_down for each */

#endif
