// SPDX-License-Identifier: Apache-2.0
// usage: node fauxqs.mjs NODE_MODULES PORT. fauxqs on 127.0.0.1, which its own program would not be content with.
import { pathToFileURL } from "node:url";

const [modules, port] = process.argv.slice(2);
const entry = `${modules}/fauxqs/dist/app.js`;
const { buildApp } = await import(pathToFileURL(entry));
const app = buildApp({ logger: false });
await app.listen({ host: "127.0.0.1", port: Number(port) });
console.log("listening");
process.on("SIGTERM", () => process.exit(0));
