// Keyboard, screen readers, narrow windows, less motion: every page, in both themes and languages, with and without data.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch, openPage } from "../lib/browser.mjs";
import { startStack, until } from "../lib/stack.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PAGES = ["requests", "sessions", "usage", "cache", "limits", "report", "settings", "compare"];
const TABS = ["conversation", "stream", "request", "response", "timing", "headers", "cache"];

let stack;
let empty;
let browser;
let rows;
before(async () => {
  [stack, empty, browser] = await Promise.all([startStack(), startStack(), launch()]);
  const system = [{ type: "text", text: "You are careful. ".repeat(400), cache_control: { type: "ephemeral" } }];
  const ask = async (content, more = {}) => {
    const headers = { "content-type": "application/json", "x-api-key": "sk-ant-api03-nothing-nothing", "x-claude-code-session-id": "s-1" };
    const messages = Array.isArray(content) ? content : [{ role: "user", content }];
    const body = JSON.stringify({ model: "claude-opus-5-5", max_tokens: 64, stream: true, system, messages, ...more });
    await (await fetch(`${stack.url}/v1/messages`, { method: "POST", headers, body })).text();
  };
  const turns = [{ role: "user", content: "Fix it" }, { role: "assistant", content: "ok" }, { role: "user", content: "And **this**: `x`" }];
  await ask('Fix it [sim:thinking=hm] [sim:tool Edit {"file_path":"a.rs","old_string":"a","new_string":"b"}]');
  await ask(turns);
  await ask(turns, { model: "claude-sonnet-5-5" });
  await ask("hi [sim:error=529]");
  rows = await stack.rows();
});
after(async () => {
  await browser?.close();
  stack?.stop();
  empty?.stop();
});

/** What axe finds that is serious, in words. Its script would break our content policy, so here that is off; others watch it. */
async function serious(path, options, where = stack) {
  const { page, done } = await openPage(browser, where, path, { bypassCSP: true, ...options });
  await page.getByRole("main").first().waitFor();
  await until("the data", async () => (await page.locator("[aria-busy=true]").count()) === 0);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  await done();
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.slice(0, 3).map((node) => `${path} ${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`));
}

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing serious: pages, ${colorScheme}`, async () => {
    const found = [];
    for (const name of PAGES) {
      const id = { sessions: "/s-1", compare: `/${rows[0].id}..${rows[1].id}` }[name];
      found.push(...(await serious(`/monitor/${name}`, { colorScheme })));
      if (id) found.push(...(await serious(`/monitor/${name}${id}`, { colorScheme })));
    }
    assert.deepEqual(found, []);
  });
  test(`axe finds nothing serious: tabs, ${colorScheme}`, async () => {
    const found = [];
    for (const tab of TABS) found.push(...(await serious(`/monitor/requests/${rows[0].id}?tab=${tab}`, { colorScheme })));
    assert.deepEqual(found, []);
  });
}

test("axe finds nothing serious on empty pages, and each says why it is empty", async () => {
  const found = [];
  for (const name of PAGES) found.push(...(await serious(`/monitor/${name}`, {}, empty)));
  assert.deepEqual(found, []);
  for (const name of PAGES) {
    const { page, done } = await openPage(browser, empty, `/monitor/${name}`);
    await page.getByText(/Nothing recorded yet|No \w+ .*matches yet|No call|No credential|Mark two requests|No request matches/).first().waitFor();
    await done();
  }
});

test("axe sees a serious fault", async () => {
  const { page } = await openPage(browser, empty, "/monitor", { bypassCSP: true });
  await page.evaluate(() => document.body.append(document.createElement("button")));
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  assert.deepEqual(violations.filter(({ impact }) => impact === "critical").map(({ id }) => id), ["button-name"]);
  await page.context().close();
});

test("nothing sticks out sideways at 400 pixels, on any page, in either language", async () => {
  const wide = [];
  for (const locale of ["en-US", "zh-CN"]) {
    const { page, done } = await openPage(browser, stack, "/monitor", { locale, viewport: { width: 400, height: 800 } });
    const tabs = TABS.map((tab) => `requests/${rows[0].id}?tab=${tab}`);
    for (const path of [...PAGES, "sessions/s-1", `compare/${rows[0].id}..${rows[1].id}`, ...tabs]) {
      await page.goto(`${stack.url}/monitor/${path}`);
      await page.getByRole("main").first().waitFor();
      await until("the data", async () => (await page.locator("[aria-busy=true]").count()) === 0);
      const beyond = await page.evaluate(() => {
        const root = document.documentElement;
        if (root.scrollWidth <= 400) return null;
        const all = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > 401);
        return all.slice(0, 5).map((one) => one.outerHTML.slice(0, 90));
      });
      if (beyond) wide.push(`${path} ${locale}: ${beyond.join(" | ")}`);
    }
    await done();
  }
  assert.deepEqual(wide, []);
});

/** Words of ours that are the same in both languages: names, units, formats. */
const SAME = new Set(["Markdown", "JSON", "cURL", "English", "简体中文", "Token", "request-id", "A", "B", "Markdown JSON"]);

test("Chinese is complete: no label is the English one", async () => {
  const paths = [...PAGES, "sessions/s-1", `compare/${rows[0].id}..${rows[1].id}`, ...TABS.map((tab) => `requests/${rows[0].id}?tab=${tab}`)];
  const labels = async (locale, path, where) => {
    const { page, done } = await openPage(browser, where, `/monitor/${path}`, { locale });
    await page.getByRole("main").first().waitFor();
    await until("the data", async () => (await page.locator("[aria-busy=true]").count()) === 0);
    const texts = await page.evaluate(() => {
      const shown = [...document.querySelectorAll("h1, h2, h3, dt, th, button, label, option, summary, p, a.btn, a.item")];
      const named = [...document.querySelectorAll("[aria-label], [placeholder], [title]")];
      const own = (one) => [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim());
      return [
        ...shown.flatMap(own),
        ...named.flatMap((one) => ["aria-label", "placeholder", "title"].map((name) => one.getAttribute(name) ?? "")),
      ];
    });
    await done();
    return new Set(texts.filter((text) => /[a-z]{3}/.test(text)));
  };
  const untranslated = new Set();
  for (const [path, where] of [...paths.map((path) => [path, stack]), ["", empty]]) {
    const chinese = await labels("zh-CN", path, where);
    for (const text of await labels("en-US", path, where)) if (chinese.has(text) && !SAME.has(text)) untranslated.add(text);
  }
  // What is recorded is shown as it is; it is no label of ours.
  const data = JSON.stringify(await Promise.all(["requests", "sessions", "limits", "config", "client", "usage?by=model", "context?limit=200"].map((path) => stack.get(`/api/monitor/${path}`)))) + JSON.stringify(await stack.detail(rows[0])) + JSON.stringify(await stack.detail(rows[1]));
  // Of the protocol: request lines, the names of blocks.
  const isData = (text) => data.includes(JSON.stringify(text).slice(1, -1)) || /^POST \/v1|^\d (thinking|text|tool_use)\b|^(user|assistant): /.test(text);
  const ours = [...untranslated].filter((text) => !isData(text));
  assert.deepEqual(ours, []);
});

test("every action of the list and the detail is reached by keyboard, with the focus in sight", async () => {
  const { page, done } = await openPage(browser, stack);
  await page.getByRole("row").filter({ hasText: "sonnet-5-5" }).first().waitFor();
  const reached = new Set();
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      return { isBody: element === document.body, name: element.getAttribute("aria-label") ?? element.textContent.trim(), outline: style.outlineStyle, width: style.outlineWidth };
    });
    // At the end of the page the focus is the browser's own.
    if (!focus.name || focus.isBody) continue;
    assert.ok(focus.outline !== "none" && focus.width !== "0px", `${focus.name} shows its focus`);
    reached.add(focus.name);
  }
  for (const name of ["Sessions", "Settings", "Search and filter", "Status", "Model", "Time range", "Analyze", "Export", "Requests"]) {
    assert.ok(reached.has(name), `${name} is reached by Tab: ${[...reached].join(", ")}`);
  }
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("grid").or(page.getByRole("table")).first().focus().catch(() => {});
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("tab", { name: "Conversation", selected: true }).waitFor();
  await page.keyboard.press("7");
  await page.getByRole("tab", { name: "Cache", selected: true }).waitFor();
  await page.keyboard.press("Escape");
  await until("the detail to close", () => !/requests\//.test(page.url()));
  await page.keyboard.press("/");
  await page.keyboard.type("status:error");
  await page.keyboard.press("Enter");
  await until("the filter", () => /q=status%3Aerror/.test(page.url()));
  await page.keyboard.press("Escape");
  await page.keyboard.press("p");
  await page.getByText("Paused").waitFor();
  await done();
});

test("on pages of figures / leads to the filter and Esc one level back", async () => {
  const { page, done } = await openPage(browser, stack, "/monitor/sessions/s-1");
  await page.getByRole("heading", { name: "Turns" }).waitFor();
  await page.keyboard.press("Escape");
  await until("the list", () => /\/monitor\/sessions$/.test(page.url()));
  // The address changes before the list's own page, with its filter, is there.
  await page.getByRole("searchbox").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("status:error");
  await page.keyboard.press("Enter");
  await until("the filter", () => /q=status%3Aerror/.test(page.url()));
  await page.goto(`${stack.url}/monitor/compare/${rows[0].id}..${rows[1].id}`);
  await page.getByRole("heading", { name: "Messages" }).waitFor();
  await page.keyboard.press("Escape");
  await until("the requests", () => /\/monitor(\?|$)/.test(page.url()));
  await done();
});

test("with less motion wanted nothing moves", async () => {
  const { page, done } = await openPage(browser, empty, "/monitor", { reducedMotion: "reduce" });
  const moving = (page) => page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").length);
  await page.getByText("waiting for the first one").waitFor();
  assert.equal(await moving(page), 0);
  await done();
  const lively = await openPage(browser, empty, "/monitor");
  await lively.page.getByText("waiting for the first one").waitFor();
  assert.ok((await moving(lively.page)) > 0, "else something does");
  await lively.done();
});
