/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 servers on the loop. Which implementation is behind a server is not visible here:
 *	httpd_mhd_new()    libmicrohttpd: for the Invoke API, which takes bytes from anybody
 *	httpd_http1_new()  our own: for the Runtime API, which needs 1 MiB of headers without paying for them at each
 *	                   request, an answer to a truncated body, and the parked long-poll as the normal case
 *
 * Life of a request: its head and body are read completely, then on_request(ctx, req) is called once. The handler
 * answers with httpd_reply(), in the call or at any later time; a request that is not answered in the call is parked.
 * Exactly one of these ends a request, and after it req is gone:
 *	httpd_reply(req, ...)       from our side;
 *	its owner's on_gone(owner)  the peer hung up first (or its listener was kicked); set with httpd_req_own().
 *	                            A parked request without an owner is just forgotten.
 * A peer that half-closes looks the same as one that is gone.
 *
 * Streams, for what should not be waited for or is too large to be kept:
 *	of a request (http1 only): where opts.wants_stream says so, on_request is called at the end of the head, and the
 *	handler sets httpd_req_stream(). Pieces follow, then end(); the reply may come at any time, also before the end, which
 *	closes the connection after it. Meanwhile httpd_req_pause() leaves what the peer sends in its socket.
 *	of a reply (libmicrohttpd only): httpd_reply_begin() in place of httpd_reply(), then httpd_reply_write() any number of
 *	times. What ends the request is then httpd_reply_end(), httpd_reply_abort() or on_gone().
 */
#ifndef IO_HTTPD_H
#define IO_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct blob;
struct buf;
struct err;
struct loop;
struct httpd;
struct httpd_listener;
struct httpd_req;

enum httpd_body {
	HTTPD_BODY_OK,
	HTTPD_BODY_TOO_LARGE, /* longer than max_body: read to its end, counted and thrown away */
	HTTPD_BODY_TRUNCATED, /* peer stopped before its Content-Length or last chunk, or the chunking is malformed;
				 the answer is sent and the connection closed (http1 only; libmicrohttpd just closes) */
};

struct httpd_opts {
	size_t max_head;	 /* bytes of request line and headers; over it: 431 by the server itself */
	size_t max_reply_head;	 /* headers of a reply; 0 = 8 KiB. libmicrohttpd only: part of max_head */
	size_t max_body;	 /* bytes of a body that are kept */
	unsigned max_conns;	 /* at this many the listeners wait until one closes */
	int64_t idle_timeout_us; /* a connection without any progress outside a parked request is closed; 0 = never */
	void (*on_request)(void *ctx, struct httpd_req *req);
	/* The head of a request with a body is there: is the body to be streamed? NULL: never. http1 only. */
	bool (*wants_stream)(void *ctx, const struct httpd_req *req);
	void *ctx;
};

struct httpd *httpd_mhd_new(struct loop *loop, const struct httpd_opts *opts) MUST_CHECK;   /* NULL: failed */
struct httpd *httpd_http1_new(struct loop *loop, const struct httpd_opts *opts) MUST_CHECK; /* never NULL */
/* Closes everything at once; parked requests get on_gone. */
void httpd_free(struct httpd *h);

/* host: as for listen_on() (io/listen.h); port 0 = any free one. tag comes back with each request.
 * Fails with the reason in err (address in use, ...). The listener is the server's; see httpd_listener_close. */
struct httpd_listener *httpd_listen(struct httpd *h, const char *host, uint16_t port, void *tag,
				    struct err *err) MUST_CHECK;
/* The same for a socket that listens already, of any family; non-blocking, CLOEXEC. It is moved, also on failure. */
struct httpd_listener *httpd_listen_fd(struct httpd *h, int fd, void *tag, struct err *err) MUST_CHECK;
/* Puts fn between a connection and the server: it gets the socket and returns another one, or -1 (then it has closed it). */
void httpd_listener_filter(struct httpd_listener *l, int (*fn)(void *ctx, int fd), void *ctx);
uint16_t httpd_listener_port(const struct httpd_listener *l);
/* Closes all connections accepted here, parked requests get on_gone; goes on listening. */
void httpd_listener_kick(struct httpd_listener *l);

/* Processes everything that peers of this listener have sent so far, also on connections not accepted yet: what a process
 * wrote right before it ended, or before it was late, must not be judged after that. Bounded, as some may go on sending. May
 * call on_request. */
void httpd_listener_settle(struct httpd_listener *l);

/* Drain: stop listening, close idle connections, every further reply closes its connection. */
void httpd_quiesce(struct httpd *h);
/* Connections that still have a request or an unsent reply. */
unsigned httpd_busy(const struct httpd *h);

/* --- the request; strings are borrowed and live as long as the request --- */
const char *httpd_req_method(const struct httpd_req *req);
const char *httpd_req_path(const struct httpd_req *req);  /* as sent: not percent-decoded, without the query */
const char *httpd_req_query(const struct httpd_req *req); /* as sent, without '?'; "" when there is none */
/* First header of that name, any case; NULL when absent. Blanks around the value are gone. */
const char *httpd_req_header(const struct httpd_req *req, const char *name);
/* As above for a trailer of a chunked body. */
const char *httpd_req_trailer(const struct httpd_req *req, const char *name);
/* Calls fn for each header, in the order sent, as it was sent but for the blanks around the value. */
typedef void (*httpd_header_fn)(void *ctx, const char *name, const char *value);
void httpd_req_each_header(const struct httpd_req *req, httpd_header_fn fn, void *ctx);
#define HTTPD_PEER_LEN 64
/* Address of the peer in digits, "" if it has gone already. */
void httpd_req_peer(const struct httpd_req *req, char out[HTTPD_PEER_LEN]);
void *httpd_req_tag(const struct httpd_req *req); /* of the listener */
enum httpd_body httpd_req_body_state(const struct httpd_req *req);
size_t httpd_req_body_len(const struct httpd_req *req); /* bytes received, also when they were not kept */
/* Moves the body out; never NULL (an empty blob if there was none, it was too large, or it was taken before). */
struct blob *httpd_req_take_body(struct httpd_req *req) MUST_CHECK;

/* Set before the handler returns, or at any time while parked. on_gone may not call back into httpd for req. */
void httpd_req_own(struct httpd_req *req, void *owner, void (*on_gone)(void *owner));
/* Of a request whose body is streamed; owner is that of httpd_req_own(). Neither may call httpd_listener_settle(). */
struct httpd_stream_ops {
	void (*piece)(void *owner, const char *data, size_t len); /* borrowed; len > 0 */
	/* No more comes. The body's state is OK, and the trailers are there, or TRUNCATED. */
	void (*end)(void *owner);
};

bool httpd_req_is_stream(const struct httpd_req *req);
/* Before on_request returns, with an owner set. */
void httpd_req_stream(struct httpd_req *req, const struct httpd_stream_ops *ops);
/* A piece or two may still come that had been read before; and httpd_listener_settle() reads on all the same. */
void httpd_req_pause(struct httpd_req *req, bool paused);

/* Looks at the socket now: false if the peer has hung up already although on_gone has not come yet. */
bool httpd_req_alive(const struct httpd_req *req);

/* Takes the connection away from the server, to speak another protocol on it: the fd is the caller's, *ahead gets what was
 * read already beyond the request. req is gone, on_gone is not called. -1: this server cannot (libmicrohttpd). */
int httpd_req_detach(struct httpd_req *req, struct buf *ahead) MUST_CHECK;

struct httpd_header {
	const char *name;
	const char *value; /* NULL: this header is left out; control characters are replaced by blanks */
};

/* headers: count of them, borrowed; Content-Length, Date and Connection are added by the server.
 * body: moved (one reference), NULL = empty. A HEAD request and status 204 get no body.
 * 0, or -1 when the peer could not be reached any more (http1: the first write failed at once, so not a byte of the reply
 * was taken; the caller may do something else with the content). req is gone in either case, on_gone is not called. */
int httpd_reply(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count,
		struct blob *body);

/* A reply of unknown length; the request stays and needs an owner. writable(owner) is called when all that was written has
 * been passed on to the socket; it may write, end or abort. */
void httpd_reply_begin(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count,
		       void (*writable)(void *owner));
/* Takes all of it (copied). Returns the bytes that wait now: who has much to say stops at some bound of its own. */
size_t httpd_reply_write(struct httpd_req *req, const void *data, size_t len);
/* Both: req is gone, on_gone is not called. What was written before is sent before the end; after an abort the peer sees
 * the connection closed in the middle. */
void httpd_reply_end(struct httpd_req *req);
void httpd_reply_abort(struct httpd_req *req);

#endif
