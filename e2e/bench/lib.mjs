// What the long runs share: what the system says of the proxy, an upstream that is quick, and calls whose every byte is compared.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Resident memory, threads, open files and processor time of a process; Linux only. */
export function systemOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)[1]);
  const times = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return {
    rss: number("VmRSS") / 1024,
    peak: number("VmHWM") / 1024,
    threads: number("Threads"),
    files: readdirSync(`/proc/${pid}/fd`).length,
    processor: (Number(times[11]) + Number(times[12])) / 100,
  };
}

/** Bytes of all files in a folder. */
export function size(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(folder, entry.name)).size, 0);
}

/**
 * One call. Resolves with `{ status, body }` once the answer has ended well, else rejects. `slow`: milliseconds to rest after each
 * read; `leave`: bytes after which the client goes away.
 */
export function call(url, { body, agent, headers = {}, path = "/v1/messages", slow = 0, leave = Infinity }) {
  const all = { "content-type": "application/json", "content-length": Buffer.byteLength(body), ...headers };
  return new Promise((done, failed) => {
    const asked = request(url + path, { method: "POST", agent, headers: all }, (answer) => {
      const parts = [];
      let length = 0;
      answer.on("data", (bytes) => {
        parts.push(bytes);
        length += bytes.length;
        if (length >= leave) return answer.destroy();
        if (slow) {
          answer.pause();
          setTimeout(() => answer.resume(), slow);
        }
      });
      answer.on("error", failed);
      answer.on("end", () => done({ status: answer.statusCode, body: Buffer.concat(parts) }));
    });
    asked.on("error", failed).end(body);
  });
}
