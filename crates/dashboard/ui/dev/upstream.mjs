// A pretend API with varied answers, for working on the page: `node dev/upstream.mjs PORT`, then traffic.mjs through the proxy.
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? 9912);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const WORDS =
  'The relay copies bytes as they were read and a watcher follows behind so a slow reader never holds the client back '.split(
    ' ',
  );

createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  if (request.method === 'HEAD') return response.writeHead(404, { 'content-length': 0 }).end();
  let body;
  try {
    body = JSON.parse(Buffer.concat(parts).toString() || '{}');
  } catch {
    return fail(response, 400, 'invalid_request_error', 'the body is not JSON');
  }
  const kind = request.headers['x-dev-kind'];
  if (kind === '529') return fail(response, 529, 'overloaded_error', 'Overloaded');
  if (kind === '429')
    return fail(response, 429, 'rate_limit_error', 'This request would exceed your rate limit');
  if (kind === '401') return fail(response, 401, 'authentication_error', 'invalid x-api-key');
  if (request.url?.includes('count_tokens')) {
    return response.writeHead(200, { 'content-type': 'application/json' }).end('{"input_tokens":14211}');
  }
  await stream(response, body, kind ?? '');
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));

function fail(response, status, type, message) {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': id('req_') });
  response.end(JSON.stringify({ type: 'error', error: { type, message } }));
}

async function stream(response, body, kind) {
  const slow = kind === 'slow';
  const send = (name, fields) =>
    response.write(`event: ${name}\ndata: ${JSON.stringify({ type: name, ...fields })}\n\n`);
  const delta = (index, value) => send('content_block_delta', { index, delta: value });
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'request-id': id('req_') });
  await wait(slow ? 900 : 30 + Math.random() * 200);
  const read = Math.round(20_000 + Math.random() * 120_000);
  send('message_start', {
    message: {
      id: id('msg_'),
      type: 'message',
      role: 'assistant',
      model: body.model ?? 'claude-opus-5-5',
      content: [],
      stop_reason: null,
      usage: {
        input_tokens: Math.round(Math.random() * 3000),
        cache_read_input_tokens: kind === 'cold' ? 0 : read,
        cache_creation_input_tokens: kind === 'cold' ? read : 1200,
        cache_creation: {
          ephemeral_5m_input_tokens: kind === 'cold' ? read : 1200,
          ephemeral_1h_input_tokens: 0,
        },
        output_tokens: 1,
      },
    },
  });
  send('ping', {});
  send('content_block_start', { index: 0, content_block: { type: 'thinking', thinking: '' } });
  for (const word of WORDS.slice(0, 12)) {
    delta(0, { type: 'thinking_delta', thinking: `${word} ` });
    await wait(slow ? 60 : 4);
  }
  send('content_block_stop', { index: 0 });
  send('content_block_start', { index: 1, content_block: { type: 'text', text: '' } });
  const text = `# What I found\n\n${WORDS.join(' ')}\n\n- **first** point\n- second with \`code\`\n\n\`\`\`rust\nfn main() {\n    println!("hello");\n}\n\`\`\`\n\n| file | lines |\n|---|---|\n| main.rs | 61 |\n\n${`${WORDS.join(' ')}\n\n`.repeat(slow ? 6 : 2)}`;
  for (let at = 0; at < text.length; at += 9) {
    delta(1, { type: 'text_delta', text: text.slice(at, at + 9) });
    if (kind === 'cut' && at > 300) return response.destroy();
    await wait(slow ? 45 : 3);
    if (slow && at % 450 === 0) send('ping', {});
  }
  send('content_block_stop', { index: 1 });
  const tool = kind === 'tool';
  if (tool) {
    send('content_block_start', {
      index: 2,
      content_block: { type: 'tool_use', id: id('toolu_'), name: 'Bash', input: {} },
    });
    const input = JSON.stringify({ command: 'cargo test -p relay', description: 'Run the relay tests' });
    for (let at = 0; at < input.length; at += 12) {
      delta(2, { type: 'input_json_delta', partial_json: input.slice(at, at + 12) });
    }
    send('content_block_stop', { index: 2 });
  }
  if (kind === 'overloaded') {
    send('error', { error: { type: 'overloaded_error', message: 'Overloaded' } });
    return response.end();
  }
  send('message_delta', {
    delta: {
      stop_reason: tool ? 'tool_use' : kind === 'max' ? 'max_tokens' : 'end_turn',
      stop_sequence: null,
    },
    usage: { output_tokens: 80 + Math.round(Math.random() * 900) },
  });
  send('message_stop', {});
  response.end();
}

function id(prefix) {
  return prefix + Math.random().toString(36).slice(2, 14);
}
