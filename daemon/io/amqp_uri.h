/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amqp:// and amqps:// URIs (RabbitMQ documentation, "RabbitMQ URI Specification" and "RabbitMQ URI Query Parameters"):
 *	amqp[s]://[user[:password]@]host[:port][/vhost][?key=value&...]
 * Keys: connection_attempts (1), retry_delay (2 seconds), heartbeat (10 seconds, 0 = none), cacertfile, certfile, keyfile,
 * verify (verify_peer or verify_none). Others belong to other clients and are ignored with a warning. Pure.
 */
#ifndef IO_AMQP_URI_H
#define IO_AMQP_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct err;

/* Strings are owned; NULL = not there. */
struct amqp_uri {
	bool tls;
	bool verify; /* the broker's certificate */
	char *user;
	char *password;
	char *host; /* without brackets */
	uint16_t port;
	char *vhost; /* never NULL */
	char *cacertfile;
	char *certfile;
	char *keyfile;
	unsigned connection_attempts;
	int64_t retry_delay_us;
	unsigned heartbeat_s; /* 0 = none */
};

/* 0, or -1 with what is wrong in err, never with a part of the URI that could be the password. out can be finished in
 * either case. */
int amqp_uri_parse(const char *text, struct amqp_uri *out, struct err *err) MUST_CHECK;
void amqp_uri_copy(struct amqp_uri *out, const struct amqp_uri *uri);
void amqp_uri_fini(struct amqp_uri *uri);

#endif
