import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fakeRow } from './fake';
import { live } from './live.svelte';

/** The browser's EventSource, driven by hand. */
class FakeSource {
  static CLOSED = 2;
  static all: FakeSource[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: string; lastEventId: string }) => void) | null = null;
  constructor(readonly url: string) {
    FakeSource.all.push(this);
  }
  close(): void {
    this.readyState = 2;
  }
}

let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSource.all = [];
  vi.stubGlobal('EventSource', FakeSource);
  stop = live.start();
});
afterEach(() => {
  stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const source = () => FakeSource.all.at(-1)!;
const send = (message: unknown, lastEventId = '') =>
  source().onmessage?.({ data: JSON.stringify(message), lastEventId });

test('one connection serves everyone, and rows reach those who listen', () => {
  live.start();
  expect(FakeSource.all).toHaveLength(1);
  const seen: string[] = [];
  const end = live.onRow((row) => seen.push(row.id));
  const row = fakeRow({ status: 'pending' });
  send({ type: 'request', request: row });
  expect(live.row(row.id)?.id).toBe(row.id);
  end();
  send({ type: 'request', request: { ...row, status: 'success' } });
  expect(seen).toEqual([row.id]);
  expect(live.row(row.id)).toBeUndefined();
});

test('events of an answer go only to who asked for that answer', () => {
  const mine: number[] = [];
  const end = live.onDelta('a b', (delta) => mine.push(delta.from));
  expect(FakeSource.all.map(({ url }) => url)).toEqual([
    '/api/monitor/stream?events=none',
    '/api/monitor/stream?events=a%20b',
  ]);
  send({ type: 'delta', id: 'a b', from: 3, events: [] });
  send({ type: 'resync' });
  expect(mine).toEqual([3, Number.MAX_SAFE_INTEGER]);
  end();
  expect(source().readyState).toBe(FakeSource.CLOSED);
});

test('a message that is no JSON is passed over', () => {
  expect(() => source().onmessage?.({ data: '{"type":', lastEventId: '' })).not.toThrow();
});

test('a lost connection counts down; the one the browser resumes needs nothing fetched', () => {
  const resets: string[] = [];
  const end = live.onReset((why) => resets.push(why));
  source().onopen?.();
  expect(live.state).toBe('live');
  send({ type: 'request', request: fakeRow() }, 'run-1:7');
  source().onerror?.();
  expect(live.state).toBe('waiting');
  expect(live.retryIn).toBe(3);
  vi.advanceTimersByTime(1500);
  expect(live.retryIn).toBe(2);
  source().onopen?.();
  expect(live.state).toBe('live');
  expect(resets).toEqual([]);
  expect(FakeSource.all).toHaveLength(1);
  end();
});

test('a connection that the browser gave up is made anew, and everything fetched again', () => {
  const resets: string[] = [];
  const end = live.onReset((why) => resets.push(why));
  source().onopen?.();
  source().readyState = FakeSource.CLOSED;
  source().onerror?.();
  vi.advanceTimersByTime(3100);
  expect(FakeSource.all).toHaveLength(2);
  source().onopen?.();
  expect(live.state).toBe('live');
  expect(resets).toEqual(['resync']);
  end();
});

test('a connection that is resumed before it had a cursor cannot know what it missed: everything is fetched', () => {
  const resets: string[] = [];
  const end = live.onReset((why) => resets.push(why));
  source().onopen?.();
  send({ type: 'stats', stats: {} });
  expect(resets).toEqual([]);
  source().onerror?.();
  source().onopen?.();
  expect(resets).toEqual(['resync']);
  end();
});
