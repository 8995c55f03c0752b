// Fills a record with many small requests, sent through the proxy and recorded by the real recorder.

import { Agent, request } from "node:http";
import { until } from "./stack.mjs";

const WORDS = "the quick fox reads a file and runs tests until every build is green while cache misses cost money".split(" ");

/** They come faster than the recorder takes them on two cores: a long queue, so that all are there in the end. */
export const FILLING = ["--log-level", "WARN", "--capture-queue-mb", "2000"];

/** Sends `total` requests over 32 connections; resolves with the seconds it took, once all are recorded. */
export async function fill(stack, total) {
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
  const begun = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (next < total) await ask(next++);
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  agent.destroy();
  // The recorder may need longer than the patience of a test, as long as it gets on.
  for (let ended = -1, before = -2; ended < total; before = ended) {
    ended = await until("more to be recorded", async () => {
      const stats = await stack.get("/api/monitor/stats?timeRange=7d");
      const now = stats.totalRequests - stats.activeRequests + stats.capture.lost;
      return now > before && now;
    });
  }
  return seconds;
}
