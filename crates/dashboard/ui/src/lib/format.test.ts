import { expect, test } from 'vitest';
import { bytes, integer, ms, NONE, time, tokens } from './format';

test.each([
  [null, NONE],
  [0, '0 B'],
  [1023, '1,023 B'],
  [1024, '1 KB'],
  [1536, '1.5 KB'],
  [913_654, '892 KB'],
  [1_048_575, '1 MB'],
  [3 * 1024 ** 3, '3 GB'],
])('%s bytes read %s', (value, expected) => {
  expect(bytes(value)).toBe(expected);
});

test.each([
  [null, NONE],
  [0.647, '0.6 ms'],
  [812.4, '812 ms'],
  [999.6, '1 s'],
  [1240, '1.24 s'],
  [59_960, '1 min 00 s'],
  [125_000, '2 min 05 s'],
  [3_720_000, '1 h 02 min'],
])('%s milliseconds read %s', (value, expected) => {
  expect(ms(value)).toBe(expected);
});

test.each([
  [undefined, NONE],
  [950, '950'],
  [12_345, '12.3k'],
  [999_949, '999.9k'],
  [999_950, '1M'],
  [4_560_000, '4.56M'],
])('%s tokens read %s', (value, expected) => {
  expect(tokens(value)).toBe(expected);
});

test('a time of another day carries its date', () => {
  const now = new Date(2026, 10, 23, 14, 0);
  expect(time(new Date(2026, 10, 23, 6, 5, 9), 'en', now)).toBe('06:05:09');
  expect(time(new Date(2026, 10, 22, 6, 5, 9), 'en', now)).toBe('Nov 22 06:05:09');
  expect(time('no time at all')).toBe(NONE);
});

test('figures follow the language', () => {
  expect(integer(1_234_567, 'en')).toBe('1,234,567');
  expect(integer(1_234_567, 'de')).toBe('1.234.567');
});
