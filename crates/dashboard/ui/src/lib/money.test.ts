import { expect, test } from 'vitest';
import { dollars } from './money';

test.each([
  ['0', '$0.00'],
  ['12.345678', '$12.35'],
  ['0.004218', '$0.0042'],
  ['0.999', '$1.00'],
  ['1234567.5', '$1,234,567.50'],
  ['-0.5', '−$0.50'],
  ['0.000000000001', '$0.000000000001'],
  [null, '–'],
])('%s reads as %s', (amount, text) => {
  expect(dollars(amount)).toBe(text);
});
