/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder of the frames that runtime clients write to _LAMBDA_TELEMETRY_LOG_FD. Big-endian:
 *	u32 type     0xA55A0000 | level << 2 | has-timestamp << 1 | is-text
 *	u32 length   of the message
 *	u64 time     microseconds since the epoch; only if has-timestamp
 *	message
 * One frame is one log event; newlines inside it are part of it.
 */
#ifndef CORE_LOG_FRAME_H
#define CORE_LOG_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define LOG_FRAME_MAX (1u << 20) /* a longer message is not believed: the stream is out of step */

struct log_frame {
	bool text;	     /* else JSON */
	unsigned level;	     /* 0 undefined, 1 trace .. 6 fatal */
	uint64_t time_us;    /* 0 = none */
	const char *message; /* borrowed from the input */
	size_t len;
	size_t consumed; /* bytes of input this frame took */
};

enum log_frame_result {
	LOG_FRAME_OK,
	LOG_FRAME_MORE, /* not complete yet */
	LOG_FRAME_BAD,	/* no frame starts here: treat the bytes as plain text */
};

enum log_frame_result log_frame_decode(const char *data, size_t len, struct log_frame *out) MUST_CHECK;

#endif
