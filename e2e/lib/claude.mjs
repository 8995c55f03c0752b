// Claude Code itself, unmodified, with a home of its own.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PATIENCE, cleanEnvironment } from "./stack.mjs";

const require = createRequire(import.meta.url);
export const claude = join(
  dirname(require.resolve(`@anthropic-ai/claude-code-${process.platform}-${process.arch}/package.json`)),
  "claude",
);

/** Runs it in the stack's folder `work`; resolves with exit code, output and its parsed JSON. */
export function runClaude(stack, args, { through = [claude], url = stack.url, more = {} } = {}) {
  const env = cleanEnvironment({
    HOME: join(stack.folder, "home"),
    CLAUDE_CONFIG_DIR: join(stack.folder, "home", ".claude"),
    ANTHROPIC_API_KEY: "sk-ant-api03-this-key-opens-nothing-at-all-0000000000",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    IS_SANDBOX: "1",
    ...(url ? { ANTHROPIC_BASE_URL: url, CLAUDE_CODE_GATEWAY_HINT_HEADERS: "1" } : {}),
    ...more,
  });
  return new Promise((done, failed) => {
    const [program, ...first] = through;
    const child = spawn(program, [...first, ...args], { cwd: join(stack.folder, "work"), env, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    let out = "";
    let err = "";
    child.stdout.on("data", (bytes) => (out += bytes));
    child.stderr.on("data", (bytes) => (err += bytes));
    child.on("error", failed);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      let json = null;
      try {
        json = JSON.parse(out);
      } catch {
        // Not every run ends with JSON; the test says what it expects.
      }
      done({ code, signal, out, err, json });
    });
  });
}

/** The arguments of a prompt that prints its result as JSON. */
export const print = (prompt, ...args) => ["-p", prompt, "--output-format", "json", "--dangerously-skip-permissions", ...args];
