import { expect, test } from 'vitest';
import { fakeRow } from '../lib/fake';
import type { RequestRow } from '../lib/types';
import { BLOCK, RowWindow } from './window';

/** `count` rows, newest first. */
function rows(count: number): RequestRow[] {
  return Array.from({ length: count }, () => fakeRow()).reverse();
}

test('a fresh list holds whole blocks and its end', () => {
  const window = new RowWindow();
  const all = rows(BLOCK + 20);
  window.reset(all, all.length);
  expect(window.at(0)?.id).toBe(all[0]?.id);
  expect(window.at(BLOCK + 19)?.id).toBe(all.at(-1)?.id);
  expect(window.missing(0, 10_000)).toEqual([]);
});

test('blocks out of sight are asked for when they come into view, and let go when far away', () => {
  const window = new RowWindow();
  window.reset(rows(BLOCK), 100_000);
  expect(window.missing(50_000, 50_020)).toEqual([500]);
  for (let block = 1; block < 40; block += 1) window.put(block, rows(BLOCK));
  window.forgetFarFrom(39 * BLOCK);
  expect(window.at(0)).toBeUndefined();
  expect(window.at(39 * BLOCK)).toBeDefined();
});

test('a new row waits without moving what is shown, then stands on top', () => {
  const window = new RowWindow();
  const old = rows(3);
  window.reset(old, 3);
  const fresh = fakeRow();
  window.add(fresh);
  expect(window.waiting).toBe(1);
  expect(window.at(0)?.id).toBe(old[0]?.id);
  expect(window.total).toBe(3);
  window.merge();
  expect(window.waiting).toBe(0);
  expect([0, 1, 2, 3].map((at) => window.at(at)?.id)).toEqual([fresh.id, ...old.map((row) => row.id)]);
});

test('a running row changes in place, shown or waiting', () => {
  const window = new RowWindow();
  const running = fakeRow({ status: 'pending' });
  window.reset([running], 1);
  expect(window.update({ ...running, status: 'success' })).toBe(true);
  expect(window.at(0)?.status).toBe('success');
  const waiting = fakeRow({ status: 'pending' });
  window.add(waiting);
  expect(window.update({ ...waiting, status: 'error' })).toBe(true);
  window.merge();
  expect(window.at(0)?.status).toBe('error');
  expect(window.update(fakeRow())).toBe(false);
});

test('while rows wait, older blocks are asked for where the server has them now', () => {
  const window = new RowWindow();
  window.reset(rows(BLOCK), 1000);
  window.add(fakeRow());
  window.add(fakeRow());
  expect(window.offsetOf(3)).toBe(3 * BLOCK + 2);
});

test('too many waiting rows are counted, not hoarded', () => {
  const window = new RowWindow();
  window.reset([], 0);
  for (let n = 0; n < 5000; n += 1) window.add(fakeRow());
  expect(window.waiting).toBe(5000);
  expect(window.overflowed).toBe(true);
});
