// What a request's time went into: the phases between the moments that were recorded, in milliseconds since it began.
import type { Metrics } from '../../lib/types';

export type PhaseName = 'connect' | 'send' | 'wait' | 'start' | 'answer' | 'whole';
export interface Phase {
  name: PhaseName;
  from: number;
  to: number;
}

/** Claude Code warns after 20 s without a byte and gives up after 5 min. */
export const LINES_MS = [20_000, 300_000];

/** In order, without gaps between them: each runs from the moment before to its own; what was not recorded is left out. */
export function phases(metrics: Metrics): Phase[] {
  const moments: [PhaseName, number | null | undefined][] = [
    ['connect', metrics.connectTime],
    ['send', metrics.requestEndTime],
    ['wait', metrics.firstChunkTime],
    ['start', metrics.firstTokenTime],
    ['answer', metrics.duration],
  ];
  const found: Phase[] = [];
  let from = 0;
  for (const [name, moment] of moments) {
    // An answer may begin before the whole request was sent.
    if (moment == null || moment < from) continue;
    found.push({ name, from, to: moment });
    from = moment;
  }
  return found;
}
