// How long questions take over many requests that went through the proxy: node bench/rows.mjs [REQUESTS]
//
// The requests go through the built proxy to the simulator and are recorded by the real recorder; then each question is asked 21 times.

import { statSync } from "node:fs";
import { join } from "node:path";
import { fill, FILLING } from "../lib/fill.mjs";
import { startStack } from "../lib/stack.mjs";

const total = Number(process.argv[2] ?? 100_000);
const stack = await startStack({ flags: FILLING });
const seconds = await fill(stack, total);
console.log(`${total} requests in ${seconds.toFixed(1)} s: ${Math.round(total / seconds)} a second`);
const { capture } = await stack.get("/api/monitor/stats?timeRange=7d");
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
    const begun = performance.now();
    const answer = await stack.get(`/api/monitor/${path}`);
    times.push(performance.now() - begun);
    found = answer.total ?? answer.totalRequests ?? answer.data.length;
  }
  times.sort((a, b) => a - b);
  const ms = (time) => `${time.toFixed(1)} ms`.padStart(10);
  console.log(`${name.padEnd(34)} median ${ms(times[10])}  95th ${ms(times[19])}  (${found})`);
}
await stack.stop();
