// Other sites in a real browser: a name led to us (DNS rebinding), forged requests, frames and live streams get nothing and change nothing.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch } from "../lib/browser.mjs";
import { startStack } from "../lib/stack.mjs";

let stack;
let other;
let browser;
let port;
before(async () => {
  stack = await startStack();
  port = new URL(stack.url).port;
  const headers = { "content-type": "application/json", "x-api-key": "sk-ant-api03-nothing-nothing" };
  const body = JSON.stringify({ model: "claude-opus-5-5", max_tokens: 64, messages: [{ role: "user", content: "a secret plan" }] });
  await (await fetch(`${stack.url}/v1/messages`, { method: "POST", headers, body })).text();
  await stack.rows();
  // Another site on this machine, which says of itself what it likes.
  other = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>other</title>"));
  await new Promise((ready) => other.listen(0, "127.0.0.1", ready));
  browser = await launch(["--host-resolver-rules=MAP evil.example 127.0.0.1"]);
});
after(async () => {
  await browser?.close();
  other?.close();
  stack?.stop();
});

const elsewhere = () => `http://evil.example:${other.address().port}/`;

/** A page of another site. */
async function visit(url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url);
  return { page, done: () => context.close() };
}

/** Recorded calls; a browser asks for /favicon.ico too, which goes to the upstream like everything that is not ours. */
const rows = async () => (await stack.get("/api/monitor/requests?q=path:/v1/messages")).data.length;

test("a name that was led to us reads nothing", async () => {
  const { page, done } = await visit(elsewhere());
  // The same name, now with our port: for the browser this is the attacker's own origin.
  const opened = await page.goto(`http://evil.example:${port}/monitor`);
  assert.equal(opened.status(), 403);
  const answers = await page.evaluate(async () => {
    const paths = ["/monitor", "/api/monitor/requests", "/api/monitor/stream", "/api/monitor/export?format=json", "/health", "/"];
    return Promise.all(paths.map(async (path) => {
      const answer = await fetch(path);
      return [path, answer.status, await answer.text()];
    }));
  });
  for (const [path, status, text] of answers) {
    assert.equal(status, ["/health", "/"].includes(path) ? 200 : 403, path);
    assert.ok(!/secret plan|claude-opus|127\.0\.0\.1/.test(text), `${path}: ${text}`);
  }
  const cleared = await page.evaluate(async () => (await fetch("/api/monitor/clear", { method: "POST" })).status);
  assert.equal(cleared, 403);
  assert.equal(await rows(), 1);
  await done();
});

test("another site's forms and fetches change nothing and read nothing", async () => {
  const { page, done } = await visit(elsewhere());
  const outcomes = await page.evaluate(async (base) => {
    const outcomes = [];
    const paths = ["clear", "prune?count=0", "reindex", "import", "demo"];
    for (const mode of ["no-cors", "cors"]) {
      for (const path of paths) {
        const sent = fetch(`${base}/api/monitor/${path}`, { method: "POST", mode, body: "x" });
        outcomes.push(await sent.then((answer) => `${mode} ${path}: ${answer.type} ${answer.status}`, () => `${mode} refused`));
      }
      const read = fetch(`${base}/api/monitor/requests`, { mode });
      outcomes.push(await read.then(async (answer) => `${mode} ${answer.type} ${(await answer.text()).length}`, () => `${mode} refused`));
    }
    return outcomes;
  }, stack.url);
  for (const outcome of outcomes) assert.match(outcome, /^(no-cors .*opaque 0|no-cors refused|cors refused)$/, outcome);
  await page.setContent(`<form method="post" enctype="text/plain" action="${stack.url}/api/monitor/clear"><input name="a" value="b"></form>`);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith("/clear")),
    page.evaluate(() => document.forms[0].submit()),
  ]);
  assert.equal(answer.status(), 403);
  assert.equal(await rows(), 1);
  await done();
});

test("no site frames the page, runs its scripts or shows its answers", async () => {
  const { page, done } = await visit(elsewhere());
  const results = await page.evaluate(async (base) => {
    const load = (make) => new Promise((seen) => {
      const element = make();
      element.onload = () => seen("loaded");
      element.onerror = () => seen("refused");
      document.body.append(element);
    });
    const script = await load(() => Object.assign(document.createElement("script"), { src: `${base}/api/monitor/requests` }));
    const image = await load(() => Object.assign(document.createElement("img"), { src: `${base}/monitor/favicon.svg` }));
    return { script, image };
  }, stack.url);
  assert.deepEqual(results, { script: "refused", image: "refused" });
  const framed = page.waitForResponse((response) => response.url() === `${stack.url}/monitor`);
  await page.evaluate((base) => {
    document.body.append(Object.assign(document.createElement("iframe"), { src: `${base}/monitor` }));
  }, stack.url);
  assert.equal((await framed).status(), 403);
  await done();
});

test("another site's live streams and sockets hear nothing", async () => {
  const { page, done } = await visit(elsewhere());
  const heard = await page.evaluate((base) => {
    const end = (source) => new Promise((done) => {
      source.onopen = () => done("opened");
      source.onmessage = () => done("heard");
      source.onerror = () => done("refused");
    });
    return Promise.all([
      end(new EventSource(`${base}/api/monitor/stream`)),
      end(new EventSource(`${base}/api/monitor/stream`, { withCredentials: true })),
      end(new WebSocket(`${base.replace("http", "ws")}/api/monitor/stream`)),
    ]);
  }, stack.url);
  assert.deepEqual(heard, ["refused", "refused", "refused"]);
  await done();
});

test("the same attempts by the page itself succeed", async () => {
  const { page, done } = await visit(`${stack.url}/monitor`);
  const heard = await page.evaluate(async () => {
    const stream = await new Promise((done) => {
      const source = new EventSource("/api/monitor/stream");
      source.onopen = () => done("opened");
      source.onerror = () => done("refused");
    });
    const list = await (await fetch("/api/monitor/requests?q=path:/v1/messages")).json();
    const pruned = await fetch("/api/monitor/prune?count=5", { method: "POST" });
    return [stream, list.data.length, pruned.status];
  });
  assert.deepEqual(heard, ["opened", 1, 200]);
  await done();
});
