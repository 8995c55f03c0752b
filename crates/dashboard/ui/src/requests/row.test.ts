import { expect, test } from 'vitest';
import { fakeRow } from '../lib/fake';
import type { RequestRow } from '../lib/types';
import {
  callName,
  foundText,
  isSwapped,
  modelTitle,
  sessionHue,
  shortModel,
  triesText,
  waterfall,
} from './row';

test.each([
  ['claude-haiku-4-5-20251001', 'haiku-4-5'],
  ['claude-opus-5-5', 'opus-5-5'],
  ['my-model', 'my-model'],
])('the model %s is shown as %s', (model, expected) => {
  expect(shortModel(model)).toBe(expected);
});

test('another model than was asked is told', () => {
  const row = fakeRow({ model: 'claude-opus-5-5', servedModel: 'claude-sonnet-5' });
  expect(isSwapped(row)).toBe(true);
  expect(modelTitle(row)).toBe('claude-opus-5-5 → claude-sonnet-5');
  expect(isSwapped(fakeRow({ servedModel: null }))).toBe(false);
});

test('a sub-agent is named by its type', () => {
  const agent = { id: 'a', parentId: null, type: 'Explore' };
  expect(callName(fakeRow({ requestClass: { value: 'subagent', source: 'header' }, agent }))).toBe(
    'subagent · Explore',
  );
  expect(callName(fakeRow({ requestClass: { value: 'main', source: 'header' } }))).toBe('main');
  expect(callName(fakeRow())).toBe('');
});

test('a session keeps its colour', () => {
  expect(sessionHue('1d89637a')).toBe(sessionHue('1d89637a'));
  expect(sessionHue('x'.repeat(1000))).toBeLessThan(360);
});

test.each([
  [{ duration: null, firstTokenTime: null, firstChunkTime: null }, 'nothing yet'],
  [{ duration: 800, firstTokenTime: 100 }, 'an answer'],
  [{ duration: 9_000_000, firstTokenTime: 8_000_000 }, 'a very long one'],
  [{ duration: 0.5, firstTokenTime: 0.7 }, 'clocks that disagree'],
])('the bar of %j stays within its cell (%s)', (metrics, _what) => {
  const { wait, stream } = waterfall(fakeRow({}, metrics).metrics);
  expect(wait).toBeGreaterThanOrEqual(0);
  expect(stream).toBeGreaterThanOrEqual(0);
  expect(wait + stream).toBeLessThanOrEqual(100.001);
});

test('what was looked for is seen in a narrow cell', () => {
  const parts = [
    { text: '…a long way before it stands the', marked: false },
    { text: 'word', marked: true },
    { text: ' and more', marked: false },
  ];
  expect(foundText(parts).map((part) => part.text)).toEqual(['…t stands the', 'word', ' and more']);
});

test('failed tries are told in order, alike ones counted', () => {
  const tried = (httpStatus: number | null, outcome: string) => ({ httpStatus, outcome }) as RequestRow;
  const overloaded = tried(529, 'upstream_error');
  const newestFirst = [overloaded, overloaded, tried(null, 'connect_error'), overloaded];
  expect(triesText(newestFirst, (outcome) => `<${outcome}>`)).toBe('529 → <connect_error> → 529 ×2');
  expect(triesText([tried(200, 'stream_error')], (outcome) => outcome)).toBe('stream_error');
});
