/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket that the workers of a managed instance's runtime connect to for their logs
 * (_LAMBDA_TELEMETRY_LOG_FD_PROVIDER_SOCKET): each connection is one more stream of lines of the runtime's output.
 */
#ifndef EDGE_LOG_SOCKET_H
#define EDGE_LOG_SOCKET_H

#include <sys/un.h>

#include "base/attr.h"
#include "loop/loop.h"

struct output;

struct log_socket {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "" = not open */
	/* private */
	struct loop *loop;
	struct output *output;
	struct loop_fd source;
	int fd;
};

void log_socket_init(struct log_socket *ls, struct loop *loop, struct output *output);
/* Listens at a path of its own, for our user only. 0 or -errno. */
int log_socket_open(struct log_socket *ls) MUST_CHECK;
/* Takes in what has connected so far, then removes the socket; the connections stay with the output. Idempotent. */
void log_socket_close(struct log_socket *ls);

#endif
