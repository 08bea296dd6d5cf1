/* SPDX-License-Identifier: Apache-2.0 */
/* What the AMQP floor and its load generator share: one connection with one channel, and an end at every failure. */
#ifndef BENCH_AMQP_PEER_H
#define BENCH_AMQP_PEER_H

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PEER_CHANNEL 1
#define PEER_FRAME_MAX 131072

__attribute__((noreturn, format(printf, 1, 2))) static inline void peer_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static inline void peer_check(amqp_rpc_reply_t reply, const char *what)
{
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
		peer_die("%s: %s", what, amqp_error_string2(reply.library_error));
	} else if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
		peer_die("%s: refused by the broker (method 0x%08x)", what, (unsigned)reply.reply.id);
	}
}

/* The library sets TCP_NODELAY itself; without it every request would wait for the peer's delayed acknowledgement. */
static inline amqp_connection_state_t peer_connect(const char *uri)
{
	amqp_connection_state_t conn = amqp_new_connection();
	amqp_socket_t *socket = conn != NULL ? amqp_tcp_socket_new(conn) : NULL;
	struct amqp_connection_info info;
	char *text = strdup(uri);

	if (socket == NULL || text == NULL) {
		peer_die("out of memory");
	}
	if (amqp_parse_url(text, &info) != AMQP_STATUS_OK) {
		peer_die("not an AMQP URI: %s", uri);
	}
	if (amqp_socket_open(socket, info.host, info.port) != AMQP_STATUS_OK) {
		peer_die("cannot connect to %s:%d", info.host, info.port);
	}
	peer_check(
		amqp_login(conn, info.vhost, 0, PEER_FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, info.user, info.password),
		"login");
	amqp_channel_open(conn, PEER_CHANNEL);
	peer_check(amqp_get_rpc_reply(conn), "channel");
	free(text);
	return conn;
}

/* The queue of a function, declared as the daemon does it: whoever comes first makes it. */
static inline void peer_declare_function(amqp_connection_state_t conn, const char *queue)
{
	amqp_queue_declare(conn, PEER_CHANNEL, amqp_cstring_bytes(queue), false, false, false, true,
			   amqp_empty_table);
	peer_check(amqp_get_rpc_reply(conn), "queue.declare");
}

static inline void peer_publish(amqp_connection_state_t conn, amqp_bytes_t queue, amqp_basic_properties_t *properties,
				amqp_bytes_t body)
{
	int status = amqp_basic_publish(conn, PEER_CHANNEL, amqp_empty_bytes, queue, false, false, properties, body);

	if (status != AMQP_STATUS_OK) {
		peer_die("publish: %s", amqp_error_string2(status));
	}
}

#endif
