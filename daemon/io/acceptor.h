/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP port that hands on its connections. Out of descriptors it pauses, and the connections wait in the kernel's queue. */
#ifndef IO_ACCEPTOR_H
#define IO_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "loop/loop.h"

struct err;

/* fd is moved. It is non-blocking. */
typedef void (*acceptor_fn)(void *ctx, int fd);

struct acceptor {
	/* private; all zero is a closed one */
	struct loop *loop; /* NULL = closed */
	struct loop_fd source;
	struct loop_timer retry;
	acceptor_fn fn;
	void *ctx;
	int fd;
	bool starved;
};

/* As listen_on(). 0, or -1 with the reason in err. */
int acceptor_open(struct acceptor *a, struct loop *loop, const char *host, uint16_t port, acceptor_fn fn, void *ctx,
		  struct err *err) MUST_CHECK;
void acceptor_close(struct acceptor *a); /* idempotent; also from within fn */
uint16_t acceptor_port(const struct acceptor *a);

#endif
