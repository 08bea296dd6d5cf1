// SPDX-License-Identifier: Apache-2.0
// usage: node server.mjs PORT. fauxqs on 127.0.0.1; its own program would listen on every address.
import { buildApp } from "fauxqs";

const app = buildApp({ logger: false });
await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
console.log("listening");
process.on("SIGTERM", () => process.exit(0));
