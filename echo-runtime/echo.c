/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A custom runtime in one file: the answer to an event is the event. It stands on libc alone, to be the
 * bootstrap of an empty image, and it makes four system calls per invocation, so a benchmark sees the daemon
 * and not the function.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "unknown"
#endif

#define API "/2018-06-01/runtime/invocation/"
#define SPARE ((size_t)64 << 10)
#define HEAD_MAX ((size_t)1 << 20)
#define BODY_MAX ((size_t)6291556) /* 6 MiB and the 100 bytes of grace that the Runtime API allows */
#define ID_MAX 127

/* A reply as it came in. The bytes stay in place: an event is sent back from where it was received. */
struct reply {
	char *data;
	size_t len, cap;
	size_t body_at, body_len;
	int status;
	bool has_length, chunked;
	char id[ID_MAX + 1];
};

struct client {
	int fd; /* -1 = not connected */
	const char *address;
	char host[256];
	const char *port;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("echo-runtime: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void reserve(struct reply *r, size_t need)
{
	if (need <= r->cap) {
		return;
	}
	r->cap = need + SPARE;
	r->data = realloc(r->data, r->cap);
	if (r->data == NULL) {
		die("out of memory for an event of %zu bytes", need);
	}
}

static void client_init(struct client *c)
{
	const char *address = getenv("AWS_LAMBDA_RUNTIME_API");
	const char *colon = address != NULL ? strrchr(address, ':') : NULL;

	if (address == NULL) {
		die("AWS_LAMBDA_RUNTIME_API is not set: start me through lambda-runtime-api-daemon");
	}
	if (colon == NULL || colon == address || colon[1] == '\0' || strlen(address) >= sizeof(c->host)) {
		die("AWS_LAMBDA_RUNTIME_API is \"%s\": want HOST:PORT", address);
	}
	memcpy(c->host, address, (size_t)(colon - address));
	if (c->host[0] == '[' && colon[-1] == ']') {
		/* An IPv6 address is written in brackets, which are not part of it. */
		memmove(c->host, c->host + 1, (size_t)(colon - address));
		c->host[colon - address - 2] = '\0';
	}
	c->port = colon + 1;
	c->address = address;
}

static void client_close(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

static void client_connect(struct client *c)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int one = 1, why = 0, rc;

	rc = getaddrinfo(c->host, c->port, &hints, &list);
	if (rc != 0) {
		die("cannot resolve AWS_LAMBDA_RUNTIME_API \"%s\": %s", c->address, gai_strerror(rc));
	}
	for (struct addrinfo *a = list; a != NULL && c->fd < 0; a = a->ai_next) {
		c->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (c->fd >= 0 && connect(c->fd, a->ai_addr, a->ai_addrlen) == 0) {
			break;
		}
		why = errno;
		if (c->fd >= 0) {
			client_close(c);
		}
	}
	freeaddrinfo(list);
	if (c->fd < 0) {
		die("the Runtime API at %s is gone: %s", c->address, strerror(why));
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static bool send_all(int fd, struct iovec *iov, size_t count)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = count };

	while (msg.msg_iovlen > 0) {
		ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);

		if (n < 0) {
			return false;
		}
		for (; msg.msg_iovlen > 0 && (size_t)n >= msg.msg_iov->iov_len; msg.msg_iovlen--) {
			n -= (ssize_t)msg.msg_iov->iov_len;
			msg.msg_iov++;
		}
		if (msg.msg_iovlen > 0) {
			msg.msg_iov->iov_base = (char *)msg.msg_iov->iov_base + n;
			msg.msg_iov->iov_len -= (size_t)n;
		}
	}
	return true;
}

static bool recv_some(int fd, struct reply *r, size_t most, int flags)
{
	ssize_t n = recv(fd, r->data + r->len, most, flags);

	if (n <= 0) {
		return false;
	}
	r->len += (size_t)n;
	return true;
}

static bool is_name(const char *line, size_t n, const char *name)
{
	return n == strlen(name) && strncasecmp(line, name, n) == 0;
}

static void parse_field(struct reply *r, const char *line, const char *end)
{
	const char *colon = memchr(line, ':', (size_t)(end - line));
	const char *value = colon != NULL ? colon + 1 : end;
	size_t name_len = colon != NULL ? (size_t)(colon - line) : 0;

	value += strspn(value, " \t");
	if (is_name(line, name_len, "Content-Length")) {
		r->has_length = true;
		r->body_len = strtoul(value, NULL, 10);
	} else if (is_name(line, name_len, "Lambda-Runtime-Aws-Request-Id") && end - value <= ID_MAX) {
		memcpy(r->id, value, (size_t)(end - value)); /* the rest is zero */
	} else if (is_name(line, name_len, "Transfer-Encoding")) {
		r->chunked = is_name(value, (size_t)(end - value), "chunked");
	}
}

static void parse_head(struct reply *r, const char *end)
{
	const char *line = r->data;

	if (strncmp(line, "HTTP/1.", 7) != 0 || r->body_at < 13) {
		die("this is not a Runtime API: the reply does not begin with HTTP/1.1");
	}
	r->status = atoi(line + 9);
	while (line < end) {
		const char *eol = memchr(line, '\r', (size_t)(end - line));

		eol = eol != NULL ? eol : end;
		parse_field(r, line, eol);
		line = eol + 2;
	}
	if (!r->has_length && !r->chunked && r->status != 204) {
		die("a reply of the Runtime API has neither Content-Length nor chunks");
	}
	if (r->body_len > BODY_MAX) {
		die("an event of %zu bytes is over the limit of %zu", r->body_len, BODY_MAX);
	}
}

static bool read_head(int fd, struct reply *r)
{
	const char *end = NULL;
	size_t seen = 0;

	*r = (struct reply){ .data = r->data, .cap = r->cap };
	while (end == NULL) {
		reserve(r, r->len + 4096);
		if (!recv_some(fd, r, r->cap - r->len, 0)) {
			return false;
		}
		end = memmem(r->data + seen, r->len - seen, "\r\n\r\n", 4);
		seen = r->len > 3 ? r->len - 3 : 0;
		if (end == NULL && r->len > HEAD_MAX) {
			die("the headers of a reply are over %zu bytes", HEAD_MAX);
		}
	}
	r->body_at = (size_t)(end - r->data) + 4;
	parse_head(r, end);
	return true;
}

/* Makes sure that a line is in the buffer at `at`; its length without the end of line, or -1. */
static ssize_t read_line(int fd, struct reply *r, size_t at)
{
	for (;;) {
		char *eol = r->len > at ? memmem(r->data + at, r->len - at, "\r\n", 2) : NULL;

		if (eol != NULL) {
			return eol - (r->data + at);
		}
		reserve(r, r->len + 4096);
		if (!recv_some(fd, r, r->cap - r->len, 0)) {
			return -1;
		}
	}
}

static bool read_exactly(int fd, struct reply *r, size_t len)
{
	reserve(r, len);
	while (r->len < len) {
		if (!recv_some(fd, r, len - r->len, MSG_WAITALL)) {
			return false;
		}
	}
	return true;
}

/* Other implementations of the Runtime API chunk large events: the chunks are moved together in place. */
static bool read_chunks(int fd, struct reply *r)
{
	size_t at = r->body_at;

	for (;;) {
		ssize_t line = read_line(fd, r, at);
		size_t size = line < 0 ? 0 : strtoul(r->data + at, NULL, 16);

		if (line < 0) {
			return false;
		}
		at += (size_t)line + 2;
		if (size == 0) {
			break;
		}
		if (size > BODY_MAX - r->body_len) {
			die("an event in chunks is over the limit of %zu bytes", BODY_MAX);
		}
		if (!read_exactly(fd, r, at + size + 2)) {
			return false;
		}
		memmove(r->data + r->body_at + r->body_len, r->data + at, size);
		r->body_len += size;
		at += size + 2;
	}
	for (ssize_t trailer = 1; trailer != 0; at += (size_t)trailer + 2) {
		trailer = read_line(fd, r, at);
		if (trailer < 0) {
			return false;
		}
	}
	return true;
}

static bool exchange(int fd, struct iovec request[2], struct reply *r)
{
	if (!send_all(fd, request, request[1].iov_len > 0 ? 2 : 1) || !read_head(fd, r)) {
		return false;
	}
	return r->chunked ? read_chunks(fd, r) : read_exactly(fd, r, r->body_at + r->body_len);
}

/*
 * A kept connection may have been closed since it was last used; that is found out only by using it, and is
 * no error. A connection that fails when it is new means that the daemon has gone.
 */
static void call(struct client *c, char *head, int head_len, const struct reply *body, struct reply *r)
{
	for (;;) {
		bool fresh = c->fd < 0;
		struct iovec request[2] = { { head, (size_t)head_len }, { NULL, 0 } };

		if (body != NULL) {
			request[1] = (struct iovec){ body->data + body->body_at, body->body_len };
		}
		if (fresh) {
			client_connect(c);
		}
		if (exchange(c->fd, request, r)) {
			return;
		}
		client_close(c);
		if (fresh) {
			die("the Runtime API at %s closed the connection without an answer", c->address);
		}
	}
}

static void answer(struct client *c, const struct reply *event, struct reply *receipt)
{
	char head[768]; /* holds the longest id and the longest address */
	int n = snprintf(head, sizeof(head),
			 "POST " API "%s/response HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 event->id, c->address, event->body_len);

	call(c, head, n, event, receipt);
	if (receipt->status != 202) {
		fprintf(stderr, "echo-runtime: status %d for the answer to %s: %.*s\n", receipt->status, event->id,
			(int)receipt->body_len, receipt->data + receipt->body_at);
	}
}

static bool is_question(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		puts("usage: echo-runtime\n\n"
		     "A runtime for AWS Lambda that answers with its event. lambda-runtime-api-daemon, or Lambda, "
		     "starts\n"
		     "it and sets AWS_LAMBDA_RUNTIME_API=HOST:PORT.");
	} else if (strcmp(word, "--version") == 0) {
		puts("echo-runtime " VERSION);
	} else {
		return false;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		die("stdout cannot be written: %s", strerror(errno));
	}
	return true;
}

int main(int argc, char **argv)
{
	struct client client = { .fd = -1 };
	struct reply event = { 0 }, receipt = { 0 };
	char next[512];
	int len;

	if (is_question(argc, argv)) {
		return 0;
	}
	client_init(&client);
	len = snprintf(next, sizeof(next), "GET " API "next HTTP/1.1\r\nHost: %s\r\n\r\n", client.address);
	for (;;) {
		call(&client, next, len, NULL, &event);
		if (event.status != 200 || event.id[0] == '\0') {
			die("the Runtime API gave no event: status %d", event.status);
		}
		answer(&client, &event, &receipt);
	}
}
