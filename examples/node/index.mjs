// SPDX-License-Identifier: Apache-2.0
// An ordinary Lambda function: nothing here knows where it runs.

export const handler = async (event, context) => {
  if (typeof event.name !== 'string') {
    throw new TypeError('the event has no name');
  }
  console.log(`greeting ${event.name}`);
  return { message: `Hello ${event.name}`, requestId: context.awsRequestId, function: context.functionName };
};
