// How an answer grew: characters of text, thinking and tool input over time. Tokens are told only at the end, so the
// curve is drawn by characters and its top is named by the tokens.
import type { StreamChunk } from '../../lib/types';
import type { EventInfo } from './timeline';

export interface Growth {
  /** Pairs of milliseconds and characters so far, at most one a step. */
  points: [number, number][];
  characters: number;
}

/** At most so many points are drawn. */
const STEPS = 400;

export function growth(events: StreamChunk[], infos: EventInfo[], span: number): Growth {
  const points: [number, number][] = [];
  let characters = 0;
  let step = -1;
  events.forEach((event, at) => {
    const piece = infos[at]!.piece;
    if (!piece) return;
    if (points.length === 0) points.push([event.at, 0]);
    characters += piece.length;
    const here = Math.floor((event.at / span) * STEPS);
    if (here === step) points[points.length - 1] = [event.at, characters];
    else points.push([event.at, characters]);
    step = here;
  });
  return { points, characters };
}

/** What the answer said up to a moment: its newest characters. */
export function saidUntil(events: StreamChunk[], infos: EventInfo[], at: number, newest: number): string {
  let said = '';
  for (let index = 0; index < events.length && events[index]!.at <= at; index += 1) {
    const { piece, name } = infos[index]!;
    if (name === 'content_block_start' && said) said += '\n';
    if (piece) said = (said + piece).slice(-newest);
  }
  return said;
}
