/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor of the benchmark: an epoll relay that moves the bytes of the daemon over the daemon's hops and
 * does nothing else. No checks, no limits but the size, no deadlines, no reports: what is faster than this
 * does not go through two sockets. Never use it for anything but comparing.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BODY_MAX ((size_t)6291556)
#define HEAD_MAX ((size_t)64 << 10)
#define FIRST_CAP ((size_t)8 << 10)
#define EVENTS_PER_TURN 256

#define NEXT_HEAD                                                                                                    \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"                                                      \
	"Lambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-%012llx\r\n"                                         \
	"Lambda-Runtime-Deadline-Ms: 1798761600000\r\n"                                                              \
	"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:012345678912:function:function\r\n"           \
	"Lambda-Runtime-Trace-Id: Root=1-00000000-000000000000000000000000;Parent=0000000000000000;"                 \
	"Sampled=0\r\nContent-Length: %zu\r\n\r\n"
#define INVOKE_HEAD                                                                                                  \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Amz-Executed-Version: $LATEST\r\n"                   \
	"x-amzn-RequestId: 00000000-0000-4000-8000-%012llx\r\nContent-Length: %zu\r\n\r\n"
#define ACCEPTED                                                                                                     \
	"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"                      \
	"{\"status\":\"OK\"}\n"
#define HEALTHY "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK"

enum kind { KIND_LISTEN_CALLER, KIND_LISTEN_RUNTIME, KIND_SIGNAL, KIND_CALLER, KIND_RUNTIME };

/*
 * A connection has one buffer: it is being filled with a request, or held while the other side works on it,
 * or being sent. A body changes sides by exchanging the buffers of two connections.
 */
struct conn {
	enum kind kind;
	int fd;
	bool busy; /* a whole request is in: nothing more is expected until it is answered */
	bool wants_out;
	bool dead;
	char *data;
	size_t len, cap;
	size_t body_at, body_len; /* body_at 0 = the head is not complete */
	struct conn *peer;	  /* caller <-> the runtime that works for it */
	struct conn *next;	  /* in one of: waiting callers, idle runtimes, graves */
	unsigned long long id;
	char head[512];
	struct iovec out[2];
	size_t out_at; /* first entry of out that is not sent; 2 = all sent */
};

struct queue {
	struct conn *first;
	struct conn **tail;
	unsigned count;
};

struct floor {
	int epoll;
	struct conn invoke, runtime, signals;
	struct queue callers, idle;
	struct conn *graves;
	char **command;
	pid_t *children;
	unsigned max, started, polled;
	unsigned long long last_id;
	char runtime_address[64];
};

extern char **environ;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("floor: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void queue_init(struct queue *q)
{
	q->first = NULL;
	q->tail = &q->first;
	q->count = 0;
}

static void queue_put(struct queue *q, struct conn *c)
{
	c->next = NULL;
	*q->tail = c;
	q->tail = &c->next;
	q->count++;
}

static struct conn *queue_take(struct queue *q)
{
	struct conn *c = q->first;

	q->first = c->next;
	if (q->first == NULL) {
		q->tail = &q->first;
	}
	q->count--;
	return c;
}

static void queue_drop(struct queue *q, struct conn *c)
{
	for (struct conn **at = &q->first; *at != NULL; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			q->tail = c->next == NULL ? at : q->tail;
			q->count--;
			return;
		}
	}
}

static void watch(struct floor *f, struct conn *c, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (epoll_ctl(f->epoll, op, c->fd, &ev) != 0) {
		die("epoll_ctl: %s", strerror(errno));
	}
}

/* Events of the same turn may still point here, so the memory goes at the end of the turn. */
static void conn_kill(struct floor *f, struct conn *c)
{
	if (c->dead) {
		return;
	}
	c->dead = true;
	close(c->fd);
	queue_drop(c->kind == KIND_CALLER ? &f->callers : &f->idle, c);
	if (c->peer != NULL && c->kind == KIND_RUNTIME) {
		conn_kill(f, c->peer);
	} else if (c->peer != NULL) {
		c->peer->peer = NULL;
	}
	c->next = f->graves;
	f->graves = c;
}

static void bury(struct floor *f)
{
	while (f->graves != NULL) {
		struct conn *c = f->graves;

		f->graves = c->next;
		free(c->data);
		free(c);
	}
}

static void conn_flush(struct floor *f, struct conn *c)
{
	while (c->out_at < 2) {
		struct msghdr msg = { .msg_iov = c->out + c->out_at, .msg_iovlen = 2 - c->out_at };
		ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			break;
		}
		if (n < 0) {
			conn_kill(f, c);
			return;
		}
		for (; c->out_at < 2 && (size_t)n >= c->out[c->out_at].iov_len; c->out_at++) {
			n -= (ssize_t)c->out[c->out_at].iov_len;
		}
		if (c->out_at < 2) {
			c->out[c->out_at].iov_base = (char *)c->out[c->out_at].iov_base + n;
			c->out[c->out_at].iov_len -= (size_t)n;
		}
	}
	if (c->wants_out != (c->out_at < 2)) {
		c->wants_out = !c->wants_out;
		watch(f, c, EPOLL_CTL_MOD, EPOLLIN | (c->wants_out ? EPOLLOUT : 0));
	}
	if (!c->wants_out) {
		c->busy = false;
	}
}

/* Sends a head (in c->head or constant) and a body that lies in c's buffer; then c expects a request. */
static void conn_send(struct floor *f, struct conn *c, const char *head, size_t head_len, size_t at, size_t len)
{
	c->out[0] = (struct iovec){ (void *)(uintptr_t)head, head_len };
	c->out[1] = (struct iovec){ c->data + at, len };
	c->out_at = 0;
	c->len = c->body_at = c->body_len = 0;
	conn_flush(f, c);
}

static void swap_buffers(struct conn *a, struct conn *b)
{
	char *data = a->data;
	size_t cap = a->cap;

	a->data = b->data;
	a->cap = b->cap;
	b->data = data;
	b->cap = cap;
}

static void hand_out(struct floor *f)
{
	while (f->callers.first != NULL && f->idle.first != NULL) {
		struct conn *caller = queue_take(&f->callers), *runtime = queue_take(&f->idle);
		size_t at = caller->body_at, len = caller->body_len;
		int n;

		caller->id = ++f->last_id;
		caller->peer = runtime;
		runtime->peer = caller;
		swap_buffers(caller, runtime);
		n = snprintf(runtime->head, sizeof(runtime->head), NEXT_HEAD, caller->id, len);
		conn_send(f, runtime, runtime->head, (size_t)n, at, len);
	}
}

static void start_runtime(struct floor *f)
{
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawnp(&f->children[f->started], f->command[0], NULL, &attr, f->command, environ);
	posix_spawnattr_destroy(&attr);
	if (rc != 0) {
		die("cannot start %s: %s", f->command[0], strerror(rc));
	}
	f->started++;
}

/* On demand, as the daemon does: as many are on their way as there are callers for them. */
static void start_wanted(struct floor *f)
{
	while (f->started < f->max && f->started - f->polled < f->callers.count) {
		start_runtime(f);
	}
}

static void finish_invocation(struct floor *f, struct conn *runtime)
{
	struct conn *caller = runtime->peer;
	size_t at = runtime->body_at, len = runtime->body_len;
	int n;

	if (caller == NULL) {
		conn_send(f, runtime, ACCEPTED, sizeof(ACCEPTED) - 1, 0, 0);
		return;
	}
	runtime->peer = caller->peer = NULL;
	swap_buffers(caller, runtime);
	n = snprintf(caller->head, sizeof(caller->head), INVOKE_HEAD, caller->id, len);
	conn_send(f, caller, caller->head, (size_t)n, at, len);
	conn_send(f, runtime, ACCEPTED, sizeof(ACCEPTED) - 1, 0, 0);
}

static void act(struct floor *f, struct conn *c)
{
	c->busy = true;
	if (c->kind == KIND_CALLER && c->data[0] == 'G') {
		conn_send(f, c, HEALTHY, sizeof(HEALTHY) - 1, 0, 0);
	} else if (c->kind == KIND_CALLER) {
		queue_put(&f->callers, c);
		hand_out(f);
		start_wanted(f);
	} else if (c->data[0] == 'G') {
		f->polled += c->id == 0;
		c->id = 1;
		queue_put(&f->idle, c);
		hand_out(f);
	} else {
		finish_invocation(f, c);
	}
}

static void parse_head(struct conn *c)
{
	char *end = memmem(c->data, c->len, "\r\n\r\n", 4);

	if (end == NULL) {
		return;
	}
	c->body_at = (size_t)(end - c->data) + 4;
	for (char *line = c->data; line < end; line = (char *)memchr(line, '\n', c->len) + 1) {
		if (strncasecmp(line, "Content-Length:", 15) == 0) {
			c->body_len = strtoul(line + 15, NULL, 10);
			return;
		}
	}
}

static void reserve(struct conn *c, size_t need)
{
	if (c->cap < need) {
		c->cap = need > FIRST_CAP ? need : FIRST_CAP;
		c->data = realloc(c->data, c->cap);
		if (c->data == NULL) {
			die("out of memory");
		}
	}
}

static void conn_readable(struct floor *f, struct conn *c)
{
	ssize_t n;

	reserve(c, c->body_at > 0 ? c->body_at + c->body_len : c->len + FIRST_CAP / 2);
	n = recv(c->fd, c->data + c->len, c->cap - c->len, 0);
	if (n < 0 && errno == EAGAIN) {
		return;
	}
	/* Nobody pipelines here: what comes while a request is worked on is the end of the connection. */
	if (n <= 0 || c->busy) {
		conn_kill(f, c);
		return;
	}
	c->len += (size_t)n;
	if (c->body_at == 0) {
		parse_head(c);
	}
	if (c->body_len > BODY_MAX || (c->body_at == 0 && c->len > HEAD_MAX)) {
		conn_kill(f, c);
	} else if (c->body_at > 0 && c->len >= c->body_at + c->body_len) {
		act(f, c);
	}
}

static void accept_all(struct floor *f, const struct conn *listener)
{
	for (;;) {
		int one = 1, fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct conn *c;

		if (fd < 0 && errno == EAGAIN) {
			return;
		}
		c = fd >= 0 ? calloc(1, sizeof(*c)) : NULL;
		if (c == NULL) {
			die("cannot accept: %s", strerror(errno));
		}
		c->kind = listener->kind == KIND_LISTEN_CALLER ? KIND_CALLER : KIND_RUNTIME;
		c->fd = fd;
		c->out_at = 2;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(f, c, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static unsigned number_from(const char *name, unsigned fallback, unsigned most)
{
	const char *text = getenv(name);
	char *end = NULL;
	unsigned long v = text != NULL ? strtoul(text, &end, 10) : fallback;

	if (v > most || (text != NULL && (end == text || *end != '\0'))) {
		die("%s is \"%s\": want a number up to %u", name, text, most);
	}
	return (unsigned)v;
}

static void listen_on(struct floor *f, struct conn *c, enum kind kind, const char *port_name, unsigned port,
		      char *address, size_t size)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int one = 1;

	sin.sin_port = htons((uint16_t)number_from(port_name, port, 65535));
	c->kind = kind;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&sin, len) != 0 || listen(c->fd, SOMAXCONN) != 0 ||
	    getsockname(c->fd, (struct sockaddr *)&sin, &len) != 0) {
		die("cannot listen on 127.0.0.1:%u: %s", (unsigned)ntohs(sin.sin_port), strerror(errno));
	}
	snprintf(address, size, "127.0.0.1:%u", (unsigned)ntohs(sin.sin_port));
	watch(f, c, EPOLL_CTL_ADD, EPOLLIN);
}

static void watch_signals(struct floor *f)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	f->signals.kind = KIND_SIGNAL;
	f->signals.fd = signalfd(-1, &set, SFD_CLOEXEC);
	watch(f, &f->signals, EPOLL_CTL_ADD, EPOLLIN);
}

__attribute__((noreturn)) static void finish(const struct floor *f, int status)
{
	for (unsigned i = 0; i < f->started; i++) {
		kill(f->children[i], SIGKILL);
		waitpid(f->children[i], NULL, 0);
	}
	exit(status);
}

static void take_signal(struct floor *f)
{
	struct signalfd_siginfo info;

	if (read(f->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
		die("signalfd: %s", strerror(errno));
	}
	if (info.ssi_signo == SIGCHLD) {
		fputs("floor: a runtime has ended\n", stderr);
		finish(f, 1);
	}
	finish(f, 0);
}

static void announce(const struct floor *f, const char *invoke)
{
	unsigned fd = number_from("READY_FD", 0, 1u << 20);

	if (fd > 0) {
		dprintf((int)fd, "invoke=%s runtime=%s\n", invoke, f->runtime_address);
		close((int)fd);
	}
	unsetenv("READY_FD");
	setenv("AWS_LAMBDA_RUNTIME_API", f->runtime_address, 1);
}

static void dispatch(struct floor *f, const struct epoll_event *ev)
{
	struct conn *c = ev->data.ptr;

	if (c->kind == KIND_SIGNAL) {
		take_signal(f);
	} else if (c->kind == KIND_LISTEN_CALLER || c->kind == KIND_LISTEN_RUNTIME) {
		accept_all(f, c);
	} else if (!c->dead && (ev->events & EPOLLOUT) != 0 && c->wants_out) {
		conn_flush(f, c);
	} else if (!c->dead) {
		conn_readable(f, c);
	}
}

int main(int argc, char **argv)
{
	struct floor f = { .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct epoll_event events[EVENTS_PER_TURN];
	struct rlimit files = { 0 };
	char invoke[64];

	if (argc < 2) {
		fputs("usage: floor RUNTIME [ARGS...]\n"
		      "environment: PORT, RUNTIME_API_PORT, MAX_CONCURRENCY, READY_FD\n",
		      stderr);
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	f.command = argv + 1;
	f.max = number_from("MAX_CONCURRENCY", 1, 1000);
	f.children = calloc(f.max + 1, sizeof(*f.children));
	assert(f.children != NULL);
	queue_init(&f.callers);
	queue_init(&f.idle);
	watch_signals(&f);
	listen_on(&f, &f.invoke, KIND_LISTEN_CALLER, "PORT", 8080, invoke, sizeof(invoke));
	listen_on(&f, &f.runtime, KIND_LISTEN_RUNTIME, "RUNTIME_API_PORT", 9001, f.runtime_address,
		  sizeof(f.runtime_address));
	announce(&f, invoke);
	for (;;) {
		int n = epoll_wait(f.epoll, events, EVENTS_PER_TURN, -1);

		for (int i = 0; i < n; i++) {
			dispatch(&f, &events[i]);
		}
		bury(&f);
	}
}
