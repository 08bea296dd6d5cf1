/* SPDX-License-Identifier: Apache-2.0 */
/* Telemetry log frames. */
#include "core/log_frame.h"

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

enum log_frame_result log_frame_decode(const char *data, size_t len, struct log_frame *out)
{
	const unsigned char *p = (const unsigned char *)data;
	size_t head = 8;
	uint32_t type;

	if (len >= 1 && p[0] != 0xa5) {
		return LOG_FRAME_BAD;
	}
	if (len >= 2 && p[1] != 0x5a) {
		return LOG_FRAME_BAD;
	}
	if (len < head) {
		return LOG_FRAME_MORE;
	}
	type = be32(p);
	out->text = (type & 1) != 0;
	out->level = (type & 0xff) >> 2;
	out->len = be32(p + 4);
	out->time_us = 0;
	if ((type & 0xff00) != 0 || out->len > LOG_FRAME_MAX) {
		return LOG_FRAME_BAD;
	}
	if ((type & 2) != 0) {
		head = 16;
		if (len < head) {
			return LOG_FRAME_MORE;
		}
		out->time_us = (uint64_t)be32(p + 8) << 32 | be32(p + 12);
	}
	if (len - head < out->len) {
		return LOG_FRAME_MORE;
	}
	out->message = data + head;
	out->consumed = head + out->len;
	return LOG_FRAME_OK;
}
