/* SPDX-License-Identifier: Apache-2.0 */
/* What InvokeWithResponseStream says at the end (AWS Lambda API reference: InvokeWithResponseStreamCompleteEvent). */
#ifndef EDGE_INVOKE_STREAM_H
#define EDGE_INVOKE_STREAM_H

struct buf;
struct outcome;

/* Appends the event InvokeComplete. */
void invoke_stream_complete(struct buf *out, const struct outcome *o);
/* Of an answer that did not come in pieces: one PayloadChunk, if it is no error, and InvokeComplete. */
void invoke_stream_whole(struct buf *out, const struct outcome *o);

#endif
