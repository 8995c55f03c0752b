// Sends lively calls through a proxy whose upstream is upstream.mjs: `node dev/traffic.mjs http://127.0.0.1:8082 [count] [pause ms]`.
const [base, count = '40', pause = '100'] = process.argv.slice(2);
const KINDS = [
  'tool',
  'tool',
  'tool',
  '',
  '',
  '',
  'cold',
  'max',
  '529',
  '429',
  '401',
  'cut',
  'overloaded',
  'slow',
  'count',
];
const MODELS = ['claude-opus-5-5', 'claude-opus-5-5', 'claude-sonnet-5', 'claude-haiku-4-5-20251001'];
const SESSIONS = ['1d89637a-4d48-484f-bad2-7dcf2eb1e1fe', '77e5e2a0-91b1-4c0c-8a57-3f0c2b6f7a11'];
const pick = (list) => list[Math.floor(Math.random() * list.length)];

const running = [];
for (let n = 0; n < Number(count); n++) {
  running.push(call(n).catch(() => undefined));
  await new Promise((done) => setTimeout(done, Number(pause)));
}
await Promise.all(running);

async function call(n) {
  const kind = pick(KINDS);
  const agent = Math.random() < 0.25;
  const path = kind === 'count' ? '/v1/messages/count_tokens?beta=true' : '/v1/messages?beta=true';
  const answer = await fetch(base + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-api-key': 'sk-ant-api03-not-a-real-key-000000000000000000000000AA',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27',
      'user-agent': 'claude-cli/2.1.330 (external, cli)',
      'x-claude-code-session-id': pick(SESSIONS),
      'x-claude-code-request-class': agent ? 'subagent' : 'main',
      ...(agent
        ? { 'x-claude-code-agent-id': 'a6a7cad941f82a14a', 'x-claude-code-agent-type': 'general-purpose' }
        : {}),
      'x-dev-kind': kind,
    },
    body: JSON.stringify(body(n)),
  });
  await answer.arrayBuffer();
}

function body(n) {
  const tool = (name, size) => ({
    name,
    description: 'Does what it says. '.repeat(size),
    input_schema: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] },
  });
  const messages = [{ role: 'user', content: 'Look at the relay and tell me why the tests are slow.' }];
  for (let turn = 0; turn < n % 12; turn++) {
    const id = `toolu_${turn}`;
    messages.push({
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'I should read the file first.', signature: 'c2lnbmF0dXJl' },
        { type: 'text', text: `Step ${turn + 1}: reading **the file**.` },
        { type: 'tool_use', id, name: 'Read', input: { file_path: `/src/relay/part${turn}.rs` } },
      ],
    });
    messages.push({
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: id,
          content: `//! Part ${turn}\nfn part() -> u32 {\n    ${turn}\n}\n`,
        },
      ],
    });
  }
  return {
    model: pick(MODELS),
    max_tokens: 128000,
    stream: true,
    thinking: { type: 'adaptive', display: 'omitted' },
    output_config: { effort: 'medium' },
    system: [
      { type: 'text', text: "You are Claude Code, Anthropic's official CLI for Claude." },
      { type: 'text', text: 'Be brief. '.repeat(300), cache_control: { type: 'ephemeral', ttl: '1h' } },
    ],
    tools: [tool('Bash', 60), tool('Read', 30), tool('Edit', 20), tool('Grep', 8)],
    metadata: { user_id: 'user_0' },
    messages,
  };
}
