// SPDX-License-Identifier: Apache-2.0
const { execFileSync } = require('node:child_process');

const add = (a, b) => {
  const sum = a + b;
  return sum;
};

const actions = {
  add: (event) => ({ sum: add(event.a, event.b) }),
  remaining: (event, context) => ({ ms: context.getRemainingTimeInMillis() }),
  log: (event) => {
    console.log(event.text);
    return {};
  },
  child: () => ({ out: execFileSync(process.execPath, ['-p', '1 + 1']).toString(), options: process.env.NODE_OPTIONS ?? null }),
  exit: (event) => process.exit(event.code),
  sleep: (event) => new Promise((resolve) => setTimeout(() => resolve({}), event.seconds * 1000)),
};

const handler = async (event, context) => {
  return actions[event.do](event, context);
};

exports.handler = handler;
