/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry frames written by functions: a decoded frame lies within the input, and no prefix of it decodes to another. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/log_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	size_t left = size;
	struct log_frame f;

	while (log_frame_decode(at, left, &f) == LOG_FRAME_OK) {
		struct log_frame shorter;

		assert(f.consumed >= 8 && f.consumed <= left && f.level <= 63);
		assert(f.message >= at && f.message + f.len == at + f.consumed);
		assert(log_frame_decode(at, f.consumed - 1, &shorter) != LOG_FRAME_OK);
		at += f.consumed;
		left -= f.consumed;
	}
	return 0;
}
