import { expect, test } from 'vitest';
import type { UsageFigures } from '../lib/types';
import { amount, stacks } from './bars';

test('parts stand on each other, the largest bucket is the whole height', () => {
  expect(
    stacks([
      [1, 3],
      [0, 2],
      [0, 0],
    ]),
  ).toEqual([
    [
      { group: 0, from: 0, to: 0.25 },
      { group: 1, from: 0.25, to: 1 },
    ],
    [{ group: 1, from: 0, to: 0.5 }],
    [],
  ]);
  expect(stacks([])).toEqual([]);
});

test('each metric is drawn by its own amount; every kind of token counts once', () => {
  const tokens = { input: 1, output: 2, cacheRead: 4, cacheWrite5m: 8, cacheWrite1h: 16, thinking: 2 };
  const figures = { requests: 3, cost: '0.25', tokens } as UsageFigures;
  expect((['cost', 'tokens', 'requests'] as const).map((metric) => amount(figures, metric))).toEqual([
    0.25, 31, 3,
  ]);
});
