/* SPDX-License-Identifier: Apache-2.0 */
/* CONTROL_SOCKET: where the control surface listens. A path, or an address of the loopback interface; never any other. */
#ifndef EDGE_CONTROL_SOCKET_H
#define EDGE_CONTROL_SOCKET_H

#include <stdint.h>

#include "base/attr.h"
#include "io/unix_socket.h"

struct config;
struct err;
struct httpd;

struct control_address {
	const char *path; /* borrowed; NULL = host and port */
	char host[48];	  /* a literal */
	uint16_t port;
};

/* 0, or -1 with what is expected. */
int control_address_parse(struct control_address *a, const char *text, struct err *err) MUST_CHECK;
/* Is what is set usable? Not set is fine. */
int control_address_check(const struct config *cfg, struct err *err) MUST_CHECK;

/* Listens there. shown: how it is written for READY_FD and the log. */
int control_socket_listen(struct httpd *server, const struct control_address *a, struct unix_socket *s, char *shown,
			  size_t size, struct err *err) MUST_CHECK;

#endif
