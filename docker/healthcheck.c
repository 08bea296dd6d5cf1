/* SPDX-License-Identifier: Apache-2.0 */
/* usage: healthcheck [PATH]. Exit status 0 if the program that listens on PORT answers GET PATH (/_/health) with 200: for
 * HEALTHCHECK in images that have no curl. Reads the two variables that the daemon and lambda-server read. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char *setting(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : fallback;
}

static int connect_to(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct timeval limit = { .tv_sec = 5 };
	struct addrinfo *found = NULL;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &found) != 0) {
		return -1;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	return fd;
}

int main(int argc, char **argv)
{
	const char *host = setting("INVOKE_API_HOST", "0.0.0.0");
	const char *port = setting("PORT", "8080");
	const char *path = argc > 1 ? argv[1] : "/_/health";
	char request[512];
	char reply[64] = "";
	size_t len = 0;
	int status = 0;
	int fd;
	int n;

	/* What listens everywhere is asked here. */
	if (strcmp(host, "0.0.0.0") == 0) {
		host = "127.0.0.1";
	} else if (strcmp(host, "::") == 0) {
		host = "::1";
	}
	n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
		     path);
	if (argc > 2 || path[0] != '/' || n >= (int)sizeof(request)) {
		fprintf(stderr,
			"usage: healthcheck [PATH], a path of at most 400 bytes; expected for example /_/ready\n");
		return 2;
	}
	fd = connect_to(host, port);
	if (fd < 0 || send(fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
		printf("nothing listens on %s port %s\n", host, port);
		return 1;
	}
	while (len < sizeof(reply) - 1) {
		ssize_t got = recv(fd, reply + len, sizeof(reply) - 1 - len, 0);

		if (got <= 0) {
			break;
		}
		len += (size_t)got;
	}
	if (sscanf(reply, "HTTP/1.%*d %d", &status) != 1) {
		printf("no answer from %s port %s\n", host, port);
		return 1;
	}
	printf("%s: %d\n", path, status);
	return status != 200;
}
