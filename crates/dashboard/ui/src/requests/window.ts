// The part of a long list that is held: blocks of rows, newest first, fetched as they come into view. New rows go in at
// the top, or wait. No reactivity and no network here; `list.svelte.ts` has both.
import type { RequestRow } from '../lib/types';

export const BLOCK = 100;
/** Blocks kept around what is seen. */
const KEPT = 12;
/** More waiting rows are only counted; showing them means fetching anew. */
const HELD = 400;

export class RowWindow {
  /** Rows that the list shows, held or not. */
  total = 0;
  #blocks = new Map<number, RequestRow[]>();
  #places = new Map<string, number>();
  #waiting: RequestRow[] = [];
  #waitingIds = new Set<string>();
  /** Too many wait: only a fresh start can show them. */
  overflowed = false;

  get waiting(): number {
    return this.#waitingIds.size;
  }

  /** Starts anew with the first rows. */
  reset(rows: RequestRow[], total: number): void {
    this.total = total;
    this.#blocks.clear();
    this.#places.clear();
    this.#waiting = [];
    this.#waitingIds.clear();
    this.overflowed = false;
    this.#lay(rows);
  }

  at(index: number): RequestRow | undefined {
    return this.#blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK];
  }

  indexOf(id: string): number {
    return this.#places.get(id) ?? -1;
  }

  /** A held row by its id. */
  byId(id: string): RequestRow | undefined {
    return this.at(this.indexOf(id));
  }

  /** The blocks between two rows that have to be fetched. */
  missing(first: number, last: number): number[] {
    const blocks: number[] = [];
    const end = Math.min(last, this.total - 1);
    for (let block = Math.floor(Math.max(0, first) / BLOCK); block * BLOCK <= end; block += 1) {
      if (!this.#blocks.has(block)) blocks.push(block);
    }
    return blocks;
  }

  /** Where the server has the rows of `block` now, with those before it that wait here. */
  offsetOf(block: number): number {
    return block * BLOCK + this.waiting;
  }

  put(block: number, rows: RequestRow[]): void {
    this.#blocks.set(block, rows);
    rows.forEach((row, index) => this.#places.set(row.id, block * BLOCK + index));
  }

  /** Forgets what is far from the rows in view. */
  forgetFarFrom(index: number): void {
    if (this.#blocks.size <= KEPT) return;
    const near = Math.floor(index / BLOCK);
    for (const [block, rows] of [...this.#blocks]) {
      if (Math.abs(block - near) * 2 <= KEPT) continue;
      this.#blocks.delete(block);
      for (const row of rows) this.#places.delete(row.id);
    }
  }

  /** Takes a changed row to its place, shown or waiting. False: it is not held. */
  update(row: RequestRow): boolean {
    const place = this.#places.get(row.id);
    if (place !== undefined) {
      const block = this.#blocks.get(Math.floor(place / BLOCK));
      if (block?.[place % BLOCK]?.id !== row.id) return false;
      block[place % BLOCK] = withExcerpts(row, block[place % BLOCK]);
      return true;
    }
    if (!this.#waitingIds.has(row.id)) return false;
    const index = this.#waiting.findIndex((waiting) => waiting.id === row.id);
    if (index >= 0) this.#waiting[index] = withExcerpts(row, this.#waiting[index]);
    return true;
  }

  /** A new row, that waits to be shown. */
  add(row: RequestRow): void {
    this.#waitingIds.add(row.id);
    if (this.#waiting.length >= HELD) this.overflowed = true;
    else this.#waiting.push(row);
  }

  /** Shows what waits, on top. */
  merge(): void {
    if (this.waiting === 0 || this.overflowed) return;
    const held: RequestRow[] = [];
    for (let block = 0; this.#blocks.has(block); block += 1) {
      const rows = this.#blocks.get(block)!;
      held.push(...rows);
      if (rows.length < BLOCK || held.length >= 3 * BLOCK) break;
    }
    const fresh = this.#waiting.sort((a, b) => (a.id < b.id ? 1 : -1));
    this.reset([...fresh, ...held], this.total + fresh.length);
  }

  /** Whole blocks, and the last one if it is the list's end. */
  #lay(rows: RequestRow[]): void {
    for (let start = 0; start < rows.length; start += BLOCK) {
      const block = rows.slice(start, start + BLOCK);
      if (block.length === BLOCK || start + block.length >= this.total) this.put(start / BLOCK, block);
    }
  }
}

/** Live rows do not say where the text stands that is looked for: what was known of it stays. */
function withExcerpts(row: RequestRow, known: RequestRow | undefined): RequestRow {
  return row.excerpts || !known?.excerpts ? row : { ...row, excerpts: known.excerpts };
}
