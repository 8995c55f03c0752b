// The list's state: pages from the API, live rows on top, and the figures over the same filters.
import { api, ApiError, unwrap } from '../lib/api/client';
import { live } from '../lib/live.svelte';
import type { RequestRow, Stats } from '../lib/types';
import { filterQuery, type Filters } from '../lib/view.svelte';
import { matcher, RowWindow, type Matches } from './window';

const PAGE = 200;
/** Rows kept while following, so that a page left open for a day stays small. */
const KEPT = 2000;
const STATS_EVERY_MS = 1000;

export type Phase = 'loading' | 'ready' | 'error';

class Requests {
  phase: Phase = $state('loading');
  problem = $state('');
  /** Changes whenever `rows` did: at most once a frame. */
  version = $state(0);
  waiting = $state(0);
  /** How many rows the filters match on the server, as last told. */
  total = $state(0);
  more: 'idle' | 'loading' | 'error' | 'end' = $state('idle');
  stats: Stats | null = $state.raw(null);
  paused = $state(false);
  /** Whether the list stands at its top; elsewhere someone reads, and new rows wait. */
  atTop = $state(true);

  #window = new RowWindow();
  #filters: Filters = { status: null, model: null, timeRange: null };
  #matches: Matches = () => true;
  #run = 0;
  #early: RequestRow[] = [];
  #frame = 0;
  #statsDue: ReturnType<typeof setTimeout> | undefined;
  #statsRun = 0;

  /** The rows on show; read `version` beside it. */
  get rows(): readonly RequestRow[] {
    return this.#window.rows;
  }

  get following(): boolean {
    return this.atTop && !this.paused;
  }

  find(id: string): RequestRow | undefined {
    return this.#window.get(id);
  }

  /** Listens to the live stream. Returns what ends it. */
  start(): () => void {
    const ends = [
      live.onRow((row) => this.#take(row)),
      live.onReset((reset) => {
        if (reset === 'cleared') this.#window.dropEnded();
        void this.load(this.#filters);
      }),
    ];
    return () => {
      for (const end of ends) end();
      clearTimeout(this.#statsDue);
      cancelAnimationFrame(this.#frame);
      this.#statsDue = undefined;
      this.#frame = 0;
    };
  }

  /** Fetches the first page for these filters. */
  async load(filters: Filters): Promise<void> {
    const run = ++this.#run;
    const changed = JSON.stringify(filterQuery(filters)) !== JSON.stringify(filterQuery(this.#filters));
    this.#filters = filters;
    this.#matches = matcher(filters);
    this.#early = [];
    if (changed || this.phase !== 'ready') {
      this.phase = 'loading';
      this.#window.reset([]);
      this.#changed();
    }
    void this.#loadStats();
    try {
      const page = await this.#page(1);
      if (run !== this.#run) return;
      this.#window.reset(page.data);
      // What came in while the page was on its way.
      for (const row of this.#early) this.#window.take(row, this.#matches, true);
      this.#early = [];
      this.total = page.total;
      this.more = page.data.length < PAGE ? 'end' : 'idle';
      this.phase = 'ready';
      this.#changed();
    } catch (problem) {
      if (run !== this.#run) return;
      this.phase = 'error';
      this.problem = said(problem);
    }
  }

  reload(): Promise<void> {
    return this.load(this.#filters);
  }

  /** Fetches the next older page. */
  async loadMore(): Promise<void> {
    if (this.phase !== 'ready' || this.more === 'loading' || this.more === 'end') return;
    const run = this.#run;
    this.more = 'loading';
    try {
      // Rows that came since push older ones to later pages, so pages may overlap, but never leave a gap.
      let number = Math.floor((this.#window.rows.length + this.waiting) / PAGE) + 1;
      for (;;) {
        const page = await this.#page(number);
        if (run !== this.#run) return;
        const added = this.#window.append(page.data);
        this.total = page.total;
        const end = page.data.length < PAGE;
        if (added > 0 || end) {
          this.more = end ? 'end' : 'idle';
          break;
        }
        number += 1;
      }
      this.#changed();
    } catch {
      if (run === this.#run) this.more = 'error';
    }
  }

  pause(paused: boolean): void {
    this.paused = paused;
    if (this.following) this.#release();
  }

  /** The list moved to its top or away from it. */
  stand(atTop: boolean): void {
    if (atTop === this.atTop) return;
    this.atTop = atTop;
    if (this.following) this.#release();
  }

  /** Shows what waits, wherever the list stands. */
  showWaiting(): void {
    this.paused = false;
    this.atTop = true;
    this.#release();
  }

  #release(): void {
    if (this.#window.forgotten > 0) return void this.reload();
    this.#window.release(this.#matches, KEPT);
    if (this.#window.rows.length >= KEPT && this.more === 'end') this.more = 'idle';
    this.#changed();
  }

  #take(row: RequestRow): void {
    if (this.phase === 'loading') this.#early.push(row);
    else this.#window.take(row, this.#matches, this.following);
    if (this.following && this.#window.rows.length > KEPT * 2) this.#release();
    this.#changed();
    this.#statsSoon();
  }

  #changed(): void {
    if (this.#frame) return;
    // A hidden page gets no frames, and needs none.
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.waiting = this.#window.waiting;
      this.version += 1;
    });
  }

  #page(page: number) {
    return unwrap(
      api.GET('/api/monitor/requests', {
        params: { query: { ...filterQuery(this.#filters), page, limit: PAGE } },
      }),
    );
  }

  #statsSoon(): void {
    this.#statsDue ??= setTimeout(() => {
      this.#statsDue = undefined;
      void this.#loadStats();
    }, STATS_EVERY_MS);
  }

  async #loadStats(): Promise<void> {
    const run = ++this.#statsRun;
    try {
      const query = filterQuery(this.#filters);
      const stats = await unwrap(api.GET('/api/monitor/stats', { params: { query } }));
      if (run === this.#statsRun) this.stats = stats;
    } catch {
      // The cards keep the last figures; the live state says that the server is away.
    }
  }
}

export const requests = new Requests();

function said(problem: unknown): string {
  if (problem instanceof ApiError && problem.status > 0) return `${problem.status}: ${problem.message}`;
  return problem instanceof Error ? problem.message : String(problem);
}
