/* SPDX-License-Identifier: Apache-2.0 */
/* Relays between encrypted and plain sockets. */
#include "io/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

static const int64_t handshake_us = 10 * 1000 * 1000;
/* Blocks moved in one go, so that one connection does not starve the others. */
static const unsigned turn_blocks = 64;

#define BLOCK 16384 /* a TLS record */

struct tls {
	SSL_CTX *ctx;
	bool server;
	struct list relays; // relay::link
};

struct side {
	struct loop_fd source;
	int fd;
	uint32_t interest; /* 0: not watched */
};

struct block {
	char data[BLOCK];
	size_t at;
	size_t len;
};

struct relay {
	struct loop *loop;
	struct list link;
	SSL *ssl;
	struct side outer;
	struct side inner;
	struct loop_timer timer; /* limit of the handshake, then: there is more to do */
	struct loop_grave grave;
	struct block in; /* for the inner side */
	struct block out;
	bool open; /* the handshake is over */
	bool outer_ended;
	bool inner_ended;
	bool wants_write; /* what OpenSSL waits for */
	bool freed;
	char *name;
};

static const char *reason(const struct relay *r)
{
	long verified = r != NULL ? SSL_get_verify_result(r->ssl) : X509_V_OK;
	unsigned long e = ERR_get_error();
	/* OpenSSL has no text for what the system says. */
	const char *text = ERR_GET_LIB(e) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(e)) : ERR_reason_error_string(e);

	if (verified != X509_V_OK) {
		text = X509_verify_cert_error_string(verified);
	}
	ERR_clear_error();
	return text != NULL ? text : "the connection was closed";
}

static void relay_free(void *ctx)
{
	struct relay *r = ctx;

	SSL_free(r->ssl);
	free(r->name);
	free(r);
}

static void watch(struct relay *r, struct side *s, uint32_t events)
{
	if (s->interest == events) {
		return;
	}
	/* A side of which nothing is wanted must not be watched: its end would be told again and again. */
	if (s->interest == 0) {
		if (loop_fd_add(r->loop, &s->source, s->fd, events) != 0) {
			return;
		}
	} else if (events == 0) {
		loop_fd_del(r->loop, &s->source);
	} else {
		loop_fd_mod(r->loop, &s->source, events);
	}
	s->interest = events;
}

static void finish(struct relay *r)
{
	if (r->freed) {
		return;
	}
	r->freed = true;
	list_unlink(&r->link);
	loop_timer_clear(r->loop, &r->timer);
	watch(r, &r->outer, 0);
	watch(r, &r->inner, 0);
	close(r->outer.fd);
	close(r->inner.fd);
	loop_defer(r->loop, &r->grave, relay_free, r);
}

/* Of an OpenSSL call that gave n. true: it waits for the socket; false: the connection is over. */
static bool waits(struct relay *r, int n)
{
	int why = SSL_get_error(r->ssl, n);

	r->wants_write = why == SSL_ERROR_WANT_WRITE;
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

/* Each moves what it can; true: it moved something. */
static bool move_in(struct relay *r)
{
	bool moved = false;

	if (r->in.at == r->in.len && !r->outer_ended) {
		int n = SSL_read(r->ssl, r->in.data, BLOCK);

		r->in.at = 0;
		r->in.len = n > 0 ? (size_t)n : 0;
		moved = n > 0;
		r->outer_ended = n <= 0 && !waits(r, n);
	}
	if (r->in.at < r->in.len) {
		ssize_t n = send(r->inner.fd, r->in.data + r->in.at, r->in.len - r->in.at,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		r->in.at += n > 0 ? (size_t)n : 0;
		moved = moved || n > 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			/* Nobody reads it any more. */
			r->in.at = r->in.len;
			r->outer_ended = true;
		}
	}
	return moved;
}

static bool move_out(struct relay *r)
{
	bool moved = false;

	if (r->out.at == r->out.len && !r->inner_ended) {
		ssize_t n = recv(r->inner.fd, r->out.data, BLOCK, MSG_DONTWAIT);

		r->out.at = 0;
		r->out.len = n > 0 ? (size_t)n : 0;
		moved = n > 0;
		r->inner_ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
	}
	if (r->out.at < r->out.len) {
		int n = SSL_write(r->ssl, r->out.data + r->out.at, (int)(r->out.len - r->out.at));

		r->out.at += n > 0 ? (size_t)n : 0;
		moved = moved || n > 0;
		if (n <= 0 && !waits(r, n)) {
			r->out.at = r->out.len;
			r->inner_ended = true;
		}
	}
	return moved;
}

static bool shake_hands(struct relay *r)
{
	int n = SSL_do_handshake(r->ssl);

	if (n == 1) {
		r->open = true;
		loop_timer_clear(r->loop, &r->timer);
		return true;
	}
	if (!waits(r, n)) {
		log_warn("TLS failed peer=%s reason=\"%s\"", r->name != NULL ? r->name : "client", reason(r));
		finish(r);
		return false;
	}
	watch(r, &r->outer, r->wants_write ? EPOLLOUT : EPOLLIN);
	return false;
}

static void pump(struct relay *r)
{
	bool in_left, out_left;
	bool moved = true;

	if (r->freed || (!r->open && !shake_hands(r))) {
		return;
	}
	r->wants_write = false;
	for (unsigned i = 0; i < turn_blocks && moved; i++) {
		moved = move_in(r);
		moved = move_out(r) || moved;
	}
	ERR_clear_error();
	in_left = r->in.at < r->in.len;
	out_left = r->out.at < r->out.len;
	if ((r->outer_ended && !in_left) || (r->inner_ended && !out_left)) {
		(void)SSL_shutdown(r->ssl);
		ERR_clear_error();
		finish(r);
		return;
	}
	if (moved) {
		/* OpenSSL may hold input that the socket does not show. */
		loop_timer_set(r->loop, &r->timer, loop_now_us(r->loop));
	}
	watch(r, &r->outer, (in_left || r->outer_ended ? 0 : EPOLLIN) | (out_left || r->wants_write ? EPOLLOUT : 0));
	watch(r, &r->inner, (out_left || r->inner_ended ? 0 : EPOLLIN) | (in_left ? EPOLLOUT : 0));
}

static void on_event(void *ctx, uint32_t events)
{
	(void)events;
	pump(ctx);
}

static void on_timer(void *ctx)
{
	struct relay *r = ctx;

	if (r->open) {
		pump(r);
	} else {
		log_warn("TLS failed peer=%s reason=\"timed out\"", r->name != NULL ? r->name : "client");
		finish(r);
	}
}

/* The certificate must be for this name or address. */
static bool expect_name(SSL *ssl, const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1) {
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1;
	}
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static SSL *new_ssl(struct tls *t, int fd, const char *name)
{
	SSL *ssl = SSL_new(t->ctx);

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || (name != NULL && !expect_name(ssl, name))) {
		SSL_free(ssl);
		ERR_clear_error();
		return NULL;
	}
	if (t->server) {
		SSL_set_accept_state(ssl);
	} else {
		SSL_set_connect_state(ssl);
	}
	return ssl;
}

int tls_wrap(struct loop *loop, struct tls *t, int fd, const char *name)
{
	struct relay *r;
	int ends[2];

	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
		close(fd);
		return -1;
	}
	r = xcalloc(1, sizeof(*r));
	r->loop = loop;
	r->ssl = new_ssl(t, fd, name);
	if (r->ssl == NULL) {
		free(r);
		close(ends[0]);
		close(ends[1]);
		close(fd);
		return -1;
	}
	r->name = xstrdup(name);
	r->outer.fd = fd;
	r->inner.fd = ends[0];
	loop_fd_init(&r->outer.source, on_event, r);
	loop_fd_init(&r->inner.source, on_event, r);
	loop_timer_init(&r->timer, on_timer, r);
	loop_timer_set(loop, &r->timer, loop_now_us(loop) + handshake_us);
	list_push_back(&t->relays, &r->link);
	watch(r, &r->outer, t->server ? EPOLLIN : EPOLLOUT);
	return ends[1];
}

static struct tls *tls_new(const SSL_METHOD *method, bool server)
{
	struct tls *t = xcalloc(1, sizeof(*t));

	list_init(&t->relays);
	t->server = server;
	t->ctx = SSL_CTX_new(method);
	if (t->ctx != NULL) {
		SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
		SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		/* Peers that just close are common; messages have ends of their own here. */
		SSL_CTX_set_options(t->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION);
	}
	return t;
}

struct tls *tls_server_new(const char *cert_file, const char *key_file, struct err *err)
{
	struct tls *t = tls_new(TLS_server_method(), true);
	const char *bad = NULL;

	if (t->ctx == NULL || SSL_CTX_use_certificate_chain_file(t->ctx, cert_file) != 1) {
		bad = cert_file;
	} else if (SSL_CTX_use_PrivateKey_file(t->ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
		   SSL_CTX_check_private_key(t->ctx) != 1) {
		bad = key_file;
	}
	if (bad != NULL) {
		err_set(err, 2, "TLS: %s: %s", bad, reason(NULL));
		tls_free(t);
		return NULL;
	}
	return t;
}

struct tls *tls_client_new(const char *ca_file, struct err *err)
{
	struct tls *t = tls_new(TLS_client_method(), false);
	int ok = t->ctx == NULL	   ? 0
		 : ca_file != NULL ? SSL_CTX_load_verify_locations(t->ctx, ca_file, NULL)
				   : SSL_CTX_set_default_verify_paths(t->ctx);

	if (ok != 1) {
		err_set(err, 2, "TLS: %s: %s", ca_file != NULL ? ca_file : "the system's certificates", reason(NULL));
		tls_free(t);
		return NULL;
	}
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	return t;
}

unsigned tls_open(const struct tls *t)
{
	struct list *pos;
	unsigned n = 0;

	list_foreach(&t->relays, pos) {
		n++;
	}
	return n;
}

void tls_free(struct tls *t)
{
	if (t == NULL) {
		return;
	}
	while (!list_empty(&t->relays)) {
		finish(list_first(&t->relays, struct relay, link));
	}
	SSL_CTX_free(t->ctx);
	free(t);
}
