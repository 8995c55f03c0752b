// The README's pictures, of the demonstration: node e2e/screenshots.mjs (writes docs/images)

import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch } from "./lib/browser.mjs";
import { cleanEnvironment, proxyBinary, until } from "./lib/stack.mjs";

const folder = fileURLToPath(new URL("../docs/images/", import.meta.url));
mkdirSync(folder, { recursive: true });
const demo = spawn(proxyBinary(), ["demo", "--no-open", "--port", "0", "--speed", "20", "--sessions", "5", "--until", "9"], {
  env: cleanEnvironment(),
  stdio: ["ignore", "pipe", "inherit"],
});
const url = await new Promise((found) => {
  demo.stdout.on("data", (bytes) => {
    const match = /(http:\/\/[\d.]+:\d+)\/monitor/.exec(bytes);
    if (match) found(match[1]);
  });
});
const get = async (path) => (await fetch(url + path)).json();
await until("the nine sessions", async () => {
  const { data } = await get("/api/monitor/sessions?limit=20");
  return data.length >= 9 && data.every((session) => session.running === 0) && data;
});
const sessions = (await get("/api/monitor/sessions?limit=20")).data;
const busiest = sessions.reduce((best, one) => (one.agents > best.agents ? one : best));
const calls = (await get(`/api/monitor/requests?limit=200&q=${encodeURIComponent("class:main status:success has:tools")}`)).data;
const call = calls.reduce((best, one) => (one.metrics.chunksCount > best.metrics.chunksCount ? one : best));

const places = {
  requests: "/monitor",
  detail: `/monitor/requests/${call.id}`,
  session: `/monitor/sessions/${busiest.id}`,
  cache: "/monitor/cache",
};
const browser = await launch();
for (const colorScheme of ["light", "dark"]) {
  for (const [name, path] of Object.entries(places)) {
    const page = await browser.newPage({ viewport: { width: 1240, height: 720 }, locale: "en-US", colorScheme });
    await page.goto(url + path);
    await page.getByRole("main").first().waitFor();
    await until("the data", async () => (await page.locator("[aria-busy=true]").count()) === 0);
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}${name}-${colorScheme}.png` });
    await page.close();
  }
}
await browser.close();
demo.kill("SIGTERM");
