import { expect, test } from 'vitest';
import { stacks } from './bars';

test('parts stand on each other, the dearest bucket is the whole height', () => {
  const bucket = (...costs: string[]) => ({ groups: costs.map((cost) => ({ cost })) });
  expect(stacks([bucket('1', '3'), bucket('0', '2'), bucket('0', '0')])).toEqual([
    [
      { group: 0, from: 0, to: 0.25 },
      { group: 1, from: 0.25, to: 1 },
    ],
    [{ group: 1, from: 0, to: 0.5 }],
    [],
  ]);
  expect(stacks([])).toEqual([]);
});
