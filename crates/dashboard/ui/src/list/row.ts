// What a row of the list says, from what the API says.
import type { RequestRow } from '../lib/types';

export type Tone = 'ok' | 'err' | 'warn' | 'run';

/** The colour of a row's state. A client that left is no failure of the API. */
export function tone(row: RequestRow): Tone {
  if (row.status === 'pending') return 'run';
  if (row.status === 'success') return 'ok';
  return row.outcome === 'client_aborted' || row.outcome === 'interrupted' ? 'warn' : 'err';
}

/** The path without its query, for calls that have no model. */
export function path(row: RequestRow): string {
  return row.url.split('?', 1)[0] ?? row.url;
}

/** `claude-haiku-4-5-20251001` as `haiku-4-5`. */
export function shortModel(model: string): string {
  return model.replace(/^claude-/, '').replace(/-20\d{6}$/, '');
}

/** What stands for the kind of call: its class, or the agent it came from, or the last part of the path. */
export function kind(row: RequestRow): string {
  if (row.agent?.type) return row.agent.type;
  if (row.requestClass) return row.requestClass.value;
  if (row.method !== 'POST') return row.method;
  const last = path(row).split('/').filter(Boolean).at(-1) ?? '/';
  return last;
}

export interface TokenParts {
  read: number;
  write: number;
  fresh: number;
  out: number;
  total: number;
}

export function tokenParts({ metrics }: RequestRow): TokenParts {
  const write = metrics.cacheCreation5mTokens + metrics.cacheCreation1hTokens;
  const parts = { read: metrics.cacheReadTokens, write, fresh: metrics.inputTokens, out: metrics.outputTokens };
  return { ...parts, total: parts.read + parts.write + parts.fresh + parts.out };
}

/** How long a row took, or has been taking, in milliseconds. */
export function elapsed(row: RequestRow, now: number): number {
  return row.metrics.duration ?? Math.max(0, now - row.startTime);
}
