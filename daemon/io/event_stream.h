/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the AWS event-stream encoding (application/vnd.amazon.eventstream), as InvokeWithResponseStream sends them:
 * lengths, a checksum of these, headers, the payload, a checksum of all. Written only; nothing is sent here.
 */
#ifndef IO_EVENT_STREAM_H
#define IO_EVENT_STREAM_H

#include <stddef.h>

struct buf;

#define EVENT_STREAM_TYPE "application/vnd.amazon.eventstream"

/* Each appends one message. */
void event_stream_chunk(struct buf *out, const void *data, size_t len);	   /* PayloadChunk */
void event_stream_complete(struct buf *out, const void *json, size_t len); /* InvokeComplete */
void event_stream_exception(struct buf *out, const char *type, const void *json, size_t len);

#endif
