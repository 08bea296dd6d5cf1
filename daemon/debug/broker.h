/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The debug broker: functions connect to it from wherever they run, debuggers from wherever the developer sits, and it
 * brings those together that name the same path. It works on both ends as Trek10's broker does (debug/wire.h), without
 * its defects: a refused newcomer disturbs nobody, a key is free again as soon as its function has gone, and a slow side
 * slows the other side down instead of filling the memory.
 *
 *	function --ws, wrapped--> lambda address      broker      user address <--ws, raw-- debugger
 *
 * Functions in tcp mode (header Lambda-Debug-Mode: tcp) send and get bytes in binary messages; their debuggers connect by
 * WebSocket (`debug-broker connect`) or to a plain TCP port (struct broker_tcp).
 *
 * Beside WebSockets the user address serves a page, its events, Chrome's /json/list and /json/version, and /metrics.
 */
#ifndef DEBUG_BROKER_H
#define DEBUG_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct broker;
struct err;
struct loop;
struct tls;

/* Debuggers that connect here as plain TCP debug the function with this key ("/id"). */
struct broker_tcp {
	const char *host;
	uint16_t port;
	const char *key;
};

struct broker_opts {
	const char *lambda_host;
	uint16_t lambda_port;  /* 0 = any free one */
	const char *user_host; /* NULL: no user address */
	uint16_t user_port;
	const char *lambda_token; /* NULL = none is needed */
	const char *user_token;
	bool any_host_name; /* answers to every Host header, also without a token */
	size_t max_message; /* bytes of one debugger message */
	int64_t keepalive_us;
	const struct broker_tcp *tcp;
	size_t tcp_count;
	struct tls *tls; /* for both addresses, not for plain TCP; NULL = none. Borrowed */
};

#define BROKER_MAX_KEY ((size_t)512) /* "/" and the id, as a request line has them */
#define BROKER_MAX_MESSAGE ((size_t)100 * 1024 * 1024)
#define BROKER_KEEPALIVE_US ((int64_t)30 * 1000 * 1000)

/* Listens from now on. NULL with the reason in err. Strings of opts are borrowed for the broker's life. */
struct broker *broker_new(struct loop *loop, const struct broker_opts *opts, struct err *err) MUST_CHECK;
void broker_free(struct broker *b);
uint16_t broker_lambda_port(const struct broker *b);
uint16_t broker_user_port(const struct broker *b); /* 0 = none */
/* No new connections; those that are there are closed in order, then drained() is called. */
void broker_drain(struct broker *b, void (*drained)(void *ctx), void *ctx);

#endif
