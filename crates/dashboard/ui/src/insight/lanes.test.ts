import { expect, test } from 'vitest';
import type { SessionDetail } from '../lib/types';
import { layOut } from './lanes';

test('calls stand in their lanes, agents under those that started them', () => {
  const call = (id: string, agentId: string | null, start: number, end: number | null, context: number) => ({
    id,
    agentId,
    start,
    end,
    context,
    status: end == null ? 'pending' : 'success',
  });
  const { lanes, height } = layOut({
    contextWindow: 1000,
    compactions: [
      { at: new Date(200).toISOString(), agent: 'a1', source: 'header', why: 'auto', before: 900, after: 90 },
    ],
    agentsTree: [
      { id: null, children: [{ id: 'a1', type: 'Explore', children: [{ id: 'a2', children: [] }] }] },
    ],
    lanes: [call('1', null, 100, 200, 500), call('2', 'a1', 150, 300, 2000), call('3', 'a2', 300, null, 0)],
  } as unknown as SessionDetail);
  expect(lanes.map((lane) => [lane.name, lane.depth, lane.top])).toEqual([
    ['main', 0, 0],
    ['Explore', 1, 36],
    ['a2', 2, 72],
  ]);
  expect(lanes[0]?.bars[0]).toMatchObject({ from: 0, to: 0.5, height: 0.5 });
  // More than the window is drawn as the window; what runs goes on to the end.
  expect(lanes[1]?.bars[0]).toMatchObject({ from: 0.25, to: 1, height: 1 });
  expect(lanes[2]?.bars[0]).toMatchObject({ from: 1, to: 1, height: 0.08, status: 'pending' });
  expect(lanes[1]?.marks).toEqual([{ at: 0.5, title: 'auto · header · 900 → 90' }]);
  expect(height).toBe(130);
});

test('a window far above all contexts is not drawn: they fill the height themselves', () => {
  const calls = [{ id: '1', agentId: null, start: 0, end: 10, context: 5000, status: 'success' }];
  const of = (contextWindow: number | null) =>
    layOut({
      contextWindow,
      compactions: [],
      agentsTree: [{ id: null, children: [] }],
      lanes: calls,
    } as unknown as SessionDetail);
  expect(of(1_000_000)).toMatchObject({ full: 5000, window: null });
  expect(of(null)).toMatchObject({ full: 5000, window: null });
  expect(of(20_000)).toMatchObject({ full: 20_000, window: 1 });
  expect(of(1_000_000).lanes[0]?.bars[0]?.height).toBe(1);
});
