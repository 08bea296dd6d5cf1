#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// An external extension in JavaScript: tells each event, and at the end how many there were. Node 18 or later.
import http from "node:http";
import { basename } from "node:path";

const name = basename(process.argv[1]);
const agent = new http.Agent({ keepAlive: true });

// Not fetch(): it gives up after five minutes, and an event may take a day to come.
function call(method, path, headers = {}, body = undefined) {
  const url = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2020-01-01/extension/${path}`;
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent }, async (reply) => {
      let text = "";
      for await (const piece of reply.setEncoding("utf8")) text += piece;
      if (reply.statusCode >= 300) reject(new Error(`${path}: ${reply.statusCode} ${text}`));
      else resolve({ headers: reply.headers, document: JSON.parse(text) });
    });
    request.on("error", reject);
    request.end(body);
  });
}

// The name must be that of this file in /opt/extensions.
const registered = await call("POST", "register", { "Lambda-Extension-Name": name },
  JSON.stringify({ events: ["INVOKE", "SHUTDOWN"] }));
const identity = { "Lambda-Extension-Identifier": registered.headers["lambda-extension-identifier"] };
let count = 0;
for (;;) {
  const { document: event } = await call("GET", "event/next", identity);
  if (event.eventType === "SHUTDOWN") {
    console.log(`${name}: ${registered.document.functionName} had ${count} events, end: ${event.shutdownReason}`);
    process.exit(0);
  }
  count += 1;
  console.log(`${name}: ${event.requestId}`);
}
