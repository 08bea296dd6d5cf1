/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Late errors of clients (AWS's for Rust, some for Kotlin) that write what belongs into the trailers of a streamed
 * response as the last bytes of its body:
 *	Lambda-Runtime-Function-Error-Type: TYPE CRLF Lambda-Runtime-Function-Error-Body: BASE64 CRLF
 * What may be the beginning of such a text is held back until more is known; everything else passes at once.
 */
#ifndef CORE_STREAM_ERROR_H
#define CORE_STREAM_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

struct stream_error {
	/* private */
	struct buf held;
	struct buf passed; /* what was held in vain */
};

void stream_error_init(struct stream_error *e);
void stream_error_fini(struct stream_error *e);

/* The next bytes of a body. What of them passes, *data and *len are set to: borrowed until the next call, *len may be 0. */
void stream_error_pass(struct stream_error *e, const char **data, size_t *len);
/* The body is over. true: it ended with an error; type and body (base64) are set, until fini. false: what is left of the
 * data, as above. */
bool stream_error_end(struct stream_error *e, const char **type, const char **body, const char **data,
		      size_t *len) MUST_CHECK;

#endif
