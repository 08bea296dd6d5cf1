/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load generator for the Invoke API of an echo function: one thread, keep-alive callers in a closed loop.
 * Every answer is compared with what was sent; the result is one line of JSON on stdout. With --hold N it
 * opens N callers that all wait at once, and reports lost, swapped and overtaken answers.
 *
 * About the order there: requests are sent one after the other on connections that the server has accepted
 * before, so their order is that of the callers. The tolerance is for batches: the server may take the events
 * of one turn in any order, and as many answers as there are runtimes are on their way at once. Callers are
 * left out of the comparison ("resent") when the kernel dropped a packet of theirs, which it does even on
 * loopback when its backlog is full: their request came later than it was sent. A queue that is not first in,
 * first out is off by thousands.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "histogram.h"

#define EVENTS_PER_TURN 256
#define HEAD_ROOM ((size_t)8 << 10)
#define BODY_LIMIT ((size_t)6291556)
#define NUMBERED ((size_t)24) /* the smallest body that carries its number: "00000000-000000000000" */
#define HEALTH "GET /_/health HTTP/1.1\r\nHost: localhost\r\n\r\n"

struct options {
	const char *host;
	unsigned port;
	const char *function;
	unsigned callers;
	size_t body;
	uint64_t count;	  /* 0 = by time */
	uint64_t seconds; /* 0 = by count */
	uint64_t timeout;
	unsigned tolerance;
	bool hold;
	bool prime;
};

struct caller {
	int fd;
	unsigned number;
	bool waiting;
	bool wants_out;
	bool function_error;
	uint64_t sent_at;
	char *body;
	char *data;
	size_t len, cap;
	size_t body_at, body_len; /* body_at 0 = the head is not complete */
	int status;
	struct iovec out[2];
	size_t out_at;
};

struct load {
	struct options opt;
	int epoll;
	struct caller *callers;
	char *head;
	uint64_t issued, done, errors, swapped;
	unsigned waiting;
	bool closing; /* no new requests: the time is up */
	unsigned *order;
	uint64_t began_at, sent_all_at;
	struct histogram latency;
};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("load: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void *must_alloc(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (p == NULL) {
		die("out of memory");
	}
	return p;
}

__attribute__((format(printf, 2, 3))) static void note_error(struct load *l, const char *fmt, ...)
{
	va_list ap;

	if (l->errors++ < 5) {
		fputs("load: ", stderr);
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
}

static int connect_blocking(const struct options *opt)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt->port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, opt->host, &sin.sin_addr) != 1) {
		die("\"%s\" is not an IPv4 address", opt->host);
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0) {
		die("cannot connect to %s:%u: %s", opt->host, opt->port, strerror(errno));
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* After this the server has accepted the connection, so that requests cannot overtake each other there. */
static void prime(const struct caller *c)
{
	char reply[1024];
	ssize_t n = send(c->fd, HEALTH, sizeof(HEALTH) - 1, MSG_NOSIGNAL);

	n = n > 0 ? recv(c->fd, reply, sizeof(reply), 0) : -1;
	if (n < 12 || memcmp(reply + 8, " 200", 4) != 0) {
		die("caller %u: GET /_/health was not answered with 200", c->number);
	}
}

static void caller_connect(struct load *l, struct caller *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->fd = connect_blocking(&l->opt);
	if (l->opt.hold && l->opt.prime) {
		prime(c);
	}
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0) {
		die("cannot watch a connection: %s", strerror(errno));
	}
	c->wants_out = false;
}

static void caller_flush(struct load *l, struct caller *c)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	while (c->out_at < 2) {
		struct msghdr msg = { .msg_iov = c->out + c->out_at, .msg_iovlen = 2 - c->out_at };
		ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			break;
		}
		if (n < 0) {
			return; /* the answer may still be there; if it is not, reading tells */
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
		ev.events |= c->wants_out ? (uint32_t)EPOLLOUT : 0;
		epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &ev);
	}
}

static void caller_ask(struct load *l, struct caller *c)
{
	if (l->opt.body >= NUMBERED) {
		char number[32];
		int n = snprintf(number, sizeof(number), "%08u-%012llu", c->number, (unsigned long long)l->issued);

		memcpy(c->body + 1, number, (size_t)n);
	}
	c->out[0] = (struct iovec){ l->head, strlen(l->head) };
	c->out[1] = (struct iovec){ c->body, l->opt.body };
	c->out_at = 0;
	c->len = c->body_at = c->body_len = 0;
	c->waiting = true;
	l->waiting++;
	l->issued++;
	c->sent_at = now_ns();
	caller_flush(l, c);
}

static bool more_wanted(const struct load *l)
{
	return !l->opt.hold && !l->closing && (l->opt.count == 0 || l->issued < l->opt.count);
}

static void check_answer(struct load *l, const struct caller *c)
{
	const char *body = c->data + c->body_at;

	if (c->status != 200 || c->function_error) {
		note_error(l, "caller %u: status %d%s: %.*s", c->number, c->status,
			   c->function_error ? " and a function error" : "",
			   (int)(c->body_len < 200 ? c->body_len : 200), body);
	} else if (c->body_len != l->opt.body || memcmp(body, c->body, c->body_len) != 0) {
		l->swapped += l->opt.body >= NUMBERED && c->body_len == l->opt.body &&
			      memcmp(body, c->body, NUMBERED - 2) != 0;
		note_error(l, "caller %u: the answer of %zu bytes is not what was sent: %.*s", c->number, c->body_len,
			   (int)(c->body_len < 32 ? c->body_len : 32), body);
	}
}

static void caller_next(struct load *l, struct caller *c)
{
	c->waiting = false;
	l->waiting--;
	if (more_wanted(l)) {
		caller_ask(l, c);
	}
}

static void caller_finish(struct load *l, struct caller *c)
{
	histogram_add(&l->latency, now_ns() - c->sent_at);
	if (l->order != NULL) {
		l->order[l->done] = c->number;
	}
	l->done++;
	check_answer(l, c);
	caller_next(l, c);
}

static void caller_lost(struct load *l, struct caller *c, const char *why)
{
	if (c->waiting) {
		note_error(l, "caller %u: connection lost before the answer: %s", c->number, why);
	}
	close(c->fd);
	c->fd = -1;
	if (!l->opt.hold) {
		caller_connect(l, c);
	}
	if (c->waiting) {
		caller_next(l, c);
	}
}

static void parse_head(struct caller *c)
{
	char *end = memmem(c->data, c->len, "\r\n\r\n", 4);

	if (end == NULL || c->len < 13) {
		return;
	}
	c->body_at = (size_t)(end - c->data) + 4;
	c->status = atoi(c->data + 9);
	c->function_error = false;
	for (char *line = c->data; line < end; line = (char *)memchr(line, '\n', c->body_at) + 1) {
		if (strncasecmp(line, "Content-Length:", 15) == 0) {
			c->body_len = strtoul(line + 15, NULL, 10);
		} else if (strncasecmp(line, "X-Amz-Function-Error:", 21) == 0) {
			c->function_error = true;
		}
	}
}

static void reserve(struct caller *c, size_t need)
{
	if (c->cap < need) {
		c->cap = need;
		c->data = realloc(c->data, need);
		if (c->data == NULL) {
			die("out of memory");
		}
	}
}

static void caller_readable(struct load *l, struct caller *c)
{
	ssize_t n;

	reserve(c, c->body_at > 0 ? c->body_at + c->body_len : HEAD_ROOM);
	n = recv(c->fd, c->data + c->len, c->cap - c->len, 0);
	if (n < 0 && errno == EAGAIN) {
		return;
	}
	if (n <= 0 || !c->waiting) {
		caller_lost(l, c, n < 0 ? strerror(errno) : "closed");
		return;
	}
	c->len += (size_t)n;
	if (c->body_at == 0) {
		parse_head(c);
	}
	if (c->body_len > BODY_LIMIT || (c->body_at == 0 && c->len >= HEAD_ROOM)) {
		caller_lost(l, c, "the answer is too large");
	} else if (c->body_at > 0 && c->len >= c->body_at + c->body_len) {
		caller_finish(l, c);
	}
}

/* Until no answer is awaited, or until the deadline: what is then still awaited is lost. */
static void turn_until_answered(struct load *l)
{
	struct epoll_event events[EVENTS_PER_TURN];
	uint64_t give_up_at = l->began_at + l->opt.timeout * 1000000000u;
	uint64_t stop_at = l->opt.seconds > 0 ? l->began_at + l->opt.seconds * 1000000000u : UINT64_MAX;

	while (l->waiting > 0) {
		uint64_t now = now_ns();
		int n;

		if (now >= give_up_at) {
			fprintf(stderr, "load: gave up after %llu s\n", (unsigned long long)l->opt.timeout);
			return;
		}
		l->closing = now >= stop_at;
		n = epoll_wait(l->epoll, events, EVENTS_PER_TURN, 1000);
		for (int i = 0; i < n; i++) {
			struct caller *c = events[i].data.ptr;

			if ((events[i].events & EPOLLOUT) != 0) {
				caller_flush(l, c);
			}
			if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
				caller_readable(l, c);
			}
		}
	}
}

static void prepare(struct load *l)
{
	const struct options *opt = &l->opt;
	int n = asprintf(&l->head,
			 "POST /2015-03-31/functions/%s/invocations HTTP/1.1\r\nHost: %s:%u\r\n"
			 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			 opt->function, opt->host, opt->port, opt->body);

	assert(n > 0);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->callers = must_alloc(opt->callers, sizeof(*l->callers));
	l->order = opt->hold ? must_alloc(opt->callers, sizeof(*l->order)) : NULL;
	for (unsigned i = 0; i < opt->callers; i++) {
		struct caller *c = &l->callers[i];

		c->number = i;
		c->body = must_alloc(1, opt->body + 1);
		memset(c->body, 'x', opt->body);
		c->body[0] = opt->body == 2 ? '{' : '"';
		c->body[opt->body - 1] = opt->body == 2 ? '}' : '"';
		caller_connect(l, c);
	}
}

static void run(struct load *l)
{
	l->began_at = now_ns();
	for (unsigned i = 0; i < l->opt.callers && (l->opt.hold || more_wanted(l)); i++) {
		caller_ask(l, &l->callers[i]);
	}
	l->sent_all_at = now_ns();
	turn_until_answered(l);
}

static int by_size(const void *a, const void *b)
{
	return (int)*(const unsigned *)a - (int)*(const unsigned *)b; /* at most 100,000 each */
}

/* Has the kernel sent anything of this caller twice? */
static bool was_resent(const struct caller *c)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return c->fd >= 0 && getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_total_retrans > 0;
}

/* Fills d with how many places each answer is off, of the callers that count; their number. */
static unsigned displacements(const struct load *l, unsigned *d)
{
	unsigned *rank = must_alloc(l->opt.callers, sizeof(*rank));
	unsigned ranks = 0, place = 0;

	for (unsigned i = 0; i < l->opt.callers; i++) {
		rank[i] = was_resent(&l->callers[i]) ? UINT32_MAX : ranks++;
	}
	for (unsigned i = 0; i < l->done; i++) {
		unsigned r = rank[l->order[i]];

		if (r != UINT32_MAX) {
			d[place] = r > place ? r - place : place - r;
			place++;
		}
	}
	free(rank);
	return place;
}

static bool print_order(const struct load *l)
{
	unsigned *d = must_alloc(l->done + 1, sizeof(*d));
	unsigned lost = l->opt.callers - (unsigned)l->done, counted = displacements(l, d), worst;
	bool in_order;

	qsort(d, counted, sizeof(*d), by_size);
	worst = counted > 0 ? d[counted - 1] : 0;
	in_order = worst <= l->opt.tolerance;
	printf("\"answered\": %llu, \"lost\": %u, \"swapped\": %llu, \"resent\": %u, \"send_seconds\": %.6f, "
	       "\"in_order\": %s, \"tolerance\": %u, \"displacement_max\": %u, "
	       "\"displacement_p99\": %u, \"displacement_p50\": %u, ",
	       (unsigned long long)l->done, lost, (unsigned long long)l->swapped, (unsigned)l->done - counted,
	       (double)(l->sent_all_at - l->began_at) / 1e9, in_order ? "true" : "false", l->opt.tolerance, worst,
	       d[counted * 99 / 100], d[counted / 2]);
	free(d);
	return lost == 0 && l->swapped == 0 && in_order;
}

static bool print_result(const struct load *l)
{
	double seconds = (double)(now_ns() - l->began_at) / 1e9;
	bool good = l->errors == 0 && l->waiting == 0 && l->done > 0;

	printf("{\"mode\": \"%s\", \"callers\": %u, \"body\": %zu, ", l->opt.hold ? "hold" : "loop", l->opt.callers,
	       l->opt.body);
	if (l->opt.hold) {
		good = print_order(l) && good;
	}
	printf("\"count\": %llu, \"errors\": %llu, \"unanswered\": %u, \"seconds\": %.6f, \"rate\": %.1f",
	       (unsigned long long)l->done, (unsigned long long)l->errors, l->waiting, seconds,
	       (double)l->done / seconds);
	printf(", \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p99.9\": %.1f, \"max\": %.1f}\n",
	       histogram_at(&l->latency, 0.5) / 1e3, histogram_at(&l->latency, 0.9) / 1e3,
	       histogram_at(&l->latency, 0.99) / 1e3, histogram_at(&l->latency, 0.999) / 1e3,
	       (double)l->latency.max / 1e3);
	return good;
}

static void load_free(struct load *l)
{
	for (unsigned i = 0; i < l->opt.callers; i++) {
		if (l->callers[i].fd >= 0) {
			close(l->callers[i].fd);
		}
		free(l->callers[i].body);
		free(l->callers[i].data);
	}
	close(l->epoll);
	free(l->callers);
	free(l->order);
	free(l->head);
}

static uint64_t number(const char *name, const char *text, uint64_t least, uint64_t most)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (end == text || *end != '\0' || text[0] == '-' || v < least || v > most) {
		fprintf(stderr, "load: %s is \"%s\": want a number from %llu to %llu\n", name, text,
			(unsigned long long)least, (unsigned long long)most);
		exit(2);
	}
	return v;
}

__attribute__((noreturn)) static void usage(int status)
{
	fputs("usage: load [OPTIONS] HOST:PORT\n"
	      "  --callers N     keep-alive callers in a closed loop (1)\n"
	      "  --body BYTES    size of the event (2)\n"
	      "  --count N       invocations in total (10000)\n"
	      "  --seconds S     for so long instead\n"
	      "  --function F    name of the function (function)\n"
	      "  --timeout S     give up then; what is not answered is lost (120)\n"
	      "  --hold N        N callers that ask once, all at the same time (body 64)\n"
	      "  --tolerance N   with --hold: how many places an answer may be off (256)\n"
	      "  --no-prime      with --hold: no GET /_/health on each connection before\n",
	      status == 0 ? stdout : stderr);
	exit(status);
}

static void set_option(struct options *opt, int c, const char *arg)
{
	switch (c) {
	case 'c':
		opt->callers = (unsigned)number("--callers", arg, 1, 100000);
		break;
	case 'b':
		opt->body = number("--body", arg, 2, 6291456);
		break;
	case 'n':
		opt->count = number("--count", arg, 1, 1000000000);
		break;
	case 's':
		opt->seconds = number("--seconds", arg, 1, 3600);
		break;
	case 'f':
		opt->function = arg;
		break;
	case 't':
		opt->timeout = number("--timeout", arg, 1, 7200);
		break;
	case 'h':
		opt->hold = true;
		opt->callers = (unsigned)number("--hold", arg, 1, 100000);
		break;
	case 'o':
		opt->tolerance = (unsigned)number("--tolerance", arg, 0, 100000);
		break;
	case 'p':
		opt->prime = false;
		break;
	default:
		usage(c == '?' ? 2 : 0);
	}
}

static void parse(struct options *opt, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "callers", required_argument, NULL, 'c' },
		{ "body", required_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 's' },
		{ "function", required_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		{ "hold", required_argument, NULL, 'h' },
		{ "tolerance", required_argument, NULL, 'o' },
		{ "no-prime", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'H' },
		{ NULL, 0, NULL, 0 },
	};
	char *colon;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		set_option(opt, c, optarg);
	}
	colon = optind == argc - 1 ? strrchr(argv[optind], ':') : NULL;
	if (colon == NULL) {
		usage(2);
	}
	*colon = '\0';
	opt->host = argv[optind];
	opt->port = (unsigned)number("port", colon + 1, 1, 65535);
	opt->body = opt->body > 0 ? opt->body : opt->hold ? 64 : 2;
	opt->count = opt->count > 0 || opt->seconds > 0 ? opt->count : 10000;
}

int main(int argc, char **argv)
{
	static struct load l; /* the histogram is large for a stack */
	struct rlimit files;
	bool good;

	l.opt = (struct options){
		.function = "function", .callers = 1, .timeout = 120, .tolerance = 256, .prime = true
	};
	parse(&l.opt, argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	prepare(&l);
	run(&l);
	good = print_result(&l);
	load_free(&l);
	return good ? 0 : 1;
}
