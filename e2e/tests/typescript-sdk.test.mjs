// The official TypeScript SDK, unmodified, through the proxy.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import Anthropic, { toFile } from "@anthropic-ai/sdk";
import { startStack } from "../lib/stack.mjs";

const MODEL = "claude-opus-5-5";
const KEY = "sk-ant-api03-this-key-opens-nothing-at-all-0000000000";

let stack;
before(async () => (stack = await startStack()));
beforeEach(() => stack.reset());
after(() => stack?.stop());

const client = (more = {}) => new Anthropic({ apiKey: KEY, baseURL: stack.url, maxRetries: 0, ...more });
const ask = (content, more = {}) => ({ model: MODEL, max_tokens: 256, messages: [{ role: "user", content }], ...more });

test("a whole answer", async () => {
  const message = await client().messages.create(ask("hi [sim:text=hello there]"));
  assert.equal(message.content[0].text, "hello there");
  const [row] = await stack.assertFaithful();
  const detail = await stack.detail(row);
  assert.equal(row.outcome, "complete");
  assert.equal(row.metrics.outputTokens, message.usage.output_tokens);
  assert.equal(row.requestId, message._request_id);
  assert.equal(detail.mergedContent.completeText, "hello there");
  assert.ok(!JSON.stringify(detail).includes(KEY));
});

test("a stream, split anywhere, is the same message for the client and for the record", async () => {
  const stream = client().messages.stream(
    ask("hi [sim:thinking=let me see] [sim:text=你好, wörld 🙂] [sim:tool Bash {\"command\":\"ls -l\"}] [sim:split=1]"),
  );
  const message = await stream.finalMessage();
  const [row] = await stack.assertFaithful();
  const { mergedContent } = await stack.detail(row);
  assert.deepEqual(mergedContent.message.content, JSON.parse(JSON.stringify(message.content)));
  assert.equal(mergedContent.message.stop_reason, message.stop_reason);
  assert.equal(row.metrics.outputTokens, message.usage.output_tokens);
  assert.equal(mergedContent.toolCalls[0].input.command, "ls -l");
});

test("every block type comes through", async () => {
  const message = await client().messages.stream(ask("hi [sim:blocks=all]")).finalMessage();
  const [row] = await stack.assertFaithful();
  const { mergedContent } = await stack.detail(row);
  assert.deepEqual(
    mergedContent.message.content.map((block) => block.type),
    message.content.map((block) => block.type),
  );
});

const errors = [
  [400, Anthropic.BadRequestError, "invalid_request_error"],
  [401, Anthropic.AuthenticationError, "authentication_error"],
  [403, Anthropic.PermissionDeniedError, "permission_error"],
  [404, Anthropic.NotFoundError, "not_found_error"],
  [413, Anthropic.APIError, "request_too_large"],
  [429, Anthropic.RateLimitError, "rate_limit_error"],
  [500, Anthropic.InternalServerError, "api_error"],
  [529, Anthropic.InternalServerError, "overloaded_error"],
];
for (const [status, kind, name] of errors) {
  test(`${status} is ${kind.name}`, async () => {
    await assert.rejects(client().messages.create(ask(`hi [sim:error=${status}]`)), (error) => {
      assert.ok(error instanceof kind, error);
      assert.equal(error.status, status);
      return true;
    });
    const [row] = await stack.assertFaithful();
    assert.deepEqual([row.httpStatus, row.outcome, row.error.kind], [status, "upstream_error", name]);
  });
}

test("an error inside a stream, and a stream that breaks off", async () => {
  await assert.rejects(client().messages.stream(ask("hi [sim:error-in-stream=overloaded_error]")).finalMessage());
  await assert.rejects(client().messages.stream(ask("hi [sim:cut-after=3]")).finalMessage());
  const rows = await stack.assertFaithful();
  assert.deepEqual(rows.map((row) => row.outcome), ["stream_error", "truncated"]);
});

test("retries are the client's own, each recorded", async () => {
  const message = await client({ maxRetries: 2 }).messages.create(ask("hi [sim:error=529*1] [sim:text=at last]"));
  assert.equal(message.content[0].text, "at last");
  const rows = await stack.assertFaithful();
  assert.deepEqual(rows.map((row) => row.httpStatus), [529, 200]);
});

test("leaving a stream closes it upstream", async () => {
  const stream = client().messages.stream(ask("hi [sim:words=400] [sim:drip=50]"));
  await new Promise((seen) => stream.once("text", seen));
  stream.abort();
  await assert.rejects(stream.finalMessage());
  const [row] = await stack.rows();
  assert.equal(row.outcome, "client_aborted");
  const [one] = await stack.received();
  assert.notEqual(one.client_left_ms, null);
});

test("counting, models, files and batches", async () => {
  const api = client();
  const { input_tokens } = await api.messages.countTokens({ model: MODEL, messages: [{ role: "user", content: "hi" }] });
  assert.ok(input_tokens > 0);
  const models = await api.models.list();
  assert.equal((await api.models.retrieve(models.data[0].id)).id, models.data[0].id);

  const batch = await api.messages.batches.create({ requests: [{ custom_id: "one", params: ask("hi") }] });
  assert.equal((await api.messages.batches.retrieve(batch.id)).id, batch.id);
  assert.ok((await api.messages.batches.list()).data.length >= 1);

  const bytes = Buffer.from(Array.from({ length: 3000 }, (_, index) => index % 256));
  const file = await api.beta.files.upload({ file: await toFile(bytes, "bytes.bin") });
  const loaded = Buffer.from(await (await api.beta.files.download(file.id)).arrayBuffer());
  assert.ok(loaded.equals(bytes));
  await api.beta.files.delete(file.id);

  const rows = await stack.assertFaithful();
  assert.ok(rows.every((row) => row.outcome === "complete"), JSON.stringify(rows.map((row) => [row.url, row.outcome])));
  const counted = rows.find((row) => row.url.startsWith("/v1/messages/count_tokens"));
  assert.deepEqual([counted.metrics.totalInputTokens, counted.metrics.inputTokens], [input_tokens, 0]);
  const download = rows.find((row) => row.url.includes(`/v1/files/${file.id}/content`));
  assert.ok((await stack.body(download, "response")).equals(bytes));
});
