/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streamed replies of the server on libmicrohttpd. The library asks for bytes when its own buffer is sent; while there are
 * none the connection is suspended, from within that very call, or it would ask again and again.
 */
#include "io/httpd_mhd_priv.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

/* What the library asks for at once. Its own buffer is a part of the connection's pool; this only bounds it. */
static const size_t block = 32 * 1024;
/* What a stream may hold on to while it has nothing to send. */
static const size_t kept = 4 * 1024;

/* The library may call it until the response is destroyed, which is before the request is. */
static ssize_t on_read(void *cls, uint64_t pos, char *out, size_t max)
{
	struct mhd_req *r = cls;
	size_t left = r->out.len - r->out_at;
	size_t n = left < max ? left : max;

	(void)pos;
	if (r->state == MHD_REQ_GONE || (r->cut && left == 0)) {
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	if (n > 0) {
		memcpy(out, r->out.data + r->out_at, n);
		r->out_at += n;
		return (ssize_t)n;
	}
	if (r->state == MHD_REQ_ANSWERED) {
		return MHD_CONTENT_READER_END_OF_STREAM;
	}
	if (r->out.cap > kept) {
		buf_fini(&r->out);
	}
	buf_clear(&r->out);
	r->out_at = 0;
	mhd_req_suspend(r);
	/* May write, which resumes at once, and end. */
	r->req.writable(r->req.owner);
	return 0;
}

void mhd_reply_begin(struct httpd_req *req, int status, const struct httpd_header *headers, size_t count)
{
	struct mhd_req *r = mhd_req_of(req);

	assert(r->state == MHD_REQ_SERVING || r->state == MHD_REQ_PARKED);
	r->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block, on_read, r, NULL);
	assert(r->response != NULL);
	mhd_add_headers(r, headers, count);
	r->status = status;
	r->state = MHD_REQ_STREAMING;
	mhd_req_resume(r);
}

size_t mhd_reply_write(struct httpd_req *req, const void *data, size_t len)
{
	struct mhd_req *r = mhd_req_of(req);

	assert(r->state == MHD_REQ_STREAMING);
	/* What was taken makes room, once that is worth the move. */
	if (r->out_at > r->out.len / 2) {
		buf_consume(&r->out, r->out_at);
		r->out_at = 0;
	}
	buf_append(&r->out, data, len);
	mhd_req_resume(r);
	return r->out.len - r->out_at;
}

void mhd_reply_end(struct httpd_req *req, bool whole)
{
	struct mhd_req *r = mhd_req_of(req);

	assert(r->state == MHD_REQ_STREAMING);
	r->state = MHD_REQ_ANSWERED;
	r->cut = !whole;
	mhd_req_resume(r);
}
