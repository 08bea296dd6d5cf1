/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Lambda runtime in one file: answers every event with itself. One keep-alive connection, libc only, two system calls a
 * call in the usual case; so what a benchmark sees is the daemon and not the function.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct reply {
	int status;
	char request_id[80];
	char *body; /* in the connection's buffer, valid until the next call */
	size_t body_len;
};

struct connection {
	char host[256];
	char port[8];
	int fd;
	char *buf;
	size_t cap;
	size_t len;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list args;

	fputs("echo-runtime: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static void parse_address(struct connection *c, const char *address)
{
	const char *colon = strrchr(address, ':');
	const char *host = address;
	size_t len;

	if (colon == NULL || strlen(colon + 1) >= sizeof(c->port)) {
		die("AWS_LAMBDA_RUNTIME_API=%s: expected HOST:PORT", address);
	}
	len = (size_t)(colon - address);
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(c->host)) {
		die("AWS_LAMBDA_RUNTIME_API=%s: expected HOST:PORT", address);
	}
	memcpy(c->host, host, len);
	c->host[len] = '\0';
	strcpy(c->port, colon + 1);
}

static void connect_again(struct connection *c)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai = NULL;
	int one = 1;
	int r = getaddrinfo(c->host, c->port, &hints, &ai);

	if (c->fd >= 0) {
		close(c->fd);
	}
	if (r != 0) {
		die("%s: %s", c->host, gai_strerror(r));
	}
	c->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, ai->ai_addr, ai->ai_addrlen) != 0) {
		die("connect to %s:%s: %s", c->host, c->port, strerror(errno));
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	freeaddrinfo(ai);
	c->len = 0;
}

static void make_room(struct connection *c, size_t need)
{
	if (need > c->cap) {
		c->cap = need > c->cap * 2 ? need : c->cap * 2;
		c->buf = realloc(c->buf, c->cap);
		if (c->buf == NULL) {
			die("out of memory");
		}
	}
}

/* 0, or -1 when the connection is at its end. */
static int receive(struct connection *c, size_t need)
{
	while (c->len < need) {
		ssize_t n;

		make_room(c, need + 1);
		n = recv(c->fd, c->buf + c->len, c->cap - 1 - c->len, 0);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return -1;
		}
		c->len += (size_t)n;
	}
	return 0;
}

static int send_all(struct connection *c, struct iovec *iov, int count)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)count };

	while (msg.msg_iovlen > 0) {
		ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -1;
		}
		while (msg.msg_iovlen > 0 && (size_t)n >= msg.msg_iov[0].iov_len) {
			n -= (ssize_t)msg.msg_iov[0].iov_len;
			msg.msg_iov++;
			msg.msg_iovlen--;
		}
		if (msg.msg_iovlen > 0) {
			msg.msg_iov[0].iov_base = (char *)msg.msg_iov[0].iov_base + n;
			msg.msg_iov[0].iov_len -= (size_t)n;
		}
	}
	return 0;
}

/* The value of a header in a NUL-terminated head, NULL if it is not there. */
static const char *header(const char *head, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
			line += len + 1;
			return line + strspn(line, " \t");
		}
	}
	return NULL;
}

static void copy_value(char *out, size_t size, const char *value)
{
	size_t len = value != NULL ? strcspn(value, "\r\n") : 0;

	len = len < size ? len : size - 1;
	memcpy(out, value != NULL ? value : "", len);
	out[len] = '\0';
}

/* One whole reply. 0, or -1 when the connection ended first. */
static int read_reply(struct connection *c, struct reply *r)
{
	char *end = NULL;
	size_t head_len;
	const char *length;

	c->len = 0;
	while (end == NULL) {
		if (receive(c, c->len + 1) != 0) {
			return -1;
		}
		c->buf[c->len] = '\0';
		end = strstr(c->buf, "\r\n\r\n");
	}
	*end = '\0';
	head_len = (size_t)(end + 4 - c->buf);
	r->status = atoi(c->buf + strcspn(c->buf, " "));
	copy_value(r->request_id, sizeof(r->request_id), header(c->buf, "Lambda-Runtime-Aws-Request-Id"));
	length = header(c->buf, "Content-Length");
	r->body_len = length != NULL ? strtoul(length, NULL, 10) : 0;
	if (receive(c, head_len + r->body_len) != 0) {
		return -1;
	}
	r->body = c->buf + head_len;
	return 0;
}

/* Sends head and body and reads the reply. A connection that the daemon closed meanwhile is opened again, once. */
static void call(struct connection *c, const char *head, const void *body, size_t body_len, struct reply *r)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		struct iovec iov[2] = {
			{ .iov_base = (char *)head, .iov_len = strlen(head) },
			{ .iov_base = (char *)body, .iov_len = body_len },
		};

		if (c->fd >= 0 && send_all(c, iov, body_len > 0 ? 2 : 1) == 0 && read_reply(c, r) == 0) {
			return;
		}
		if (attempt == 0 && body_len == 0) {
			connect_again(c);
		}
	}
	die("the Runtime API at %s:%s is gone", c->host, c->port);
}

static void serve(struct connection *c, const char *address)
{
	struct reply event;
	struct reply ack;
	char next[512];
	char answer[768];

	snprintf(next, sizeof(next), "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", address);
	for (;;) {
		call(c, next, NULL, 0, &event);
		if (event.status != 200 || event.request_id[0] == '\0') {
			die("/next was answered with status %d", event.status);
		}
		snprintf(answer, sizeof(answer),
			 "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\n"
			 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			 event.request_id, address, event.body_len);
		call(c, answer, event.body, event.body_len, &ack);
	}
}

int main(void)
{
	const char *address = getenv("AWS_LAMBDA_RUNTIME_API");
	struct connection c = { .fd = -1 };

	if (address == NULL) {
		die("AWS_LAMBDA_RUNTIME_API is not set; this program is started by the daemon");
	}
	if (strlen(address) > 255) {
		die("AWS_LAMBDA_RUNTIME_API is too long");
	}
	parse_address(&c, address);
	make_room(&c, 64 * 1024);
	connect_again(&c);
	serve(&c, address);
}
