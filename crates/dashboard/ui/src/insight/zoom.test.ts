import { expect, test } from 'vitest';
import { hasSpan, withoutSpan, withSpan } from './zoom';

const from = Date.UTC(2026, 10, 23, 14);
const to = Date.UTC(2026, 10, 23, 15);
const SPAN = 'since:2026-11-23T14:00:00.000Z until:2026-11-23T15:00:00.000Z';

test.each([
  ['', SPAN],
  ['model:opus', `model:opus ${SPAN}`],
  ['since:2h model:opus', `model:opus ${SPAN}`],
  [`"a b" since:"2026-11-23 10:00" until:now`, `"a b" ${SPAN}`],
])('%s', (q, zoomed) => {
  expect(withSpan(q, from, to)).toBe(zoomed);
  expect(hasSpan(zoomed)).toBe(true);
  expect(hasSpan(withoutSpan(zoomed))).toBe(false);
});
