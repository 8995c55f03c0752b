import { describe, expect, it } from 'vitest';
import type { StreamChunk } from '../../lib/types';
import { growth, saidUntil } from './growth';
import { describe as read } from './timeline';

const event = (at: number, type: string, data: object): StreamChunk =>
  ({ at, event: type, data: JSON.stringify({ type, ...data }), timestamp: '' }) as StreamChunk;
const events = [
  event(0, 'message_start', {}),
  event(10, 'content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  event(20, 'content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hello' } }),
  event(900, 'content_block_delta', { index: 0, delta: { type: 'text_delta', text: ' you' } }),
  event(1000, 'message_stop', {}),
];
const infos = events.map(read);

describe('the growth of an answer', () => {
  it('counts characters where they came', () => {
    expect(growth(events, infos, 1000)).toEqual({
      points: [
        [20, 0],
        [20, 5],
        [900, 9],
      ],
      characters: 9,
    });
  });

  it('keeps few points of many events', () => {
    const many = Array.from({ length: 20_000 }, (_, at) =>
      event(at, 'content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'x' } }),
    );
    const { points, characters } = growth(many, many.map(read), 20_000);
    expect(points.length).toBeLessThan(410);
    expect(points.at(-1)).toEqual([19_999, 20_000]);
    expect(characters).toBe(20_000);
  });

  it('says what had been said by a moment', () => {
    expect(saidUntil(events, infos, 100, 50)).toBe('Hello');
    expect(saidUntil(events, infos, 1000, 50)).toBe('Hello you');
    expect(saidUntil(events, infos, 1000, 3)).toBe('you');
  });
});
