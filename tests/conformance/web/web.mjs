// SPDX-License-Identifier: Apache-2.0
// Streams server-sent events: one each time the file that the query names has another line.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

export const events = awslambda.streamifyResponse(async (event, stream) => {
  const out = awslambda.HttpResponseStream.from(stream, {
    statusCode: 201,
    headers: { 'Content-Type': 'text/event-stream', 'X-Mine': event.headers['x-mine'] },
    cookies: ['a=b', 'c=d'],
  });
  for await (const line of createInterface({ input: createReadStream(event.queryStringParameters.fifo) })) {
    out.write(`data: ${line}\n\n`);
  }
  out.end();
});

export const page = async (event) => ({
  statusCode: 200,
  headers: { 'content-type': 'text/html' },
  cookies: event.cookies,
  body: `<h1>${event.requestContext.http.method} ${event.rawPath}</h1>`,
});
