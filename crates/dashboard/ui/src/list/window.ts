// The rows at hand, newest first, and those that wait while someone reads. Pure bookkeeping: no fetching, no drawing.
import type { RequestRow } from '../lib/types';

/** A page left open for a day must stay small. */
const WAITING_KEPT = 2000;

export type Matches = (row: RequestRow) => boolean;

export class RowWindow {
  /** Newest first. Changed in place. */
  rows: RequestRow[] = [];
  #waiting = new Map<string, RequestRow>();
  #shown = new Map<string, RequestRow>();

  /** How many new rows wait to be shown. */
  get waiting(): number {
    return this.#waiting.size + this.forgotten;
  }

  /** How many of those that wait were let go, because too many do: the first page has to be fetched anew. */
  forgotten = 0;

  get(id: string): RequestRow | undefined {
    return this.#shown.get(id) ?? this.#waiting.get(id);
  }

  /** Starts anew with the first page. */
  reset(rows: readonly RequestRow[]): void {
    this.rows = [];
    this.#shown.clear();
    this.#waiting.clear();
    this.forgotten = 0;
    this.append(rows);
  }

  /** Adds an older page; rows already here keep their place. Returns how many were new. */
  append(rows: readonly RequestRow[]): number {
    const before = this.rows.length;
    for (const row of rows) {
      if (this.#shown.has(row.id)) this.#update(row);
      else if (!this.#waiting.has(row.id)) this.#insert(row);
    }
    return this.rows.length - before;
  }

  /** Takes a live row in. Unless `follow`, a new one waits, and one that no longer matches stays where it is. */
  take(row: RequestRow, matches: Matches, follow: boolean): void {
    if (this.#shown.has(row.id)) {
      this.#update(row);
      if (follow && !matches(row)) this.#remove(row.id);
    } else if (!matches(row)) {
      this.#waiting.delete(row.id);
    } else if (follow) {
      this.#insert(row);
    } else if (!outdated(row, this.#waiting.get(row.id))) {
      this.#waiting.set(row.id, row);
      const oldest = this.#waiting.size > WAITING_KEPT ? this.#waiting.keys().next().value : undefined;
      if (oldest !== undefined) {
        this.#waiting.delete(oldest);
        this.forgotten += 1;
      }
    }
  }

  /** Shows what waits, lets go what no longer matches, and keeps `keep` rows at the most. */
  release(matches: Matches, keep: number): void {
    for (const row of this.#waiting.values()) this.#insert(row);
    this.#waiting.clear();
    for (const row of this.rows.filter((row) => !matches(row))) this.#remove(row.id);
    for (const row of this.rows.splice(keep)) this.#shown.delete(row.id);
  }

  /** Lets all go that has ended, as the server does when it clears. */
  dropEnded(): void {
    for (const [id, row] of this.#waiting) if (row.status !== 'pending') this.#waiting.delete(id);
    for (const row of this.rows) if (row.status !== 'pending') this.#shown.delete(row.id);
    this.rows = this.rows.filter((row) => row.status === 'pending');
  }

  #update(row: RequestRow): void {
    if (outdated(row, this.#shown.get(row.id))) return;
    const at = this.rows.findIndex((shown) => shown.id === row.id);
    this.rows[at] = row;
    this.#shown.set(row.id, row);
  }

  #insert(row: RequestRow): void {
    // Nearly all rows belong at one of the two ends.
    let at = 0;
    const last = this.rows.at(-1);
    if (last && !newer(row, last)) at = this.rows.length;
    else while (at < this.rows.length && newer(this.rows[at]!, row)) at += 1;
    this.rows.splice(at, 0, row);
    this.#shown.set(row.id, row);
  }

  #remove(id: string): void {
    const at = this.rows.findIndex((shown) => shown.id === id);
    if (at >= 0) this.rows.splice(at, 1);
    this.#shown.delete(id);
  }
}

function newer(a: RequestRow, b: RequestRow): boolean {
  return a.startTime !== b.startTime ? a.startTime > b.startTime : a.id > b.id;
}

/** What has ended does not run again: a page and the live stream may overtake each other. */
function outdated(row: RequestRow, known: RequestRow | undefined): boolean {
  return known !== undefined && known.status !== 'pending' && row.status === 'pending';
}

/** Whether a row belongs into a list with these filters. */
export function matcher(
  filters: { status: string | null; model: string | null; timeRange: string | null },
  now: () => number = Date.now,
): Matches {
  const hours = { '1h': 1, '24h': 24, '7d': 168 }[filters.timeRange ?? ''];
  return (row) =>
    (filters.status === null || row.status === filters.status) &&
    (filters.model === null || row.model === filters.model || row.servedModel === filters.model) &&
    (hours === undefined || row.startTime >= now() - hours * 3_600_000);
}
