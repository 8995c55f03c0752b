import { expect, test } from 'vitest';
import { fakeRow } from '../lib/fake';
import { kind, shortModel, tokenParts, tone } from './row';

test.each([
  ['pending', null, 'run'],
  ['success', 'complete', 'ok'],
  ['error', 'upstream_error', 'err'],
  ['error', 'client_aborted', 'warn'],
] as const)('a %s row that ended as %s is shown as %s', (status, outcome, expected) => {
  expect(tone(fakeRow({ status, outcome }))).toBe(expected);
});

test.each([
  ['claude-haiku-4-5-20251001', 'haiku-4-5'],
  ['claude-opus-5-5', 'opus-5-5'],
  ['my-model', 'my-model'],
])('%s is shown as %s', (model, expected) => {
  expect(shortModel(model)).toBe(expected);
});

test('the kind of a call is the agent type, then its class, then the path', () => {
  const requestClass = { value: 'main', source: 'header' };
  expect(kind(fakeRow({ requestClass, agent: { id: 'a', parentId: null, type: 'Explore' } }))).toBe('Explore');
  expect(kind(fakeRow({ requestClass }))).toBe('main');
  expect(kind(fakeRow({ url: '/v1/messages/count_tokens?beta=true' }))).toBe('count_tokens');
  expect(kind(fakeRow({ method: 'HEAD', url: '/' }))).toBe('HEAD');
});

test('cache writes of both lifetimes count once', () => {
  const parts = tokenParts(
    fakeRow({}, { cacheReadTokens: 100, cacheCreation5mTokens: 5, cacheCreation1hTokens: 7, inputTokens: 3, outputTokens: 9 }),
  );
  expect(parts).toEqual({ read: 100, write: 12, fresh: 3, out: 9, total: 124 });
});
