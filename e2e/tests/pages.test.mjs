// What a person does on the pages of figures and with the list, in real Chromium.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { launch, openPage } from "../lib/browser.mjs";
import { startStack, until } from "../lib/stack.mjs";

let stack;
let browser;
before(async () => {
  stack = await startStack();
  browser = await launch();
});
beforeEach(() => stack.reset());
after(async () => {
  await browser?.close();
  stack?.stop();
});

const open = (path, options) => openPage(browser, stack, path, options);
const headers = (session) => ({
  "content-type": "application/json", "x-api-key": "sk-ant-api03-nothing-nothing-nothing",
  ...(session && { "x-claude-code-session-id": session }),
});
async function ask(content, { session, ...more } = {}) {
  const messages = Array.isArray(content) ? content : [{ role: "user", content }];
  const body = JSON.stringify({ model: "claude-opus-5-5", max_tokens: 64, messages, ...more });
  const answer = await fetch(`${stack.url}/v1/messages`, { method: "POST", headers: headers(session), body });
  await answer.text();
}

test("two requests are marked by keyboard and compared to the word", async () => {
  await ask("Fix the parser please.", { temperature: 0.5 });
  await ask("Fix the lexer please.", { temperature: 0.5, tools: [{ name: "Bash", input_schema: { type: "object" } }] });
  await stack.rows();
  const { page, done } = await open();
  await page.getByRole("row").filter({ hasText: "opus-5-5" }).nth(1).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("One request is marked").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("Two requests are marked").waitFor();
  await page.keyboard.press("d");
  await page.getByRole("heading", { name: "Compare" }).waitFor();
  // The older one is A: what only the newer one has was added.
  await page.locator("del", { hasText: "parser" }).waitFor();
  await page.locator("ins", { hasText: "lexer" }).waitFor();
  await page.getByText("only in B").first().waitFor({ state: "attached" });
  assert.ok(await page.getByRole("row", { name: /^temperature 0.5 0.5/ }).isVisible());
  await page.getByRole("link", { name: "Swap A and B" }).click();
  await page.locator("del", { hasText: "lexer" }).waitFor();
  await page.goBack();
  await page.locator("del", { hasText: "parser" }).waitFor();
  await done();
});

test("tries of one call stand together: 529 → 200", async () => {
  await ask("Try this again [sim:error=529]", { session: "s-retry" });
  await ask("Try this again [sim:error=529]", { session: "s-retry" });
  await stack.rows();
  const { page, done } = await open();
  await page.getByRole("row").filter({ hasText: "529 →" }).first().waitFor();
  assert.equal(await page.locator(".retried").count(), 1, "the earlier try is dim");
  await done();
});

test("the report says what was spent and what to do, and prints", async () => {
  const system = [{ type: "text", text: "You are careful. ".repeat(400), cache_control: { type: "ephemeral" } }];
  await ask("one", { session: "s-report", system });
  const turns = [{ role: "user", content: "one" }, { role: "assistant", content: "ok" }, { role: "user", content: "two" }];
  await ask(turns, { session: "s-report", system, model: "claude-sonnet-5-5" });
  await ask("hi [sim:error=500]", { session: "s-report" });
  await stack.rows();
  const { page, done } = await open("/monitor/report");
  await page.getByText("Stay with one model within a session").waitFor();
  await page.getByText(/1 call missed the cache for this/).waitFor();
  await page.getByRole("link", { name: "api_error" }).waitFor();
  const print = await page.getByRole("link", { name: "Printable report" }).getAttribute("href");
  await page.getByLabel("without keys").check();
  assert.equal(await page.getByRole("link", { name: "Printable report" }).getAttribute("href"), `${print}&redact=1`);
  const printed = await fetch(stack.url + print);
  assert.match(await printed.text(), /^<!doctype html>/i);
  await page.getByRole("link", { name: "api_error" }).click();
  await page.getByRole("row").filter({ hasText: "500" }).waitFor();
  await done();
});

test("settings say what is kept, delete only when asked twice, and switch language and theme", async () => {
  await ask("Keep me. [sim:text=yes]");
  await ask("Delete me.");
  await stack.rows();
  const { page, done } = await open("/monitor/settings");
  await page.getByText("no limit").waitFor();
  await page.getByLabel("Older than").fill("1s");
  const button = page.getByRole("button", { name: /^(Delete…|Really delete\?)$/ }).first();
  await until("a second to pass", async () => {
    const [row] = (await stack.get("/api/monitor/requests?limit=1")).data;
    return Date.now() - row.startTime > 1500;
  });
  await button.click();
  assert.equal((await stack.get("/api/monitor/requests")).total, 2, "asked, not deleted");
  await button.click();
  await page.getByText("2 requests deleted").waitFor();
  assert.equal((await stack.get("/api/monitor/requests")).total, 0);
  await page.getByLabel("Theme").selectOption("dark");
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await page.getByLabel("Language").selectOption("zh");
  await page.getByRole("heading", { name: "设置" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "设置" }).waitFor();
  await done();
});

test("a link to a deleted request says when and why it went", async () => {
  await ask("Gone soon.");
  const [row] = await stack.rows();
  await fetch(`${stack.url}/api/monitor/prune?count=0`, { method: "POST" });
  const { page, complaints } = await open(`/monitor/requests/${row.id}`);
  await page.getByText("A limit of age, size or number deleted it").waitFor();
  await page.goto(`${stack.url}/monitor/requests/019f0000-0000-7000-8000-000000000000`);
  await page.getByText("No such request").waitFor();
  assert.ok(complaints.every((text) => text.includes("404")), "Chromium reports the two 404s and nothing else");
  await page.context().close();
});

test("an answer is played as it came", async () => {
  await ask("Tell me. [sim:words=40] [sim:drip=20]", { stream: true });
  await stack.rows();
  const { page, done } = await open();
  await page.getByRole("row").filter({ hasText: "opus-5-5" }).first().click();
  await page.keyboard.press("2");
  await page.getByText(/^\d+ tokens$/).waitFor();
  await page.getByLabel("Speed").selectOption("20");
  await page.getByRole("button", { name: "Play" }).click();
  const said = page.locator(".stream pre").first();
  await until("the whole answer", async () => (await said.innerText()).split(/\s+/).length >= 40);
  await page.getByLabel("Playhead").fill("0");
  await until("the beginning", async () => (await said.innerText()) === "…");
  await page.keyboard.press("Tab");
  await page.getByRole("tab", { name: "Timing" }).click();
  await page.getByRole("rowheader", { name: "Waiting for the first token" }).waitFor();
  await done();
});

test("dragging over the bars zooms, and a link leads back", async () => {
  await ask("An hour ago.");
  await stack.rows();
  // Two hours of usage out of one: the bars come from what the API says.
  const { page, done } = await open();
  await page.route("**/api/monitor/usage?*", async (route) => {
    const answer = await route.fetch();
    const data = await answer.json();
    const first = data.buckets[0];
    if (!first) return route.fulfill({ json: data });
    const later = (hours) => new Date(Date.parse(first.start) + hours * 3_600_000).toISOString();
    const buckets = [0, 1, 2, 3].map((hour) => ({ ...first, start: later(hour), end: later(hour + 1) }));
    await route.fulfill({ json: { ...data, buckets } });
  });
  await page.getByRole("link", { name: "Usage" }).click();
  await page.getByLabel("Show").selectOption("requests");
  await until("four bars", async () => (await page.locator("main svg rect").count()) === 4);
  const box = await page.getByRole("img", { name: /Bars over time/ }).boundingBox();
  const bar = box.width * 0.09;
  await page.mouse.move(box.x + bar * 1.5, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + bar * 2.5, box.y + 40);
  await page.mouse.up();
  await until("the zoom", () => /since%3A.*until%3A/.test(page.url()));
  // What is still being answered is answered first.
  await page.unrouteAll({ behavior: "wait" });
  await page.getByRole("button", { name: "Whole time" }).click();
  await until("the whole", () => !/since/.test(page.url()));
  await done();
});

test("the empty page starts a demonstration that leaves the record alone", async () => {
  const { page, done } = await open();
  const opened = page.context().waitForEvent("page");
  await page.getByRole("button", { name: "Start a demonstration" }).click();
  const demo = await opened;
  await demo.getByRole("row").filter({ hasText: /opus|sonnet|fable/ }).first().waitFor();
  assert.equal((await stack.get("/api/monitor/requests")).total, 0);
  await demo.close();
  await done();
});
