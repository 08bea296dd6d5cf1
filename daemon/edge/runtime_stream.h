/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed responses of runtimes (AWS: "Response streaming" of custom runtimes): from the socket to whoever takes pieces. */
#ifndef EDGE_RUNTIME_STREAM_H
#define EDGE_RUNTIME_STREAM_H

#include <stdbool.h>

#include "base/buf.h"
#include "core/dispatch.h"

struct httpd_req;
struct loop;

#define RUNTIME_TRUNCATED_TEXT "The response was cut off before its end"
#define RUNTIME_OCTETS_TYPE "application/octet-stream"
/* The Content-Type of what a runtime sends; an absurdly long one counts as octets. Borrowed. NULL = there is none: who
 * answers the caller has a default of its own. */
const char *runtime_content_type(const struct httpd_req *req);

/* Is this response a stream, if its caller takes one? */
bool runtime_stream_is_meant(const struct httpd_req *req);
/* For a request whose body comes in pieces, when dispatch_wants_stream(); answers it at its end. */
void runtime_stream_begin(struct loop *loop, struct dispatch *d, struct instance *inst, struct httpd_req *req,
			  const char *id);

/* What a runtime says about an error that came late: in the trailers, or as the last bytes of a body. */
struct late_error {
	struct buf document;
	char type[80]; /* normalised */
};

/* Puts it into a: its body is a new reference (the one before is given back), its error type lies in e. type, body: as
 * they were sent. */
void late_error_set(struct late_error *e, const char *type, const char *body, struct answer *a);
/* The trailers of req: true, and it is put into a. */
bool late_error_in_trailers(struct late_error *e, const struct httpd_req *req, struct answer *a);
/* The end of a->body: the same. */
bool late_error_in_body(struct late_error *e, struct answer *a);

#endif
