// Kills the proxy under load, again and again: node bench/kill.mjs [ROUNDS] [PAUSE]
//
// Sixteen clients ask at the same time, each PAUSE (20) milliseconds after its last answer: 500 requests a second, far more than agents send.
//
// Nothing that was answered more than a second before a kill may be missing, and nothing may be damaged.

import { execFileSync, spawn } from "node:child_process";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { cleanEnvironment, proxyBinary, startStack, until } from "../lib/stack.mjs";

const rounds = Number(process.argv[2] ?? 100);
const rest = Number(process.argv[3] ?? 20);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const stack = await startStack({ flags: ["--log-level", "ERROR"] });
const data = join(stack.folder, "data");
const answered = new Map();
let next = 0;

function ask(url, agent) {
  const session = `kill-${next++}`;
  const stream = next % 2 === 0;
  const body = JSON.stringify({ model: "claude-opus-5-5", max_tokens: 64, stream, messages: [{ role: "user", content: session.repeat(40) }] });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body), "x-claude-code-session-id": session };
  return new Promise((done, failed) => {
    const call = request(`${url}/v1/messages`, { method: "POST", agent, headers }, (answer) => {
      answer.on("error", failed).resume().on("end", () => done(answered.set(session, Date.now())));
    });
    call.on("error", failed).end(body);
  });
}

/** Another proxy on the same folder. */
async function restart() {
  const args = ["--port", "0", "--upstream-url", stack.simulator.url, "--data-dir", data, "--log-level", "ERROR"];
  const child = spawn(proxyBinary(), args, { env: cleanEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((found, failed) => {
    let said = "";
    child.on("exit", (code) => failed(new Error(`it ended with ${code}: ${said}`)));
    child.stdout.on("data", (bytes) => {
      said += bytes;
      const match = /http:\/\/[\d.]+:\d+/.exec(said);
      if (match && said.includes("\n")) found(match[0]);
    });
  });
  return { child, url };
}

const old = new Set();
const young = new Set();
let proxy = stack.proxy;
for (let round = 1; round <= rounds; round += 1) {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const before = new Set(answered.keys());
  let killed = false;
  const load = Array.from({ length: 16 }, async () => {
    while (!killed) {
      await ask(proxy.url, agent).catch(() => {});
      await pause(rest);
    }
  });
  await pause(1200 + Math.random() * 800);
  proxy.child.removeAllListeners("exit");
  const ended = new Promise((done) => proxy.child.once("exit", done));
  proxy.child.kill("SIGKILL");
  const at = Date.now();
  killed = true;
  await Promise.all([ended, ...load]);
  agent.destroy();
  for (const [session, time] of answered) {
    if (!before.has(session)) (at - time > 1000 ? old : young).add(session);
  }
  proxy = await restart();
  if (round % 10 === 0) console.log(`${round} kills, ${answered.size} requests answered`);
}
stack.proxy = proxy;
stack.url = proxy.url;
await until("what ran to be told as interrupted", async () => (await stack.get("/api/monitor/stats?timeRange=7d")).activeRequests === 0 || null);
const found = new Set();
let interrupted = 0;
let cursor = "";
do {
  const page = await stack.get(`/api/monitor/requests?limit=1000${cursor && `&cursor=${cursor}`}`);
  for (const row of page.data) {
    found.add(row.session?.id);
    interrupted += row.outcome === "interrupted" ? 1 : 0;
  }
  cursor = page.nextCursor;
} while (cursor);
const missing = (sessions) => [...sessions].filter((session) => !found.has(session)).length;
console.log(`${rounds} kills; ${found.size} requests recorded, ${interrupted} of them interrupted`);
console.log(`missing of ${old.size} answered more than a second before a kill: ${missing(old)}`);
console.log(`missing of ${young.size} answered within the last second: ${missing(young)}`);
console.log(execFileSync(proxyBinary(), ["verify", "--data-dir", data], { env: cleanEnvironment(), encoding: "utf8" }).trim());
const failed = missing(old) > 0;
await stack.stop();
process.exit(failed ? 1 : 0);
