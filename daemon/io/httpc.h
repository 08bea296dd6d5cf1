/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP client: libcurl's multi interface on the loop. HTTP/1.1, keep-alive, no redirects, http and https only.
 * One `struct httpc` per program, made when the first call is needed: libcurl and TLS are not initialised before.
 *
 * A call ends in exactly one of two ways: its callback runs once, or its owner cancels it. The callback never runs from
 * inside httpc_start(); it may start and cancel calls. After it, or after the cancellation, the handle is gone.
 */
#ifndef IO_HTTPC_H
#define IO_HTTPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

struct blob;
struct err;
struct httpc;
struct httpc_call;
struct loop;

#define HTTPC_NO_TIMEOUT INT64_MAX

struct httpc_options {
	const char *ca_file; /* bundle of certificate authorities; NULL = SSL_CERT_FILE, else the usual places */
};

/* All borrowed for httpc_start() alone, but body, of which the call takes a reference. */
struct httpc_request {
	const char *method; /* "GET", "POST", "PUT", ... */
	const char *url;
	const char *const *headers; /* "Name: value", NULL terminated; NULL = none */
	struct blob *body;	    /* NULL = none */
	int64_t connect_timeout_us; /* 0 = 5 s */
	int64_t timeout_us;	    /* of all of it; 0 = 60 s, HTTPC_NO_TIMEOUT = as long as it takes */
	size_t max_body;	    /* of the reply; 0 = 1 MiB */
	bool direct;		    /* past any proxy that the environment names */
};

enum httpc_result {
	HTTPC_OK,	   /* a reply of whatever status */
	HTTPC_UNREACHABLE, /* no connection: the server has not seen the request */
	HTTPC_TIMEOUT,
	HTTPC_BROKEN,	 /* the connection ended before the reply did: the server may have seen the request */
	HTTPC_TOO_LARGE, /* the reply is larger than max_body */
	HTTPC_TLS,	 /* handshake or certificate */
	HTTPC_INVALID,	 /* the request itself, e.g. its URL */
};

/* Valid for the call of the callback. */
struct httpc_reply {
	enum httpc_result result;
	int status;		    /* HTTPC_OK: of the final response */
	char error[256];	    /* otherwise: one line for a log; without the query part of the URL */
	struct buf body;	    /* may be moved out (buf_to_blob) */
	int64_t date_ms;	    /* the Date header, milliseconds since the epoch; 0 = none */
	const struct buf *headers_; /* private */
};

typedef void (*httpc_fn)(void *ctx, struct httpc_reply *reply);

struct httpc *httpc_new(struct loop *loop, const struct httpc_options *options, struct err *err) MUST_CHECK;
void httpc_free(struct httpc *c); /* cancels what is under way; not from inside a callback; NULL is fine */

struct httpc_call *httpc_start(struct httpc *c, const struct httpc_request *req, httpc_fn fn, void *ctx) MUST_CHECK;
void httpc_cancel(struct httpc_call *call); /* NULL is fine */

/* The last header of that name (any case), its value trimmed; NULL = none. Borrowed from the reply. */
const char *httpc_header(const struct httpc_reply *reply, const char *name);

#endif
