/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `debug-broker connect`: a local TCP port whose connections go, as binary WebSocket messages, to one function at a broker.
 * For debuggers that speak plain TCP (debugpy, Delve, JDWP) where only HTTP gets through.
 */
#ifndef DEBUG_TUNNEL_H
#define DEBUG_TUNNEL_H

#include <stdint.h>

#include "base/attr.h"

struct err;
struct loop;
struct tls;
struct tunnel;

struct tunnel_opts {
	const char *listen_host;
	uint16_t listen_port; /* 0 = any free one */
	const char *host;     /* the broker's user address */
	uint16_t port;
	const char *path;  /* "/id" */
	const char *token; /* NULL = none */
	struct tls *tls;   /* NULL = without TLS; borrowed */
};

/* Strings of opts are borrowed for the tunnel's life. NULL with the reason in err. */
struct tunnel *tunnel_new(struct loop *loop, const struct tunnel_opts *opts, struct err *err) MUST_CHECK;
void tunnel_free(struct tunnel *t); /* NULL is fine */
uint16_t tunnel_port(const struct tunnel *t);
/* No new connections; those that are there are closed in order, then drained() is called. */
void tunnel_drain(struct tunnel *t, void (*drained)(void *ctx), void *ctx);

#endif
