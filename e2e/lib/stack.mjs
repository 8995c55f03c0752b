// The simulated API and the built proxy in front of it, on free ports, with a data folder of their own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** How long anything may take before a test fails, in milliseconds. */
export const PATIENCE = 60_000;

function binary(name, variable) {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
  const places = [process.env[variable], join(target, "release", name), join(target, "debug", name)];
  const found = places.find((place) => place && existsSync(place));
  assert.ok(found, `${name} is not built: cargo build --release -p anthropic-proxy -p simulator`);
  return found;
}

export const proxyBinary = () => binary("anthropic-proxy", "ANTHROPIC_PROXY_BIN");

/** The environment of this process without what would lead a client elsewhere. */
export function cleanEnvironment(more = {}) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(ANTHROPIC_|CLAUDE|HTTPS?_PROXY|ALL_PROXY|NO_PROXY|DATA_DIR|PORT|HOST|UPSTREAM_URL)/i.test(name),
  );
  return { ...Object.fromEntries(kept), ...more };
}

/** Starts a program and resolves with the URL on its first line. */
async function start(program, args) {
  const child = spawn(program, args, { env: cleanEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((found, failed) => {
    let said = "";
    child.on("exit", (code) => failed(new Error(`${program} ended with ${code}: ${said}`)));
    child.on("error", failed);
    child.stdout.on("data", (bytes) => {
      said += bytes;
      const match = /http:\/\/[\d.]+:\d+/.exec(said);
      if (match && said.includes("\n")) found(match[0]);
    });
  });
  return { child, url };
}

/** The built proxy alone, with these arguments. */
export const spawnProxy = (args) => start(proxyBinary(), args);

export async function startStack({ flags = [], simulatorFlags = [] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "anthropic-proxy-e2e-"));
  const simulator = await start(binary("anthropic-simulator", "ANTHROPIC_SIMULATOR_BIN"), simulatorFlags);
  const proxy = await start(proxyBinary(), [
    "--port", "0", "--upstream-url", simulator.url, "--data-dir", join(folder, "data"), ...flags,
  ]);
  return new Stack(folder, simulator, proxy);
}

export class Stack {
  constructor(folder, simulator, proxy) {
    Object.assign(this, { folder, simulator, proxy });
    this.url = proxy.url;
  }

  async get(path) {
    const answer = await fetch(this.url + path);
    assert.equal(answer.status, 200, `${path}: ${answer.status}`);
    return answer.json();
  }

  /** The exact bytes that were recorded. */
  async body(row, side) {
    const answer = await fetch(`${this.url}/api/monitor/requests/${row.id}/body/${side}`);
    assert.equal(answer.status, 200);
    return Buffer.from(await answer.arrayBuffer());
  }

  detail(row) {
    return this.get(`/api/monitor/requests/${row.id}`);
  }

  /** All exchanges, oldest first, once all that reached the upstream are there and every one has ended. */
  async rows() {
    const sent = (await this.received()).length;
    return until("every exchange to end", async () => {
      const { data } = await this.get("/api/monitor/requests?limit=1000");
      return data.length >= sent && data.every((row) => row.outcome !== null) ? data.reverse() : null;
    });
  }

  /** What the simulator received, oldest first. */
  async received() {
    const answer = await fetch(`${this.simulator.url}/_simulator/received`);
    return (await answer.json()).map((one) => ({ ...one, body: Buffer.from(one.body, "base64") }));
  }

  /** Everything that reached the upstream was recorded, byte for byte, header for header. Returns the rows. */
  async assertFaithful() {
    const rows = await this.rows();
    const received = (await this.received()).filter((one) => one.body_complete);
    const recorded = await Promise.all(rows.map(async (row) => ({ row, body: await this.body(row, "request") })));
    for (const one of received) {
      const at = recorded.findIndex(
        ({ row, body }) => row.method === one.method && row.url === one.target && body.equals(one.body),
      );
      assert.ok(at >= 0, `${one.method} ${one.target} was not recorded byte for byte`);
      const [{ row }] = recorded.splice(at, 1);
      assert.equal(row.captureComplete, true);
      const sent = (await this.detail(row)).request.rawHeaders;
      const hop = /^(connection|keep-alive|host)$/i;
      const names = (headers) => headers.map(([name]) => name).filter((name) => !hop.test(name));
      assert.deepEqual(names(one.headers), names(sent), "order and letter case of the headers");
    }
    return rows;
  }

  /** Ends the proxy as a power cut would, and starts it again where it was, over what it had recorded. */
  async restart() {
    const { child } = this.proxy;
    child.removeAllListeners("exit");
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await ended;
    this.proxy = await start(proxyBinary(), [
      "--port", new URL(this.url).port, "--upstream-url", this.simulator.url, "--data-dir", join(this.folder, "data"),
    ]);
  }

  async reset() {
    await fetch(`${this.url}/api/monitor/clear`, { method: "POST" });
    await fetch(`${this.simulator.url}/_simulator/reset`, { method: "POST" });
  }

  stop() {
    this.proxy.child.removeAllListeners("exit");
    this.proxy.child.kill("SIGKILL");
    this.simulator.child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asks again and again, since what is waited for happens in another process. */
export async function until(what, ask) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await ask();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await pause(25);
  }
}
