// SPDX-License-Identifier: Apache-2.0
// node browse.mjs PORT URL: a browser's tab, worked from stdin. One command of JSON a line, one answer of JSON a line:
//   {"wait": expression}  until it is true in the page      {"eval": expression}  its value
//   {"shot": file, "width":, "height":, "dark": bool}       {"messages": true}    errors and refusals of the page so far
import CDP from 'chrome-remote-interface';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [port, url] = process.argv.slice(2);
const target = await CDP.New({ port: Number(port), url: 'about:blank' });
const client = await CDP({ port: Number(port), target });
const { Emulation, Log, Page, Runtime } = client;
const messages = [];
Log.on('entryAdded', ({ entry }) => messages.push(`${entry.source}: ${entry.text} ${entry.url ?? ''}`));
Runtime.on('exceptionThrown', ({ exceptionDetails }) => messages.push(`exception: ${exceptionDetails.exception?.description}`));
await Promise.all([Log.enable(), Page.enable(), Runtime.enable()]);
await Page.navigate({ url });

const evaluate = async (expression) => {
  const { result, exceptionDetails } = await Runtime.evaluate({ expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) {
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  }
  return result.value;
};

const until = (expression) => `new Promise((done) => {
  const look = () => { try { if (${expression}) { clearInterval(timer); done(true); } } catch (e) { /* not yet */ } };
  const timer = setInterval(look, 20);
})`;

const act = async (command) => {
  if (command.wait) {
    return evaluate(until(command.wait));
  }
  if (command.shot) {
    const { width = 1100, height = 640, dark = false } = command;
    await Emulation.setDeviceMetricsOverride({ width, height, deviceScaleFactor: 1, mobile: false });
    await Emulation.setEmulatedMedia({ features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
    await Emulation.setScrollbarsHidden({ hidden: true });
    const { data } = await Page.captureScreenshot({ format: 'png' });
    writeFileSync(command.shot, Buffer.from(data, 'base64'));
    return true;
  }
  return command.messages ? messages : evaluate(command.eval);
};

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { value: await act(JSON.parse(line)) };
  } catch (error) {
    answer = { error: String(error) };
  }
  console.log(JSON.stringify(answer));
}
await client.close();
