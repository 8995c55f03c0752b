// Many streams at once: node bench/crowd.mjs [STREAMS, 2000] [SECONDS, 300]
//
// Each stream is of its own bytes, an event every two seconds; who is done begins the next. Every byte that comes out is compared by
// hash with what went in, every exchange must have its row, and the proxy's memory must stay where it was once all streams ran.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanEnvironment, proxyBinary, spawnProxy, until } from "../lib/stack.mjs";
import { call, hash, pause, systemOf } from "./lib.mjs";

const streams = Number(process.argv[2] ?? 2000);
const seconds = Number(process.argv[3] ?? 300);
const EVERY = 2000;
const EVENTS = 20;

/** What the upstream says to a request, by its number: made anew wherever it is needed. */
function* eventsOf(number) {
  const event = (type, rest) => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
  const usage = { input_tokens: 10, output_tokens: 1 };
  const message = { id: `msg_${number}`, type: "message", role: "assistant", model: "claude-opus-5-5", content: [], stop_reason: null, usage };
  yield event("message_start", { message }) + event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
  for (let at = 0; at < EVENTS; at += 1) {
    const text = createHash("sha256").update(`${number} ${at}`).digest("hex");
    yield event("content_block_delta", { index: 0, delta: { type: "text_delta", text } });
  }
  yield event("content_block_stop", { index: 0 }) +
    event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: EVENTS } }) + event("message_stop", {});
}

let wrong = 0;
const upstream = createServer(async (asked, answer) => {
  const parts = [];
  for await (const part of asked) parts.push(part);
  const body = Buffer.concat(parts);
  if (hash(body) !== asked.headers["x-hash"]) wrong += 1;
  answer.writeHead(200, { "content-type": "text/event-stream", "request-id": `req_${asked.headers["x-number"]}` });
  const events = eventsOf(asked.headers["x-number"]);
  // Each at a moment of its own, so that not all of them come at once.
  await pause(Math.random() * EVERY);
  for (const event of events) {
    answer.write(event);
    await pause(EVERY);
  }
  answer.end();
});
upstream.keepAliveTimeout = 60_000;
await new Promise((done) => upstream.listen(0, "127.0.0.1", 4096, done));

const folder = mkdtempSync(join(tmpdir(), "anthropic-proxy-crowd-"));
const data = join(folder, "data");
const proxy = await spawnProxy([
  "--port", "0", "--upstream-url", `http://127.0.0.1:${upstream.address().port}`, "--data-dir", data, "--log-level", "ERROR",
]);
const get = async (path) => (await fetch(proxy.url + path)).json();
const look = async (what) => {
  const now = systemOf(proxy.child.pid);
  const { recording } = await get("/health");
  console.log(
    `${what.padEnd(8)} rss ${now.rss.toFixed(1)} MiB (peak ${now.peak.toFixed(1)})  threads ${now.threads}  files ${now.files}  processor ${now.processor.toFixed(0)} s  queue ${recording.queueBytes}  lost ${recording.lost}`,
  );
  return now.rss;
};

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
const context = "You are one of many. ".repeat(200);
let next = 0;
let done = 0;
let failed = 0;
const begun = Date.now();
const end = begun + seconds * 1000;
async function lane() {
  while (Date.now() < end) {
    const number = String(next++);
    const body = JSON.stringify({
      model: "claude-opus-5-5", max_tokens: 64, stream: true, system: context, messages: [{ role: "user", content: `stream ${number}` }],
    });
    const headers = { "x-number": number, "x-hash": hash(body), "x-claude-code-session-id": `crowd-${number % 500}` };
    try {
      const answer = await call(proxy.url, { body, agent, headers });
      const expected = createHash("sha256");
      for (const event of eventsOf(number)) expected.update(event);
      if (hash(answer.body) !== expected.digest("hex")) wrong += 1;
      done += 1;
    } catch (error) {
      failed += 1;
      if (failed < 5) console.log(`failed: ${error}`);
    }
  }
}

await look("before");
const lanes = Array.from({ length: streams }, lane);
const samples = [];
const step = Math.min(30, seconds / 6);
for (let at = step; at < seconds; at += step) {
  await pause(step * 1000);
  samples.push(await look(`${at.toFixed(0)} s`));
}
await Promise.all(lanes);
agent.destroy();
const stats = await until("every row to end", async () => {
  const found = await get("/api/monitor/stats?timeRange=7d");
  return found.activeRequests === 0 && found.totalRequests + found.capture.lost >= done + failed ? found : null;
});
await look("after");
console.log(`${streams} streams at once for ${((Date.now() - begun) / 1000).toFixed(0)} s: ${done} whole, ${failed} failed, ${wrong} with a wrong byte`);
const { total: whole } = await get("/api/monitor/requests?limit=1&q=outcome:complete+-is:incomplete");
console.log(`rows ${stats.totalRequests}, complete ${whole}, ${JSON.stringify(stats.capture)}`);
console.log(execFileSync(proxyBinary(), ["verify", "--data-dir", data], { env: cleanEnvironment(), encoding: "utf8" }).trim());
// All streams run from the second sample on.
const [low, high] = [Math.min(...samples.slice(1)), Math.max(...samples.slice(1))];
console.log(`memory while all ran: ${low.toFixed(1)} to ${high.toFixed(1)} MiB`);
const bad = failed + wrong + stats.capture.lost > 0 || stats.totalRequests !== done || high > low * 1.25 + 8;
proxy.child.removeAllListeners("exit");
proxy.child.kill("SIGKILL");
upstream.closeAllConnections();
upstream.close();
rmSync(folder, { recursive: true, force: true });
process.exit(bad ? 1 : 0);
