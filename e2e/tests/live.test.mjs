// The page while things happen: answers that still come, a proxy that is killed and comes back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage } from "../lib/browser.mjs";
import { startStack, until } from "../lib/stack.mjs";

let stack;
let browser;
before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
});
after(async () => {
  await browser?.close();
  stack?.stop();
});

const ask = (content) =>
  fetch(`${stack.url}/v1/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "sk-ant-api03-nothing-nothing" },
    body: JSON.stringify({ model: "claude-opus-5-5", max_tokens: 512, stream: true, messages: [{ role: "user", content }] }),
  });
const rowOf = (page, text) => page.getByRole("row").filter({ hasText: text }).first();

test("events come in while the answer still runs, and what has ended is shown whole", async () => {
  const { page, done } = await openPage(browser, stack);
  const answer = await ask("Tell me a story. [sim:words=900] [sim:drip=30]");
  await rowOf(page, "opus-5-5").click();
  await page.getByRole("tab", { name: /Stream/ }).click();
  const events = async () => Number(/(\d+) events/.exec(await page.getByRole("tabpanel").innerText())?.[1] ?? 0);
  await until("some events", async () => (await events()) > 5);
  const some = await events();
  assert.equal((await stack.get("/api/monitor/requests?status=pending")).total, 1, "it still runs");
  await until("more events", async () => (await events()) > some + 10);
  await answer.text();
  const [row] = await stack.rows();
  const { streamChunksTotal } = await stack.detail(row);
  await until("all events", async () => (await events()) === streamChunksTotal);
  // What only the end tells is there without a reload.
  await page.getByRole("button", { name: "Play" }).waitFor();
  await page.getByRole("tab", { name: "Timing" }).click();
  await page.getByRole("rowheader", { name: "The answer", exact: true }).waitFor();
  await done();
});

test("a page left open catches up after the proxy was killed and came back", async () => {
  await stack.reset();
  const { page, complaints } = await openPage(browser, stack);
  await page.getByText("waiting for the first one").waitFor();
  await (await ask("Before.")).text();
  await rowOf(page, "opus-5-5").waitFor();
  await page.evaluate(() => (window.notReloaded = true));
  await stack.restart();
  await (await ask("After. [sim:thinking=hm]")).text();
  await until("both rows", async () => (await page.getByRole("row").filter({ hasText: "opus-5-5" }).count()) === 2);
  await page.getByText("Live", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => window.notReloaded), true);
  assert.ok(complaints.every((text) => /ERR_|Failed to load/.test(text)), `only the lost connection: ${complaints}`);
  await page.context().close();
});
