// Hostile text in every place that is recorded shows as text, on every page; nothing leaves the origin.

import assert from "node:assert/strict";
import { request as plain } from "node:http";
import { after, before, test } from "node:test";
import { launch, openPage } from "../lib/browser.mjs";
import { startStack, until } from "../lib/stack.mjs";

const EVIL = `<img src=x onerror="window.owned=1"><svg onload=window.owned=1><script>window.owned=1</script>`;
const LINKS = `[a](javascript:window.owned=1) [b](data:text/html,hi) ![c](https://elsewhere.example/c.png) <a href="javascript:window.owned=1">d</a>`;
const ODD = "\u202Egnp.exe\u202C \u0000 \u001b[31mred {{7*7}} ${window.owned=1} '\"`";
const PAGES = ["requests", "sessions", "usage", "cache", "limits", "report", "settings"];
const TABS = ["conversation", "stream", "request", "response", "timing", "headers", "cache"];

let stack;
let browser;
let rows;
before(async () => {
  [stack, browser] = await Promise.all([startStack(), launch()]);
  const text = `${EVIL} ${LINKS} ${ODD}`;
  const model = `claude-opus-5-5${EVIL}`;
  const tools = [{ name: "T_x", description: text, input_schema: { type: "object", properties: { [EVIL]: {} } } }];
  const system = [{ type: "text", text, cache_control: { type: "ephemeral" } }];
  const headers = {
    "x-api-key": "sk-ant-api03-nothing-nothing", "user-agent": `claude-cli/2.1.330${EVIL} (external, cli)`,
    "x-evil": EVIL, "x-claude-code-session-id": `s${EVIL}`, "x-claude-code-agent-id": `a${EVIL}`, "x-claude-code-request-class": EVIL,
  };
  const messages = [
    { role: "user", content: text },
    { role: "assistant", content: [{ type: "tool_use", id: "t1", name: `Bash${EVIL}`, input: { command: text, [EVIL]: LINKS } }] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: text }, { type: EVIL, text }] },
  ];
  for (const more of [{}, { stream: true }, { model: "claude-sonnet-5-5" }]) {
    await send("/v1/messages", headers, { model, max_tokens: 64, system, tools, messages, ...more });
  }
  await send("/v1/messages", headers, { model, max_tokens: 9, messages: [{ role: "user", content: `${text} [sim:error=400]` }] });
  await send(`/v1/${encodeURIComponent(EVIL)}?q=${encodeURIComponent(LINKS)}`, headers, {});
  rows = await stack.rows();
  assert.equal(rows.length, 5);
});
after(async () => {
  await browser?.close();
  stack?.stop();
});

/** By node:http: fetch refuses some of these headers. */
function send(path, headers, body) {
  const text = JSON.stringify(body);
  const all = { ...headers, "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  return new Promise((done, failed) => {
    const call = plain(stack.url + path, { method: "POST", headers: all }, (answer) => answer.resume().on("end", done));
    call.on("error", failed).end(text);
  });
}

test("hostile text shows as text on every page and in every tab", async () => {
  const { page, done } = await openPage(browser, stack, "/monitor");
  const violations = [];
  page.on("dialog", (dialog) => (violations.push(`dialog ${dialog.message()}`), dialog.dismiss()));
  await page.exposeFunction("violated", (what) => violations.push(what));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => window.violated(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  const paths = [
    ...PAGES,
    `sessions/${encodeURIComponent(`s${EVIL}`)}`,
    `compare/${rows[0].id}..${rows[2].id}`,
    ...rows.flatMap((row) => TABS.map((tab) => `requests/${row.id}?tab=${tab}`)),
  ];
  for (const path of paths) {
    await page.goto(`${stack.url}/monitor/${path}`);
    await page.getByRole("main").first().waitFor();
    await until("the data", async () => (await page.locator("[aria-busy=true]").count()) === 0);
    const seen = await page.evaluate(() => ({
      owned: window.owned,
      images: document.querySelectorAll("img[src=x], img[src^=http]").length,
      links: document.querySelectorAll("a[href^=javascript], a[href^=data]").length,
      scripts: [...document.scripts].filter((one) => !one.src.startsWith(location.origin)).length,
    }));
    assert.deepEqual(seen, { owned: undefined, images: 0, links: 0, scripts: 0 }, path);
  }
  assert.deepEqual(violations, []);
  await page.goto(`${stack.url}/monitor/requests/${rows[0].id}`);
  await page.getByRole("tabpanel").getByText("onerror").first().waitFor();
  await done();
});

test("the printed report shows hostile text as text", async () => {
  const { page, done } = await openPage(browser, stack, "/api/monitor/analyze");
  await page.getByText("onerror").first().waitFor({ state: "attached" });
  assert.equal(await page.evaluate(() => window.owned), undefined);
  assert.equal(await page.locator("img, svg[onload], a[href^=javascript]").count(), 0);
  await done();
});

test("the policy forbids inline code, eval and strangers, and asks for trusted types", async () => {
  const answer = await fetch(`${stack.url}/monitor`);
  const policy = answer.headers.get("content-security-policy");
  assert.ok(!/unsafe-(inline|eval)|https?:|\*/.test(policy), policy);
  for (const part of ["default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "base-uri 'none'"]) {
    assert.ok(policy.includes(part), `${part} in ${policy}`);
  }
});
