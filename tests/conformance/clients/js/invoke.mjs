// SPDX-License-Identifier: Apache-2.0
// usage: node invoke.mjs ENDPOINT; standard input: a JSON list of Invoke inputs, Payload as text.
// Sends all of them at once through one client, prints a JSON list of what came of each.
import { json } from 'node:stream/consumers';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';

const client = new LambdaClient({
  endpoint: process.argv[2],
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});

async function invoke(input) {
  try {
    const reply = await client.send(new InvokeCommand(input));
    return {
      status: reply.StatusCode,
      payload: Buffer.from(reply.Payload ?? []).toString(),
      functionError: reply.FunctionError ?? null,
      executedVersion: reply.ExecutedVersion ?? null,
      logResult: reply.LogResult ?? null,
      requestId: reply.$metadata.requestId,
    };
  } catch (error) {
    return { error: error.name, message: error.message, status: error.$metadata?.httpStatusCode };
  }
}

const inputs = await json(process.stdin);
process.stdout.write(JSON.stringify(await Promise.all(inputs.map(invoke))));
client.destroy();
