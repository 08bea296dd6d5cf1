// SPDX-License-Identifier: Apache-2.0
// The conformance protocol for the Node.js runtime interface client.
import { readFile } from 'node:fs/promises';

const describe = (context) => ({
  request_id: context.awsRequestId,
  function_name: context.functionName,
  function_version: context.functionVersion,
  invoked_function_arn: context.invokedFunctionArn,
  memory_limit: Number(context.memoryLimitInMB),
  remaining_ms: context.getRemainingTimeInMillis(),
  client_context: context.clientContext ?? null,
  trace_id: process.env._X_AMZN_TRACE_ID,
});

const actions = {
  echo: (event) => event.value,
  raise: (event) => {
    throw new RangeError(event.message);
  },
  sleep: (event) => new Promise((resolve) => setTimeout(resolve, event.seconds * 1000, 'slept')),
  fetch: async (event) => (await fetch(event.url)).text(),
  context: (event, context) => describe(context),
  exit: (event) => process.exit(event.code),
  log: (event) => {
    console.log(event.text);
    process.stderr.write(`${event.text}\n`);
    console.error('logger', event.text);
  },
  env: (event) => Object.fromEntries(event.names.map((name) => [name, process.env[name] ?? null])),
};

export const handler = async (event, context) => actions[event.do](event, context);

// Writes the pieces, waiting for the gate (a FIFO that the test opens) after the first, and fails in the end if it is told to.
export const stream = awslambda.streamifyResponse(async (event, output) => {
  output.setContentType('text/x');
  for (const [index, piece] of event.pieces.entries()) {
    if (index === 1 && event.gate) {
      await readFile(event.gate);
    }
    output.write(piece);
  }
  if (event.fail) {
    throw new RangeError(event.fail);
  }
  output.end();
});
