// SPDX-License-Identifier: Apache-2.0
// usage: node stream.mjs ENDPOINT PAYLOAD; InvokeWithResponseStream, each of its events as a line of JSON when it comes.
import { InvokeWithResponseStreamCommand, LambdaClient } from '@aws-sdk/client-lambda';

const client = new LambdaClient({
  endpoint: process.argv[2],
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
const input = { FunctionName: 'conformance', Payload: process.argv[3], LogType: 'Tail' };
const reply = await client.send(new InvokeWithResponseStreamCommand(input));

for await (const event of reply.EventStream) {
  const payload = event.PayloadChunk?.Payload;
  const line = payload ? { payload: Buffer.from(payload).toString() } : event;
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
client.destroy();
