// How soon the proxy is ready over a full record, and what it takes while nothing happens: node bench/start.mjs [REQUESTS]
//
// The requests are recorded by the real recorder first. Ready: `/health` answers. Linux only.

import { once } from "node:events";
import { join } from "node:path";
import { fill, FILLING } from "../lib/fill.mjs";
import { spawnProxy, startStack } from "../lib/stack.mjs";
import { pause, systemOf } from "./lib.mjs";

const total = Number(process.argv[2] ?? 100_000);
const STARTS = 11;
const IDLE = 30;

async function end({ child }) {
  child.removeAllListeners("exit");
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

const stack = await startStack({ flags: FILLING });
await fill(stack, total);
await end(stack.proxy);
const times = [];
for (let at = 0; at < STARTS; at += 1) {
  const begun = performance.now();
  const proxy = await spawnProxy(["--port", "0", "--log-level", "WARN", "--upstream-url", stack.simulator.url, "--data-dir", join(stack.folder, "data")]);
  const answer = await fetch(`${proxy.url}/health`);
  if (!answer.ok) throw new Error(`/health: ${answer.status}`);
  times.push(performance.now() - begun);
  if (at + 1 < STARTS) await end(proxy);
  else stack.proxy = proxy;
}
times.sort((left, right) => left - right);
const [median, worst] = [times[times.length >> 1], times.at(-1)];
console.log(`start to ready over ${total} requests: median ${median.toFixed(0)} ms, worst of ${STARTS} ${worst.toFixed(0)} ms; must 50`);
await pause(2_000);
const before = systemOf(stack.proxy.child.pid);
await pause(IDLE * 1_000);
const after = systemOf(stack.proxy.child.pid);
console.log(`idle for ${IDLE} s: ${((after.processor - before.processor) * 1000).toFixed(0)} ms of processor time, ${after.rss.toFixed(1)} MiB`);
stack.stop();
process.exit(median > 50 ? 1 : 0);
