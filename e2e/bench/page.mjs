// How the page bears much: node bench/page.mjs [REQUESTS] [STREAMS]
//
// Many requests, one with 5 MB of body, one with 20,000 events, many streams at once, and the live updates of a day, in headless
// Chromium against the built proxy. Prints figures with what they should stay below; nothing here fails.

import { launch, openPage } from "../lib/browser.mjs";
import { fill, FILLING } from "../lib/fill.mjs";
import { startStack, until } from "../lib/stack.mjs";

const total = Number(process.argv[2] ?? 100_000);
const streams = Number(process.argv[3] ?? 200);
const stack = await startStack({ flags: FILLING });
const browser = await launch(["--enable-precise-memory-info", "--js-flags=--expose-gc"]);

function say(what, value, unit, limit) {
  const verdict = limit === undefined ? "" : value <= limit ? `  (at most ${limit}: yes)` : `  (at most ${limit}: NO)`;
  console.log(`${what.padEnd(58)} ${value.toFixed(value < 10 ? 1 : 0).padStart(7)} ${unit}${verdict}`);
}

async function send(body, session = "") {
  const headers = { "content-type": "application/json", "x-api-key": "sk-ant-bench", ...(session && { "x-claude-code-session-id": session }) };
  const answer = await fetch(`${stack.url}/v1/messages`, { method: "POST", headers, body: JSON.stringify(body) });
  await answer.arrayBuffer();
}
async function recorded(session, body) {
  await send(body, session);
  return until("its end", async () => {
    const [row] = (await stack.get(`/api/monitor/requests?q=session:${session}`)).data;
    return row?.outcome && row;
  });
}

/** Frames and long tasks of the page from now on, read by `stop`. */
const watch = (page) =>
  page.evaluate(() => {
    window.watched = { frames: [], tasks: [] };
    let before = performance.now();
    const step = (now) => {
      window.watched.frames.push(now - before);
      before = now;
      window.watching = requestAnimationFrame(step);
    };
    window.watching = requestAnimationFrame(step);
    window.observer = new PerformanceObserver((list) => list.getEntries().forEach((one) => window.watched.tasks.push(one.duration)));
    window.observer.observe({ type: "longtask" });
  });
const stop = (page) =>
  page.evaluate(() => {
    cancelAnimationFrame(window.watching);
    window.observer.disconnect();
    const { frames, tasks } = window.watched;
    return { slow: frames.filter((one) => one > 50).length, frames: frames.length, worst: Math.max(0, ...frames), longest: Math.max(0, ...tasks) };
  });
/** The JavaScript heap after a collection, megabytes. */
async function heap(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("HeapProfiler.collectGarbage");
  const { usedSize } = await client.send("Runtime.getHeapUsage");
  return usedSize / 1e6;
}

const seconds = await fill(stack, total);
console.log(`${total} requests recorded (${Math.round(total / seconds)} a second)\n`);
const large = await recorded("large", {
  model: "claude-opus-5-5",
  max_tokens: 64,
  messages: Array.from({ length: 101 }, (_, at) => ({
    role: at % 2 ? "assistant" : "user",
    content: at % 2 ? "ok" : `${at} ${"lorem ipsum dolor sit amet, ".repeat(3700)}`,
  })),
});
{
  const event = (type, more) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const usage = { input_tokens: 9, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-opus-5-5", content: [], stop_reason: null, usage };
  const deltas = Array.from({ length: 19_995 }, (_, at) =>
    event("content_block_delta", { index: 0, delta: { type: "text_delta", text: at % 20 ? `word${at} ` : "\n\n" } }));
  const body = [
    event("message_start", { message }),
    event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    ...deltas,
    event("content_block_stop", { index: 0 }),
    event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 20_000 } }),
    event("message_stop", {}),
  ].join("");
  const script = { status: 200, headers: [["content-type", "text/event-stream"]], body };
  await fetch(`${stack.simulator.url}/_simulator/script`, { method: "POST", body: JSON.stringify(script) });
}
const eventful = await recorded("eventful", {
  model: "claude-opus-5-5", max_tokens: 64_000, stream: true, messages: [{ role: "user", content: "Count." }],
});
console.log(`large: ${(large.metrics.requestSize / 1e6).toFixed(1)} MB; eventful: ${eventful.metrics.chunksCount} events\n`);

{
  const { page, done } = await openPage(browser, stack);
  await page.getByRole("row").nth(5).waitFor();
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  say(`first paint with ${total} requests`, paint, "ms", 1000);
  const rows = await page.evaluate(() => performance.now());
  say("rows and figures there, at the latest", rows, "ms", 1000);
  say("rows in the document", await page.getByRole("row").count(), "rows", 120);
  await watch(page);
  const grid = page.getByRole("row").nth(3);
  await grid.hover();
  for (let step = 0; step < 120; step += 1) await page.mouse.wheel(0, 700);
  for (const share of [0.25, 0.5, 0.75, 1, 0]) {
    await page.evaluate((at) => {
      const box = [...document.querySelectorAll("*")].find((one) => one.scrollHeight > 20_000);
      box.scrollTop = at * box.scrollHeight;
    }, share);
    await page.getByRole("row").nth(5).getByRole("gridcell").nth(4).waitFor();
  }
  const { slow, frames, worst } = await stop(page);
  say(`scrolling through all: frames over 50 ms, of ${frames}`, slow, "", Math.ceil(frames / 50));
  say("the longest frame", worst, "ms", 200);
  await done();
}
for (const [name, row] of [["5 MB of body", large], [`${eventful.metrics.chunksCount} events`, eventful]]) {
  for (const tab of ["conversation", "stream", "request", "response", "timing", "headers", "cache"]) {
    const { page, done } = await openPage(browser, stack, "/monitor");
    await page.getByRole("row").nth(5).waitFor();
    await page.evaluate(() => import(document.querySelector("script[type=module]").src));
    await watch(page);
    const begun = performance.now();
    await page.evaluate(([id, tab]) => {
      history.pushState(null, "", `/monitor/requests/${id}?tab=${tab}`);
      dispatchEvent(new PopStateEvent("popstate"));
    }, [row.id, tab]);
    await page.getByRole("tab", { selected: true }).waitFor();
    await until("the tab", async () => (await page.locator(".panel [aria-busy=true]").count()) === 0 && (await page.getByRole("tabpanel").innerText()).length > 20);
    const took = performance.now() - begun;
    const { longest } = await stop(page);
    say(`${name}: ${tab}`, took, "ms", 1000);
    if (longest > 200) say("  its longest task", longest, "ms", 200);
    const load = page.getByRole("button", { name: "Load body" });
    if (await load.count()) {
      await watch(page);
      const asked = performance.now();
      await load.first().click();
      await until("all of it", async () => (await load.count()) === 0);
      say(`${name}: ${tab}, all of it`, performance.now() - asked, "ms", 1000);
      say("  its longest task", (await stop(page)).longest, "ms", 200);
    }
    await done();
  }
}
{
  const { page, done } = await openPage(browser, stack);
  await page.getByRole("row").nth(5).waitFor();
  const before = await heap(page);
  await watch(page);
  const running = Array.from({ length: streams }, () =>
    send({ model: "claude-opus-5-5", max_tokens: 999, stream: true, messages: [{ role: "user", content: "[sim:words=300] [sim:drip=40]" }] }));
  await until("all streams", async () => (await stack.get("/api/monitor/stats?timeRange=1h")).activeRequests >= streams * 0.9);
  await page.getByRole("row").nth(3).click();
  await Promise.all(running);
  const { slow, frames, worst } = await stop(page);
  say(`${streams} streams at once: frames over 50 ms, of ${frames}`, slow, "", Math.ceil(frames / 20));
  say("the longest frame", worst, "ms", 500);
  const updates = Number(process.env.UPDATES ?? 20_000);
  for (let sent = 0; sent < updates; sent += 1000)
    await Promise.all(Array.from({ length: 1000 }, () => send({ model: "claude-opus-5-5", max_tokens: 9, messages: [{ role: "user", content: "x" }] })));
  await page.waitForTimeout(1000);
  say("heap at the beginning", before, "MB");
  say(`heap after ${updates} more requests while it was open`, await heap(page), "MB", 150);
  await done();
}
await browser.close();
stack.stop();
