// Where each event of a stream stands in the timeline: one lane for the message's own events, one for each content
// block, one for pings. Times are milliseconds since the request began.
import { dict, text, tryParse } from './json';
import type { StreamChunk } from '../../lib/types';

export interface EventInfo {
  /** The event's name: its `event:` line, else the `type` in its data. */
  name: string;
  /** The delta's type, or the block's. */
  detail: string;
  /** The content block it belongs to. */
  block: number | null;
  /** The text that it adds, if it adds any. */
  piece: string;
}

export interface Lane {
  kind: 'message' | 'block' | 'ping';
  /** The block's index. */
  block: number | null;
  /** The block's type: `text`, `thinking`, `tool_use` … */
  label: string;
  /** From its first event to its last. */
  from: number;
  to: number;
  ticks: { at: number; index: number }[];
}

export interface Gap {
  from: number;
  to: number;
}

export interface Timeline {
  lanes: Lane[];
  gaps: Gap[];
  /** The end of the time axis. */
  span: number;
}

/** Silences at least this long are shaded. */
export const GAP_MS = 2000;

export function describe(chunk: StreamChunk): EventInfo {
  const data = dict(tryParse(chunk.data));
  const delta = dict(data['delta']);
  const block = typeof data['index'] === 'number' ? data['index'] : null;
  const piece = text(delta['text']) || text(delta['thinking']) || text(delta['partial_json']);
  const start = dict(data['content_block']);
  const detail =
    text(delta['type']) ||
    [text(start['type']), text(start['name'])].filter(Boolean).join(' ') ||
    text(delta['stop_reason']);
  return { name: chunk.event || text(data['type']) || 'message', detail, block, piece };
}

/** Lays out `events`; `end` is how long the exchange has taken so far, if that is known. */
export function layout(events: StreamChunk[], infos: EventInfo[], end: number | null): Timeline {
  const lanes = new Map<string, Lane>();
  const gaps: Gap[] = [];
  let before: number | null = null;
  events.forEach((event, index) => {
    const info = infos[index]!;
    const lane = laneFor(lanes, info, event.at);
    lane.ticks.push({ at: event.at, index });
    lane.to = Math.max(lane.to, event.at);
    if (info.name === 'content_block_start') lane.label = info.detail;
    if (before !== null && event.at - before >= GAP_MS) gaps.push({ from: before, to: event.at });
    before = event.at;
  });
  const last = before ?? 0;
  if (end !== null && before !== null && end - last >= GAP_MS) gaps.push({ from: last, to: end });
  return { lanes: [...lanes.values()].sort(inOrder), gaps, span: Math.max(last, end ?? 0, 1) };
}

function laneFor(lanes: Map<string, Lane>, info: EventInfo, at: number): Lane {
  const kind = info.name === 'ping' ? 'ping' : info.block === null ? 'message' : 'block';
  const key = `${kind} ${info.block}`;
  let lane = lanes.get(key);
  if (!lane) {
    lane = { kind, block: info.block, label: kind === 'block' ? '' : kind, from: at, to: at, ticks: [] };
    lanes.set(key, lane);
  }
  return lane;
}

const ORDER = { message: 0, block: 1, ping: 2 };

function inOrder(a: Lane, b: Lane): number {
  return ORDER[a.kind] - ORDER[b.kind] || (a.block ?? 0) - (b.block ?? 0);
}

/** Ticks thinned to at most one a pixel, so that 100,000 events draw as fast as 100. */
export function thin(ticks: { at: number }[], span: number, pixels: number): number[] {
  const columns = new Set<number>();
  for (const { at } of ticks) columns.add(Math.round((at / span) * pixels));
  return [...columns];
}

/** Round steps for the axis: at most `most` labels. */
export function axisSteps(span: number, most = 6): number[] {
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? power * 10;
  return Array.from({ length: Math.floor(span / step) + 1 }, (_, i) => i * step);
}

/** What a row says of an event, on one line: the text it adds, else its kind, else its data. */
export function summary(info: EventInfo, data: string): string {
  const said = info.piece || info.detail || data.slice(0, 200);
  return (info.block === null ? '' : `[${info.block}] `) + said.replace(/\r?\n/g, '↵').replace(/\t/g, '⇥');
}
