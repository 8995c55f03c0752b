// Real Chromium, and pages in it that complain loudly.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const flags = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

/** A headless Chromium: the one that CHROMIUM names, else the system's. */
export function launch(more = []) {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: [...flags, ...more] });
}

/** A page of which every complaint, and every request to elsewhere, fails the test when it is `done`. */
export async function openPage(browser, stack, path = "/monitor", options = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 850 }, locale: "en-US", ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(stack.url) && !request.url().startsWith("data:")) complaints.push(request.url());
  });
  await page.goto(stack.url + path);
  return { page, complaints, done: async () => (assert.deepEqual(complaints, []), await context.close()) };
}
