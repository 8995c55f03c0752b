// Claude Code itself, unmodified, through the proxy: tools, a sub-agent, --continue, retries, cuts.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { claude, print, runClaude } from "../lib/claude.mjs";
import { proxyBinary, startStack } from "../lib/stack.mjs";

let stack;
let work;
before(async () => {
  stack = await startStack();
  work = join(stack.folder, "work");
  mkdirSync(work);
  mkdirSync(join(stack.folder, "home"));
});
beforeEach(() => stack.reset());
after(() => stack?.stop());

const run = (args, options) => runClaude(stack, args, options);


test("a session with a tool, then --continue", async () => {
  const first = await run(print('go [sim:tool Bash {"command":"echo made-by-claude > proof.txt","description":"write"}] [sim:text=all done]'));
  assert.equal(first.code, 0, first.out + first.err);
  assert.match(first.json.result, /all done/);
  assert.equal(readFileSync(join(work, "proof.txt"), "utf8"), "made-by-claude\n");

  const again = await run(print("and now [sim:text=still here]", "--continue"));
  assert.equal(again.code, 0, again.out + again.err);
  assert.match(again.json.result, /still here/);

  const rows = await stack.assertFaithful();
  const calls = rows.filter((row) => row.url === "/v1/messages?beta=true");
  assert.ok(calls.length >= 3, `${calls.length} calls`);
  assert.deepEqual([...new Set(calls.map((row) => row.session.id))], [first.json.session_id]);
  assert.ok(calls.every((row) => row.session.source === "header" && row.outcome === "complete"));
  const mains = calls.filter((row) => row.requestClass?.value === "main");
  assert.ok(mains.length >= 3 && mains.every((row) => row.requestClass.source === "header"));
  assert.deepEqual(mains.map((row) => row.stopReason).slice(0, 2), ["tool_use", "end_turn"]);
  const withTool = await stack.detail(mains[0]);
  assert.equal(withTool.mergedContent.toolCalls[0].name, "Bash");
  assert.equal(withTool.mergedContent.toolCalls[0].input.command, "echo made-by-claude > proof.txt");
});

test("a session is understood: turns, cost, cache, context, what the base URL changed", async () => {
  const ran = await run(print('go [sim:tool Bash {"command":"echo hi","description":"say"}] [sim:agent general-purpose: look around [sim:text=seen it]] [sim:text=done]'));
  assert.equal(ran.code, 0, ran.out + ran.err);
  await stack.assertFaithful();
  const id = ran.json.session_id;
  const session = await stack.get(`/api/monitor/sessions/${id}`);
  assert.equal(session.source, "header");
  assert.match(session.title, /^go /);
  assert.equal(session.project, work);
  assert.equal(session.client.name, "claude-cli");
  // The client counts its own list price: an independent check of ours.
  assert.ok(Math.abs(Number(session.cost) - ran.json.total_cost_usd) < 1e-6, `${session.cost} and ${ran.json.total_cost_usd}`);
  assert.equal(session.unpriced, 0);
  const turns = session.turns.filter((turn) => turn.source === "header");
  assert.equal(turns.length, 1, JSON.stringify(session.turns));
  assert.equal(turns[0].toolsSource, "header");
  assert.deepEqual(session.agentsTree.map((agent) => [agent.id, agent.children.length]), [[null, 1]]);
  assert.equal(session.agentsTree[0].children[0].type, "general-purpose");

  const mains = (await stack.get(`/api/monitor/requests?q=session:${id}%20class:main&limit=100`)).data.reverse();
  const causes = mains.map((row) => row.cache?.cause);
  assert.deepEqual(causes.slice(1), causes.slice(1).map(() => "hit"), causes.join());
  assert.ok(mains.slice(1).every((row, at) => row.previousId === mains[at].id));

  const bill = await stack.get(`/api/monitor/context?session=${id}`);
  assert.ok(bill.items.some((item) => item.category === "tool" && item.tokens.total > 0), JSON.stringify(bill.items.slice(0, 3)));
  const { data: clients } = await stack.get("/api/monitor/client");
  const findings = Object.fromEntries(clients[0].changes.map((finding) => [finding.id, finding.state]));
  assert.equal(findings.hint_headers, "on", JSON.stringify(clients[0]));
});

test("a sub-agent is told apart from its parent", async () => {
  const ran = await run(print("delegate [sim:agent general-purpose: look around [sim:text=seen it]] [sim:text=the agent is back]"));
  assert.equal(ran.code, 0, ran.out + ran.err);
  const rows = (await stack.assertFaithful()).filter((row) => row.url === "/v1/messages?beta=true");
  const subs = rows.filter((row) => row.agent?.id);
  assert.ok(subs.length >= 1, JSON.stringify(rows.map((row) => [row.agent, row.requestClass])));
  assert.ok(subs.every((row) => row.requestClass.value === "subagent" && row.agent.type === "general-purpose"));
  assert.deepEqual([...new Set(rows.map((row) => row.session.id))].length, 1);
});

for (const coding of ["gzip", "br", "zstd"]) {
  test(`a ${coding} stream stays compressed and is read all the same`, async () => {
    const ran = await run(print(`hi [sim:encoding=${coding}] [sim:text=squeezed]`));
    assert.match(ran.json?.result ?? ran.out, /squeezed/);
    const row = (await stack.assertFaithful()).findLast((one) => one.stream);
    const detail = await stack.detail(row);
    assert.equal(detail.response.headers["content-encoding"], coding);
    assert.equal(detail.mergedContent.completeText, "squeezed");
  });
}

test("an overloaded answer is retried by the client and both are recorded", async () => {
  const ran = await run(print("hi [sim:error=529*1] [sim:text=second time lucky]"));
  assert.match(ran.json?.result ?? ran.out, /second time lucky/);
  const calls = (await stack.assertFaithful()).filter((row) => row.url === "/v1/messages?beta=true");
  const failed = calls.find((row) => row.httpStatus === 529);
  assert.deepEqual([failed.outcome, failed.error.kind], ["upstream_error", "overloaded_error"]);
  assert.ok(calls.some((row) => row.outcome === "complete"));
});

test("a stream that is cut is cut for the client, which calls again", async () => {
  const ran = await run(print("hi [sim:cut-after=3*1] [sim:text=whole after all]"));
  assert.match(ran.json?.result ?? ran.out, /whole after all/);
  const calls = (await stack.assertFaithful()).filter((row) => row.url === "/v1/messages?beta=true");
  assert.ok(calls.some((row) => row.outcome === "truncated"), JSON.stringify(calls.map((row) => row.outcome)));
  assert.ok(calls.some((row) => row.outcome === "complete"));
});

test("run starts a proxy of its own, sets what the client needs, and passes the exit code on", async () => {
  const data = join(stack.folder, "run-data");
  const through = [proxyBinary(), "run", "--upstream-url", stack.simulator.url, "--data-dir", data, "--", claude];
  const ran = await run(print("hi [sim:text=by way of run]"), { through, url: null });
  assert.equal(ran.code, 0, ran.err);
  assert.match(ran.out, /by way of run/);
  const [one] = (await stack.received()).filter((request) => request.method === "POST");
  const names = one.headers.map(([name]) => name.toLowerCase());
  assert.ok(names.includes("x-claude-code-request-class"), "the hint headers are back on");
  const failed = await run(print("hi [sim:error=400]"), { through, url: null });
  assert.equal(failed.code, 1, failed.out);
});
