/* SPDX-License-Identifier: Apache-2.0 */
/* From a host and a port to a listening socket. */
#include "io/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/err.h"

static const int backlog = 4096;

static int resolve(const char *host, uint16_t port, struct addrinfo **out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST };
	char service[8];
	int r;

	snprintf(service, sizeof(service), "%u", port);
	r = getaddrinfo(host, service, &hints, out);
	if (r == EAI_NONAME) {
		hints.ai_flags = AI_PASSIVE;
		r = getaddrinfo(host, service, &hints, out);
	}
	return r;
}

/* A listening socket; -errno if not. */
static int open_socket(const struct addrinfo *ai)
{
	auto_close int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0) {
		return -errno;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, backlog) != 0) {
		return -errno;
	}
	return steal_fd(&fd);
}

uint16_t listen_port(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0 ||
	    (ss.ss_family != AF_INET && ss.ss_family != AF_INET6)) {
		return 0;
	}
	if (ss.ss_family == AF_INET6) {
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	}
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

int listen_on(const char *host, uint16_t port, struct err *err)
{
	struct addrinfo *ai = NULL;
	int r = resolve(host, port, &ai);
	int fd = -EADDRNOTAVAIL;

	if (r != 0) {
		return err_set(err, 1, "listen on %s:%u: %s", host, port, gai_strerror(r));
	}
	/* A name may have an IPv6 address first where there is no IPv6. */
	for (const struct addrinfo *a = ai; a != NULL && (fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT);
	     a = a->ai_next) {
		fd = open_socket(a);
	}
	freeaddrinfo(ai);
	if (fd < 0) {
		return err_set(err, 1, "listen on %s:%u: %s", host, port, strerror(-fd));
	}
	return fd;
}
