// How much disk a session of the real client takes: node bench/space.mjs [PROMPTS]
//
// Claude Code holds one conversation through the proxy: each prompt makes it run a tool, and goes on from the one before. Compare with
// `cargo run --release -p store --example space`, where the conversation is generated.

import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { print, runClaude } from "../lib/claude.mjs";
import { startStack } from "../lib/stack.mjs";

const prompts = Number(process.argv[2] ?? 20);
const stack = await startStack({ flags: ["--log-level", "WARN"] });
mkdirSync(join(stack.folder, "work"));
mkdirSync(join(stack.folder, "home"));
let seed = 1;
const number = () => (seed = (seed * 48271) % 2147483647);
for (let turn = 0; turn < prompts; turn += 1) {
  // What the tool prints is new each time, 4 kB of it.
  const words = Array.from({ length: 500 }, () => (number() % 46_656).toString(36)).join(" ");
  writeFileSync(join(stack.folder, "work", `notes-${turn}.txt`), words);
  const prompt = `prompt ${turn} [sim:tool Bash {"command":"cat notes-${turn}.txt","description":"read"}] [sim:text=done with ${turn}]`;
  const ran = await runClaude(stack, print(prompt, ...(turn > 0 ? ["--continue"] : [])));
  if (ran.code !== 0) throw new Error(ran.out + ran.err);
}
const rows = await stack.rows();
const moved = rows.reduce((sum, row) => sum + row.metrics.totalSize, 0);
// Ending it writes the log into the database.
stack.proxy.child.removeAllListeners("exit");
const ended = new Promise((done) => stack.proxy.child.once("exit", done));
stack.proxy.child.kill("SIGTERM");
await ended;
const disk = ["exchanges.db", "exchanges.db-wal"].reduce((sum, name) => {
  return sum + (statSync(join(stack.folder, "data", name), { throwIfNoEntry: false })?.size ?? 0);
}, 0);
console.log(`${rows.length} requests of Claude Code: ${(moved / 1e6).toFixed(1)} MB moved, ${(disk / 1e6).toFixed(2)} MB on disk`);
console.log(`share, search index included: ${(disk / moved).toFixed(4)}`);
await stack.stop();
