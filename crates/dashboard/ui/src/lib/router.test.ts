import { beforeEach, expect, test } from 'vitest';
import { filterQuery, formatPlace, NO_FILTERS, parsePlace, router } from './router.svelte';

beforeEach(() => {
  history.replaceState(null, '', '/monitor');
  router.go({ id: '', tab: '', filters: NO_FILTERS }, true);
});

test.each([
  '/monitor',
  '/monitor?status=error',
  '/monitor?model=claude-opus-5-5&timeRange=24h',
  '/monitor/requests/01a20729-d2ea',
  '/monitor/requests/01a20729-d2ea?status=pending&tab=stream',
])('%s names the same place after reading and writing', (address) => {
  const [path = '', query] = address.split('?');
  const place = parsePlace(path, query ? `?${query}` : '');
  expect(formatPlace(place)).toBe(address);
});

test('what an address says that is not known is left out', () => {
  const place = parsePlace('/monitor/elsewhere', '?status=odd&timeRange=99y');
  expect(place.id).toBe('');
  expect(place.filters).toEqual(NO_FILTERS);
});

test('an id with a broken escape does not throw', () => {
  expect(() => parsePlace('/monitor/requests/%E0%A4%A', '')).not.toThrow();
});

test('an id with slashes and spaces survives', () => {
  const place = { ...parsePlace('/monitor', ''), id: 'a/b c' };
  const [path = ''] = formatPlace(place).split('?');
  expect(parsePlace(path, '').id).toBe('a/b c');
});

test('only the filters that are set reach the API', () => {
  expect(filterQuery({ ...NO_FILTERS, status: 'error' }).toString()).toBe('status=error');
});

test('going somewhere leaves a step for Back, replacing leaves none', () => {
  const before = history.length;
  router.go({ id: 'one' });
  expect(location.pathname).toBe('/monitor/requests/one');
  expect(history.length).toBe(before + 1);
  router.go({ id: 'two' }, true);
  expect(location.pathname).toBe('/monitor/requests/two');
  expect(history.length).toBe(before + 1);
  router.go({ id: 'two' });
  expect(history.length).toBe(before + 1);
});
