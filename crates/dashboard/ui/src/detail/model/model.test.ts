import { describe as suite, expect, it } from 'vitest';
import type { StreamChunk } from '../../lib/types';
import { Assembler } from './assemble';
import { blocksOf, breakpointOf } from './blocks';
import { conversationOf, firstNew, resultsByCall } from './conversation';
import { curl, markdown } from './copy';
import { changes } from './lines';
import { describe, layout, summary, thin } from './timeline';
import { PAGE, rowsOf } from './tree';
import { inputOf } from './usage';

const chunk = (at: number, data: unknown, event: string | null = null): StreamChunk => ({
  timestamp: '2026-11-23T00:00:00Z',
  at,
  event,
  data: typeof data === 'string' ? data : JSON.stringify(data),
});
const start = (index: number, block: unknown) =>
  chunk(1, { type: 'content_block_start', index, content_block: block });
const delta = (index: number, d: unknown) => chunk(2, { type: 'content_block_delta', index, delta: d });

suite('blocks', () => {
  it('reads a string and an array of one text alike', () => {
    expect(blocksOf('hi')).toEqual(blocksOf([{ type: 'text', text: 'hi' }]));
  });
  it('keeps what it does not know, by name', () => {
    expect(blocksOf([{ type: 'brand_new', x: 1 }, 7])).toMatchObject([
      { kind: 'unknown', name: 'brand_new', raw: { type: 'brand_new', x: 1 } },
      { kind: 'unknown', name: 'number' },
    ]);
  });
  it.each([
    [{ type: 'url', url: 'https://evil.example/x.png' }],
    [{ type: 'base64', media_type: 'image/svg+xml', data: 'AAAA' }],
    [{ type: 'base64', media_type: 'image/png', data: 'x" onerror="alert(1)' }],
  ])('shows no picture from %j', (source) => {
    expect(blocksOf([{ type: 'image', source }])[0]?.kind).toBe('unknown');
  });
  it('takes five minutes for a breakpoint that names no lifetime', () => {
    expect(breakpointOf({ cache_control: { type: 'ephemeral' } })).toBe('5m');
    expect(breakpointOf({})).toBeNull();
  });
});

suite('conversation', () => {
  const call = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Bash', input: {} }] };
  const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'ok' }] };
  const user = { role: 'user', content: 'hi' };
  const said = { role: 'assistant', content: 'hello' };
  it.each([
    ['all of a first request', [user], 0],
    ['what follows the last answer', [user, said, user], 2],
    ['a result together with its call', [user, call, result], 1],
    ['a prefilled answer with its question', [user, said, user, said], 2],
    ['nothing of nothing', [], 0],
  ])('opens %s', (_, messages, at) => {
    expect(firstNew(conversationOf({ messages })!.messages)).toBe(at);
  });
  it('joins a call to its result', () => {
    const { messages } = conversationOf({ messages: [user, call, result] })!;
    expect(resultsByCall(messages).get('t1')?.content[0]).toMatchObject({ text: 'ok' });
  });
  it('lists breakpoints in the order of the prefix', () => {
    const cache_control = { type: 'ephemeral', ttl: '1h' };
    const body = {
      messages: [{ role: 'user', content: [{ type: 'text', text: '', cache_control }] }],
      system: [{ cache_control }],
      tools: [{ cache_control }],
    };
    expect(conversationOf(body)!.breakpoints.map((b) => b.where)).toEqual([
      'tools[0]',
      'system[0]',
      'messages[0].content[0]',
    ]);
  });
  it.each([[null], ['text'], [[]], [{}], [{ messages: 3 }]])('finds none in %j', (body) => {
    expect(conversationOf(body)).toBeNull();
  });
});

suite('assembler', () => {
  it('shows unfinished tool input as it is and finished input as JSON', () => {
    const events = [
      start(0, { type: 'tool_use', id: 'a', name: 'Bash', input: {} }),
      delta(0, { type: 'input_json_delta', partial_json: '{"command":' }),
    ];
    const assembler = new Assembler();
    assembler.follow(events);
    expect(assembler.answer().blocks[0]).toMatchObject({ partial: '{"command":' });
    assembler.follow([
      ...events,
      delta(0, { type: 'input_json_delta', partial_json: '"ls"}' }),
      chunk(3, { type: 'content_block_stop', index: 0 }),
    ]);
    expect(assembler.answer()).toMatchObject({
      blocks: [{ partial: null, input: { command: 'ls' } }],
      growing: new Set(),
    });
  });
  it('orders blocks by index and replaces cumulative usage', () => {
    const assembler = new Assembler();
    assembler.follow([
      chunk(0, { type: 'message_start', message: { usage: { input_tokens: 5, output_tokens: 1 } } }),
      start(1, { type: 'text', text: '' }),
      start(0, { type: 'text', text: '' }),
      delta(1, { type: 'text_delta', text: 'b' }),
      delta(0, { type: 'text_delta', text: 'a' }),
      chunk(3, { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }),
      chunk(3, { type: 'message_delta', delta: { stop_reason: null }, usage: { output_tokens: 0 } }),
    ]);
    const answer = assembler.answer();
    expect(answer.blocks.map((b) => b.kind === 'text' && b.text)).toEqual(['a', 'b']);
    expect(answer).toMatchObject({ usage: { input_tokens: 5, output_tokens: 0 }, stopReason: 'end_turn' });
  });
  it('survives events of any shape', () => {
    const assembler = new Assembler();
    assembler.follow(
      ['', 'nope', 'null', '[]', '{"type":"content_block_delta"}', '{"type":"new"}'].map((data) =>
        chunk(0, data),
      ),
    );
    expect(assembler.read).toBe(6);
  });
});

suite('timeline', () => {
  const events = [
    chunk(0, { type: 'message_start' }),
    start(0, { type: 'text' }),
    chunk(50, { type: 'ping' }),
    chunk(2050, { type: 'message_stop' }),
  ];
  it('gives lanes to message, blocks and pings, and shades silences of 2 s', () => {
    const { lanes, gaps, span } = layout(events, events.map(describe), 5000);
    expect(lanes.map((lane) => lane.kind)).toEqual(['message', 'block', 'ping']);
    expect(gaps).toEqual([
      { from: 50, to: 2050 },
      { from: 2050, to: 5000 },
    ]);
    expect(span).toBe(5000);
  });
  it('draws at most one tick a pixel', () => {
    const ticks = Array.from({ length: 10_000 }, (_, at) => ({ at }));
    expect(thin(ticks, 10_000, 100).length).toBeLessThanOrEqual(101);
  });
  it('keeps a row on one line', () => {
    const event = delta(1, { type: 'text_delta', text: 'a\nb\tc' });
    expect(summary(describe(event), event.data)).toBe('[1] a↵b⇥c');
  });
});

suite('copying', () => {
  it('puts variables for keys and quotes for the shell', () => {
    const text = curl({
      method: 'POST',
      url: 'http://h/v1?x=1',
      headers: [
        ['X-Api-Key', 'sk-***'],
        ['Authorization', 'Bearer ***'],
        ['Content-Length', '3'],
        ['A', "it's"],
      ],
      body: "{'}",
    });
    expect(text).toContain('"X-Api-Key: $ANTHROPIC_API_KEY"');
    expect(text).toContain('Bearer $ANTHROPIC_AUTH_TOKEN');
    expect(text).not.toMatch(/sk-|Content-Length/);
    expect(text).toContain(`-H 'A: it'\\''s'`);
    expect(text).toContain(`--data-raw '{'\\''}'`);
  });
  it('fences longer than any fence inside', () => {
    const blocks = blocksOf([{ type: 'tool_result', tool_use_id: 'x', content: '````\ncode' }]);
    expect(markdown([{ role: 'user', blocks }])).toContain('`````\n````\ncode\n`````');
  });
});

suite('small things', () => {
  it('shows only open branches, and long lists in parts', () => {
    const value = { list: Array.from({ length: PAGE + 5 }, (_, i) => i), closed: { a: 1 } };
    const rows = rowsOf(value, (path) => path === '$' || path === '$.list');
    expect(rows.length).toBe(1 + 1 + PAGE + 1 + 1);
    expect(rows.find((row) => row.kind === 'more')?.size).toBe(5);
  });
  it('finds the lines that an edit changes', () => {
    expect(changes('a\nb\nc', 'a\nB\nc').map((c) => [c.kind, c.text])).toEqual([
      ['same', 'a'],
      ['removed', 'b'],
      ['added', 'B'],
      ['same', 'c'],
    ]);
    expect(changes('a\na', 'a').map((c) => c.kind)).toEqual(['same', 'removed']);
  });
  it('counts no input token twice', () => {
    const usage = {
      input_tokens: 10,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 9,
      cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 5 },
    };
    expect(inputOf(usage)).toMatchObject({ fresh: 10, read: 100, write5m: 4, write1h: 5, total: 119 });
    expect(inputOf({ cache_creation_input_tokens: 9 })).toMatchObject({ write5m: 9, write1h: 0 });
  });
});
