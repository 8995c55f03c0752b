// A day of agents' traffic squeezed: node bench/soak.mjs [MINUTES, 20]
//
// Sessions with turns, tools, retries, aborts, slow clients, errors and cut streams; watchers and exports that come and go; a record
// that may hold 2,000 requests. At the end memory, threads, open files and disk must be as after the first minutes.

import { execFileSync } from "node:child_process";
import { Agent } from "node:http";
import { join } from "node:path";
import { cleanEnvironment, proxyBinary, startStack, until } from "../lib/stack.mjs";
import { call, pause, size, systemOf } from "./lib.mjs";

const minutes = Number(process.argv[2] ?? 20);
const stack = await startStack({ flags: ["--log-level", "ERROR", "--retain-count", "2000"] });
const data = join(stack.folder, "data");
const end = Date.now() + minutes * 60_000;
const counts = {};
const count = (what) => (counts[what] = (counts[what] ?? 0) + 1);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const system = "You are an agent. ".repeat(1500);

/** What goes wrong in one turn of ten or so. */
const FAULTS = [
  "[sim:error=529*1]", "[sim:error-in-stream=overloaded_error]", "[sim:cut-after=5]", "[sim:cut-at-byte=900 reset]", "[sim:error=400]",
  "[sim:error=429 retry-after=0]", "[sim:slow-first-byte=700]",
];
let random = 7;
const pick = (below) => (random = (random * 48271) % 2147483647) % below;

async function session(number) {
  const messages = [];
  const headers = { "x-api-key": "sk-ant-soak", "x-claude-code-session-id": `soak-${number}` };
  for (let turn = 0; turn < 3 + pick(10) && Date.now() < end; turn += 1) {
    const fault = pick(8) === 0 ? FAULTS[pick(FAULTS.length)] : "";
    messages.push({ role: "user", content: `turn ${turn} of ${number} ${fault} [sim:words=${50 + pick(400)}]` });
    const body = JSON.stringify({ model: "claude-opus-5-5", max_tokens: 512, stream: pick(5) > 0, system, messages });
    const options = { body, agent, headers };
    if (pick(20) === 0) options.slow = 20;
    if (pick(15) === 0) options.leave = 600;
    let said = "";
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        const answer = await call(stack.url, options);
        count(`status ${answer.status}`);
        said = answer.body.toString("utf8").slice(0, 2000);
        if (answer.status < 400) break;
      } catch {
        count(options.leave ? "left" : "broken off");
      }
    }
    messages.push({ role: "assistant", content: said || "nothing" });
    await pause(pick(120));
  }
  count("sessions");
}

async function sessions(lane) {
  for (let number = lane; Date.now() < end; number += 12) await session(number);
}

/** A page that watches for some seconds, again and again. */
async function watch() {
  while (Date.now() < end) {
    const gone = new AbortController();
    setTimeout(() => gone.abort(), 500 + pick(4000));
    try {
      const answer = await fetch(`${stack.url}/api/monitor/stream`, { signal: gone.signal });
      for await (const _ of answer.body) count("pieces watched");
    } catch {
      count("watches");
    }
  }
}

/** Somebody who looks around, exports and searches. */
async function ask() {
  const paths = [
    "requests?limit=100", "requests?limit=20&q=status:error", "requests?q=turn", "stats?timeRange=7d", "sessions", "facets", "cache", "limits",
    "usage?by=model", "export?format=csv", "export?format=har&limit=20", "export?format=bundle&limit=50",
  ];
  while (Date.now() < end) {
    const path = paths[pick(paths.length)];
    const answer = await fetch(`${stack.url}/api/monitor/${path}`);
    await answer.arrayBuffer();
    count(answer.ok ? "questions" : `question ${path}: ${answer.status}`);
    await pause(300);
  }
}

async function look(after) {
  // What waits is written and old rows are given back, so that one look can be held against another.
  await until("the queue to be empty", async () => (await stack.get("/health")).recording.queueBytes === 0 || null);
  const now = systemOf(stack.proxy.child.pid);
  const disk = size(data) / 1e6;
  const time = after.toFixed(0).padStart(5);
  console.log(
    `${time} s  rss ${now.rss.toFixed(1)} MiB (peak ${now.peak.toFixed(1)})  threads ${now.threads}  files ${now.files}  disk ${disk.toFixed(1)} MB  processor ${now.processor.toFixed(0)} s`,
  );
  return { ...now, disk };
}

const begun = Date.now();
const looks = [await look(0)];
const work = [...Array.from({ length: 12 }, (_, lane) => sessions(lane)), watch(), watch(), watch(), ask(), ask()];
const step = Math.min(60_000, (minutes * 60_000) / 10);
while (Date.now() + step < end) {
  await pause(step);
  looks.push(await look((Date.now() - begun) / 1000));
}
await Promise.all(work);
agent.destroy();
// The runtime lets the threads of blocking reads go after ten idle seconds; retention is looked at every ten.
await pause(25_000);
const last = await look((Date.now() - begun) / 1000);
const { recording } = await stack.get("/health");
const stats = await stack.get("/api/monitor/stats?timeRange=7d");
console.log(JSON.stringify(counts));
console.log(`rows kept ${stats.totalRequests}, running ${stats.activeRequests}; ${JSON.stringify(recording)}`);
console.log(execFileSync(proxyBinary(), ["verify", "--data-dir", data], { env: cleanEnvironment(), encoding: "utf8" }).trim());
const warm = looks[Math.ceil(looks.length / 3)] ?? looks.at(-1);
const failures = [
  [last.files > looks[0].files + 8, `files: ${looks[0].files} became ${last.files}`],
  [last.threads > looks[0].threads + 4, `threads: ${looks[0].threads} became ${last.threads}`],
  [last.rss > warm.rss * 1.25 + 16, `memory: ${warm.rss.toFixed(1)} MiB became ${last.rss.toFixed(1)}`],
  [last.disk > warm.disk * 1.5 + 8, `disk: ${warm.disk.toFixed(1)} MB became ${last.disk.toFixed(1)}`],
  [stats.totalRequests > 2100, `${stats.totalRequests} rows are kept`],
  [stats.activeRequests > 0, `${stats.activeRequests} still run`],
  [recording.lost + recording.defects > 0, "something was lost"],
].filter(([failed]) => failed);
for (const [, what] of failures) console.log(`FAILED ${what}`);
await stack.stop();
process.exit(failures.length > 0 ? 1 : 0);
