// How long questions take over many requests that went through the proxy: node bench/rows.mjs [REQUESTS]
//
// The requests go through the built proxy to the simulator and are recorded by the real recorder; then each question is asked 21 times.

import { Agent, request } from "node:http";
import { statSync } from "node:fs";
import { join } from "node:path";
import { startStack, until } from "../lib/stack.mjs";

const total = Number(process.argv[2] ?? 100_000);
const WORDS = "the quick fox reads a file and runs tests until every build is green while cache misses cost money".split(" ");
// They come faster than the recorder takes them on two cores: a long queue, so that all are there in the end.
const stack = await startStack({ flags: ["--log-level", "WARN", "--capture-queue-mb", "2000"] });
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
let random = 1;
const pick = (below) => (random = (random * 48271) % 2147483647) % below;
const words = (count) => Array.from({ length: count }, () => WORDS[pick(WORDS.length)]).join(" ");

function ask(number) {
  const rare = number % 10_000 === 7 ? " zanzibar 缓存命中率" : "";
  const body = JSON.stringify({
    model: ["claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5"][number % 3],
    max_tokens: 16,
    messages: [{ role: "user", content: `${number}: ${words(60)}${rare}` }],
  });
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "x-api-key": "sk-ant-bench",
    "x-claude-code-session-id": `session-${Math.floor(number / 50)}`,
  };
  return new Promise((done, failed) => {
    const call = request(`${stack.url}/v1/messages`, { method: "POST", agent, headers }, (answer) => {
      answer.resume().on("end", done);
    });
    call.on("error", failed).end(body);
  });
}

let begun = performance.now();
let next = 0;
await Promise.all(
  Array.from({ length: 32 }, async () => {
    while (next < total) await ask(next++);
  }),
);
const seconds = (performance.now() - begun) / 1000;
console.log(`${total} requests in ${seconds.toFixed(1)} s: ${Math.round(total / seconds)} a second`);
const { capture } = await until("everything to be recorded", async () => {
  const stats = await stack.get("/api/monitor/stats?timeRange=7d");
  return stats.activeRequests === 0 && stats.totalRequests + stats.capture.lost >= total ? stats : null;
});
console.log(`not recorded: ${capture.lost}, incomplete: ${capture.incomplete}`);
console.log(`on disk: ${(statSync(join(stack.folder, "data/exchanges.db")).size / 1e6).toFixed(1)} MB`);

const middle = (await stack.get("/api/monitor/requests?limit=1000")).nextCursor;
for (const [name, path] of [
  ["list, first page", "requests?limit=50"],
  ["list, after a cursor", `requests?limit=50&cursor=${middle}`],
  ["list, last page", `requests?limit=50&page=${Math.floor(total / 50)}`],
  ["list, one model, failed", "requests?limit=50&q=model:claude-opus*+status:error"],
  ["stats", "stats?timeRange=7d"],
  ["stats, one model", "stats?q=model:claude-opus*"],
  ["facets", "facets"],
  ["facets, one model", "facets?q=model:claude-opus*"],
  ["search, a rare word", "requests?limit=50&q=zanzibar"],
  ["search, Chinese", "requests?limit=50&q=缓存命中"],
  ["search, a rare word and a filter", "requests?limit=50&q=zanzibar+model:claude-opus*"],
  ["search, a word in every request", "requests?limit=50&q=tests"],
]) {
  const times = [];
  let found = 0;
  for (let run = 0; run < 21; run += 1) {
    begun = performance.now();
    const answer = await stack.get(`/api/monitor/${path}`);
    times.push(performance.now() - begun);
    found = answer.total ?? answer.totalRequests ?? answer.data.length;
  }
  times.sort((a, b) => a - b);
  const ms = (time) => `${time.toFixed(1)} ms`.padStart(10);
  console.log(`${name.padEnd(34)} median ${ms(times[10])}  95th ${ms(times[19])}  (${found})`);
}
agent.destroy();
await stack.stop();
