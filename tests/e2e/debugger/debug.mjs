// SPDX-License-Identifier: Apache-2.0
// node debug.mjs URL PLAN: a developer with a debugger. PLAN is JSON:
//   {breakpoints: [[urlRegex, line], ...], ready: bool, stops: [[expression, ...], ...], silent: bool, leave: bool,
//    padding: blanks behind each expression}
// For each stop the expressions are evaluated in the top frame, then the function goes on (leave: the debugger goes). Prints
// one line of JSON for each thing that happens.
import CDP from 'chrome-remote-interface';

const [url, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);
const say = (what) => console.log(JSON.stringify(what));

const brief = (value) => (typeof value === 'string' && value.length > 1000 ? { length: value.length } : value);

const client = await CDP({ target: url, local: true });
const gone = new Promise((resolve) => client.once('disconnect', resolve));
say({ connected: true });
if (!plan.silent) {
  const { Debugger, Runtime } = client;
  const paused = [];
  let wake = () => {};
  Debugger.on('paused', (event) => {
    paused.push(event);
    wake();
  });
  await Runtime.enable();
  await Debugger.enable();
  for (const [urlRegex, lineNumber] of plan.breakpoints ?? []) {
    const { locations } = await Debugger.setBreakpointByUrl({ urlRegex, lineNumber });
    say({ breakpoint: locations.length });
  }
  if (plan.ready ?? true) {
    await Runtime.runIfWaitingForDebugger();
  }
  for (const expressions of plan.stops ?? []) {
    if (paused.length === 0) {
      await new Promise((resolve) => (wake = resolve));
    }
    const { callFrames } = paused.shift();
    const values = [];
    for (const plain of expressions) {
      const { callFrameId } = callFrames[0];
      const expression = plain + ' '.repeat(plan.padding ?? 0);
      const answer = await Debugger.evaluateOnCallFrame({ callFrameId, expression, returnByValue: true });
      values.push(answer.exceptionDetails ? { threw: answer.exceptionDetails.exception.description } : brief(answer.result.value));
    }
    const { functionName, location } = callFrames[0];
    say({ stop: { functionName, line: location.lineNumber, values } });
    if (plan.leave) {
      await client.close();
      process.exit(0);
    }
    // Its answer may not make it: the function ends, and the session with it.
    Debugger.resume().catch(() => {});
  }
}
await gone;
say({ gone: true });
