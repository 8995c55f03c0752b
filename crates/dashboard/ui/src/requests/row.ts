// What a row of the list says, worked out of the record.
import type { Metrics, RequestRow } from '../lib/types';

/** The kind of call in a word or two: `main`, `Explore` for a sub-agent of that type. */
export function callName(row: RequestRow): string {
  const kind = row.requestClass?.value ?? '';
  const agent = row.agent?.type;
  return agent && kind === 'subagent' ? `${kind} · ${agent}` : kind;
}

/** Failed tries in the order in which they were made, alike ones counted: `529 ×4`. `named` names an outcome. */
export function triesText(tries: RequestRow[], named: (outcome: string) => string): string {
  const parts: { name: string; count: number }[] = [];
  for (const row of [...tries].reverse()) {
    const isPlain = row.outcome === 'upstream_error' && row.httpStatus != null;
    const name = isPlain ? String(row.httpStatus) : named(row.outcome ?? '');
    const last = parts.at(-1);
    if (last?.name === name) last.count += 1;
    else parts.push({ name, count: 1 });
  }
  return parts.map(({ name, count }) => (count > 1 ? `${name} ×${count}` : name)).join(' → ');
}

/** `claude-haiku-4-5-20251001` as `haiku-4-5`: what tells models apart, where room is short. */
export function shortModel(model: string): string {
  return model.replace(/^claude-/, '').replace(/-20\d{6}$/, '');
}

/** Whether another model answered than was asked. */
export function isSwapped(row: RequestRow): boolean {
  return Boolean(row.model && row.servedModel && row.model !== row.servedModel);
}

/** The model in full, and the one that answered if it is another. */
export function modelTitle(row: RequestRow): string {
  return isSwapped(row) ? `${row.model} → ${row.servedModel}` : (row.model ?? '');
}

/** What was looked for with a little before it: the cell is narrow. */
export function foundText(parts: { text: string; marked: boolean }[]): { text: string; marked: boolean }[] {
  return parts.map((part, at) =>
    at === 0 && !part.marked && part.text.length > 14 ? { ...part, text: `…${part.text.slice(-12)}` } : part,
  );
}

/** A colour that stays with a session. */
export function sessionHue(id: string): number {
  let hash = 0;
  for (let at = 0; at < id.length; at += 1) hash = (hash * 31 + id.charCodeAt(at)) >>> 0;
  return hash % 360;
}

/** Two minutes fill the bar. Long calls are a hundred times the short ones, so lengths grow by the logarithm. */
const FULL_MS = 120_000;

/** How much of the bar a call waited and how much its answer came, in percent. */
export function waterfall(metrics: Metrics): { wait: number; stream: number } {
  const waited = metrics.firstTokenTime ?? metrics.firstChunkTime ?? 0;
  const whole = Math.max(metrics.duration ?? waited, waited, 0);
  if (whole === 0) return { wait: 0, stream: 4 };
  const length = Math.min(100, (100 * Math.log1p(whole / 50)) / Math.log1p(FULL_MS / 50));
  const wait = (length * waited) / whole;
  return { wait, stream: Math.max(0, length - wait) };
}
