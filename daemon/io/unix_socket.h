/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets in the file system, for their owner only. A socket that nobody listens on any more (its process was
 * killed) is replaced; one that is in use, or anything else of that name, is left alone.
 */
#ifndef IO_UNIX_SOCKET_H
#define IO_UNIX_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

struct err;

/* Of a path, so that only the socket that was made is removed. */
struct unix_socket {
	char *path; /* owned; NULL = none */
	dev_t dev;
	ino_t ino;
};

/* Does it fit into an address? */
bool unix_path_fits(const char *path);
/* A listening, non-blocking descriptor; -1 with the reason in err. *s is for unix_socket_remove(). Mode 0600. */
int unix_socket_listen(struct unix_socket *s, const char *path, struct err *err) MUST_CHECK;
/* Unless the path has become another's meanwhile. Idempotent. */
void unix_socket_remove(struct unix_socket *s);

#endif
