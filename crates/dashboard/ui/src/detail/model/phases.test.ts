import { describe, expect, it } from 'vitest';
import type { Metrics } from '../../lib/types';
import { phases } from './phases';

const of = (some: Partial<Metrics>) =>
  phases(some as Metrics).map(({ name, from, to }) => `${name} ${from}-${to}`);

describe('phases', () => {
  it('run from one recorded moment to the next', () => {
    expect(
      of({ connectTime: 3, requestEndTime: 5, firstChunkTime: 800, firstTokenTime: 900, duration: 4000 }),
    ).toEqual(['connect 0-3', 'send 3-5', 'wait 5-800', 'start 800-900', 'answer 900-4000']);
  });

  it('leave out what was not recorded', () => {
    expect(of({ firstChunkTime: 10, duration: 30 })).toEqual(['wait 0-10', 'answer 10-30']);
    expect(of({})).toEqual([]);
  });

  it('leave out a moment that came too early: an answer before the request was sent', () => {
    expect(of({ connectTime: 1, requestEndTime: 50, firstChunkTime: 20, duration: 60 })).toEqual([
      'connect 0-1',
      'send 1-50',
      'answer 50-60',
    ]);
  });
});
