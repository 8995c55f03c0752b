// The page in real Chromium, served by the built proxy, while requests go through it.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, openPage } from "../lib/browser.mjs";
import { startStack, until } from "../lib/stack.mjs";

const pictures = fileURLToPath(new URL("../screenshots", import.meta.url));

let stack;
let browser;
before(async () => {
  mkdirSync(pictures, { recursive: true });
  stack = await startStack();
  browser = await launch();
});
beforeEach(() => stack.reset());
after(async () => {
  await browser?.close();
  stack?.stop();
});

const open = (path, options) => openPage(browser, stack, path, options);

const ask = (content, more = {}) =>
  fetch(`${stack.url}/v1/messages?beta=true`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "sk-ant-api03-nothing-nothing-nothing" },
    body: JSON.stringify({
      model: "claude-opus-5-5", max_tokens: 512, stream: true, messages: [{ role: "user", content }], ...more,
    }),
  });

const row = (page, text) => page.getByRole("row").filter({ hasText: text }).first();

test("a page without data says what to do", async () => {
  const { page, done } = await open();
  await page.getByText("ANTHROPIC_BASE_URL").first().waitFor();
  await page.screenshot({ path: join(pictures, "empty.png") });
  await done();
});

test("requests appear live, and a detail opens with all its tabs", async () => {
  const { page, done } = await open();
  await page.getByText("ANTHROPIC_BASE_URL").first().waitFor();
  await (await ask("What is new? [sim:thinking=hm] [sim:text=**Nothing** is `new`.]")).text();
  await row(page, "opus-5-5").click();
  await page.getByRole("tab").first().waitFor();
  await page.locator("strong", { hasText: "Nothing" }).last().waitFor();
  for (const name of ["Stream", "Request", "Response", "Headers", "Conversation"]) {
    await page.getByRole("tab", { name }).click();
    await page.screenshot({ path: join(pictures, `tab-${name.toLowerCase()}.png`) });
  }
  await page.getByRole("tab", { name: "Headers" }).click();
  await page.getByText("x-api-key").first().waitFor();
  assert.ok(!(await page.content()).includes("nothing-nothing"), "the key is masked");
  await done();
});

test("an answer grows while it comes", async () => {
  const { page, done } = await open();
  const answer = await ask("Tell me a story. [sim:words=300] [sim:drip=30]");
  await row(page, "opus-5-5").click();
  const length = async () => (await page.getByRole("tabpanel").innerText()).length;
  await until("the first words", async () => (await length()) > 150);
  const before = await length();
  assert.equal((await stack.get("/api/monitor/requests?status=pending")).total, 1, "it still runs");
  await until("more words", async () => (await length()) > before + 100);
  await answer.text();
  await done();
});

test("a request is pinned and unpinned, by mouse and by keyboard", async () => {
  await (await ask("Keep this one.")).text();
  const [recorded] = await stack.rows();
  const isPinned = async () => (await stack.get(`/api/monitor/requests/${recorded.id}`)).pinned;
  const { page, done } = await open();
  await row(page, "opus-5-5").click();
  const pin = page.getByRole("button", { name: "Pinned" });
  await pin.click();
  await until("the pin", isPinned);
  await page.locator("button[aria-pressed=true]").waitFor();
  await page.screenshot({ path: join(pictures, "pinned.png") });
  await page.reload();
  await page.locator("button[aria-pressed=true]").waitFor();
  await pin.focus();
  await page.keyboard.press("Enter");
  await until("no pin", async () => !(await isPinned()));
  await page.locator("button[aria-pressed=false]").waitFor();
  await done();
});

test("what comes while a text is looked for shows where it stands, and nothing else comes", async () => {
  const { page, done } = await open(`/monitor/requests?q=${encodeURIComponent("text:heliotrope")}`);
  await page.getByText("No request matches").first().waitFor();
  await (await ask("A word about roses. [sim:text=None.]")).text();
  await (await ask("A word about heliotropes: heliotrope. [sim:text=Here it is.]")).text();
  await page.locator("mark", { hasText: "heliotrope" }).first().waitFor();
  await (await ask("Something else. [sim:text=A heliotrope turns to the sun.]")).text();
  await until("two of three", async () => (await page.locator("mark", { hasText: "heliotrope" }).count()) === 2);
  assert.equal(await page.getByRole("row").filter({ hasText: "opus-5-5" }).count(), 2);
  await done();
});

test("sessions, usage, cache and limits tell what was recorded, in links that open", async () => {
  const headers = {
    "content-type": "application/json", "x-api-key": "sk-ant-api03-nothing-nothing-nothing", "x-claude-code-session-id": "s-1",
  };
  const system = [{ type: "text", text: "You are careful. ".repeat(400), cache_control: { type: "ephemeral" } }];
  const call = async (messages, more = {}) => {
    const body = JSON.stringify({ model: "claude-opus-5-5", max_tokens: 64, system, messages, ...more });
    await (await fetch(`${stack.url}/v1/messages`, { method: "POST", headers, body })).text();
  };
  const hostile = "<img src=x onerror=alert(1)> fix it";
  await call([{ role: "user", content: hostile }]);
  const turns = [{ role: "user", content: hostile }, { role: "assistant", content: "ok" }, { role: "user", content: "more" }];
  await call(turns);
  await call(turns, { model: "claude-sonnet-5-5" });
  const { page, done } = await open("/monitor/sessions");
  await page.getByRole("link", { name: hostile }).click();
  await page.getByRole("heading", { name: "Turns" }).waitFor();
  assert.match(page.url(), /\/monitor\/sessions\/s-1$/);
  await page.goBack();
  await page.getByRole("link", { name: "Usage" }).click();
  await page.getByRole("heading", { name: "Cost over time" }).waitFor();
  await page.getByRole("row", { name: /claude-sonnet-5-5/ }).first().waitFor();
  await page.getByRole("heading", { name: "What fills the context" }).waitFor();
  await page.getByRole("link", { name: "Cache" }).click();
  await page.getByRole("link", { name: "Another model" }).waitFor();
  await page.getByRole("row", { name: /Another model/ }).getByRole("link", { name: "example 1" }).click();
  await page.getByText("The bytes of both requests and their times show it.").waitFor();
  await page.getByRole("link", { name: "Limits" }).click();
  await page.getByRole("heading", { name: /api key/ }).waitFor();
  await done();
});

test("hostile text is shown as text", async () => {
  const evil = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
  await (await ask(`${evil} [sim:text=${evil} [x](javascript:document.title=1)]`, { model: `m${evil}` })).text();
  const { page, done } = await open();
  await row(page, "<img").click();
  for (const name of ["Conversation", "Stream", "Request", "Response", "Headers"]) {
    await page.getByRole("tab", { name }).click();
    await page.getByRole("tabpanel").waitFor();
  }
  assert.notEqual(await page.title(), "owned");
  assert.equal(await page.locator("img[src=x]").count(), 0);
  assert.equal(await page.locator("a[href^=javascript]").count(), 0);
  await done();
});

for (const [name, options] of Object.entries({
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  chinese: { colorScheme: "light", locale: "zh-CN" },
  narrow: { colorScheme: "light", viewport: { width: 400, height: 800 } },
})) {
  test(`it can be read: ${name}`, async () => {
    await (await ask("Fix the parser [sim:thinking=let me look] [sim:tool Bash {\"command\":\"cargo test\"}]")).text();
    await (await ask("hi [sim:error=529]")).text();
    await stack.rows();
    const { page, done } = await open("/monitor", options);
    await row(page, "opus-5-5").waitFor();
    await page.screenshot({ path: join(pictures, `list-${name}.png`) });
    if (name === "chinese") assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
    assert.ok(wide, "nothing sticks out sideways");
    await page.getByRole("row").filter({ hasText: "opus-5-5" }).last().click();
    await page.getByRole("tab").first().waitFor();
    await page.screenshot({ path: join(pictures, `detail-${name}.png`) });
    await done();
  });
}
