// The list of requests: what is shown, what waits, and the figures above it. Live rows are taken in once a frame.
import { api, ApiError, unwrap } from '../lib/api/client';
import { live, type Reset } from '../lib/live.svelte';
import { NO_FILTERS, type Filters } from '../lib/router.svelte';
import type { RequestRow, Stats } from '../lib/types';
import { BLOCK, RowWindow } from './window';

const STATS_EVERY_MS = 2000;
const ASK_AFTER_MS = 300;
/** A chain of tries is followed so far. */
const MOST_TRIES = 20;
/** More live rows than these are not asked about one by one. */
const ASKED = 60;

class RequestList {
  state: 'loading' | 'ready' | 'error' = $state('loading');
  problem = $state('');
  /** What is wrong with the filter that was typed; null: nothing. */
  filterProblem: ApiError | null = $state.raw(null);
  /** Rows shown, whatever part of them is held. */
  total = $state(0);
  waiting = $state(0);
  paused = $state(false);
  stats: Stats | null = $state.raw(null);
  statsProblem = $state('');
  models: string[] = $state.raw([]);
  /** Ids of rows to compare, two at the most. */
  marked: string[] = $state.raw([]);
  /** New rows are shown at once while the reader is at the top. */
  atTop = true;

  #version = $state(0);
  #window = new RowWindow();
  #filters: Filters = NO_FILTERS;
  #load = 0;
  #arrived = new Map<string, RequestRow>();
  #loading = false;
  #counted = true;
  #frame = 0;
  #fetching = new Set<number>();
  #statsDue: ReturnType<typeof setTimeout> | undefined;
  #refetchDue: ReturnType<typeof setTimeout> | undefined;
  /** Rows that came live, of which only the server can tell whether the filter language means them, and where. */
  #unsure = new Set<string>();
  #askedRunning = new Set<string>();
  /** Ids that a later row names as the try before it. */
  #retried = new Set<string>();
  #askDue: ReturnType<typeof setTimeout> | undefined;

  /** Listens to what happens live. Returns what ends it. */
  start(): () => void {
    const ends = [live.onRow((row) => this.#arrive(row)), live.onReset((why) => this.#onReset(why))];
    return () => {
      ends.forEach((end) => end());
      clearTimeout(this.#statsDue);
      clearTimeout(this.#refetchDue);
      clearTimeout(this.#askDue);
      this.#askDue = undefined;
      cancelAnimationFrame(this.#frame);
      this.#frame = 0;
    };
  }

  /** Shows what matches these filters. */
  show(filters: Filters): void {
    this.#filters = filters;
    this.state = 'loading';
    this.stats = null;
    void this.reload();
  }

  /** Fetches everything anew: list, figures, models. */
  async reload(): Promise<void> {
    const load = ++this.#load;
    this.#loading = true;
    this.#fetching.clear();
    this.#unsure.clear();
    this.#askedRunning.clear();
    void this.#fetchStats();
    void this.#fetchModels();
    try {
      const page = await this.#fetchPage(1);
      if (load !== this.#load) return;
      this.#counted = page.totalExact;
      this.#window.reset(page.data, page.total);
      this.#retried.clear();
      this.#noteRetries(page.data);
      this.#takeCount();
      this.state = 'ready';
      this.problem = '';
      this.filterProblem = null;
      this.#loading = false;
      this.#takeIn();
    } catch (problem) {
      if (load !== this.#load) return;
      this.problem = problem instanceof Error ? problem.message : String(problem);
      this.filterProblem = problem instanceof ApiError && problem.hint ? problem : null;
      this.state = 'error';
      this.#loading = false;
    }
  }

  /** The row at `index`; undefined while it is not held. */
  row(index: number): RequestRow | undefined {
    void this.#version;
    return this.#window.at(index);
  }

  indexOf(id: string): number {
    void this.#version;
    return this.#window.indexOf(id);
  }

  /** The failed tries before this one that are held, the newest first. */
  tries(row: RequestRow): RequestRow[] {
    void this.#version;
    const tries: RequestRow[] = [];
    let before = row.retryOf ? this.#window.byId(row.retryOf) : undefined;
    while (before && tries.length < MOST_TRIES) {
      tries.push(before);
      before = before.retryOf ? this.#window.byId(before.retryOf) : undefined;
    }
    return tries;
  }

  /** Whether a later call that is known tries this one again. */
  isRetried(id: string): boolean {
    void this.#version;
    return this.#retried.has(id);
  }

  /** Marks a row to be compared, or no longer. The newest two marks count. */
  mark(id: string): void {
    this.marked = this.marked.includes(id)
      ? this.marked.filter((one) => one !== id)
      : [...this.marked, id].slice(-2);
  }

  /** Fetches what is missing between two rows. */
  need(first: number, last: number): void {
    this.#window.forgetFarFrom(first);
    for (const block of this.#window.missing(first, last)) {
      if (!this.#fetching.has(block)) void this.#fetchBlock(block);
    }
  }

  /** The next row below `index` that failed, among those held; -1: none. */
  nextError(index: number): number {
    for (let next = index + 1; next < this.#window.total; next += 1) {
      const row = this.#window.at(next);
      if (!row) return -1;
      if (row.status === 'error') return next;
    }
    return -1;
  }

  /** Puts the waiting rows on top. */
  showWaiting(): void {
    if (this.#window.overflowed) return void this.reload();
    this.#window.merge();
    this.#changed();
  }

  pause(paused: boolean): void {
    this.paused = paused;
    if (!paused) void this.reload();
  }

  async clear(): Promise<void> {
    await unwrap(api.POST('/api/monitor/clear'));
    await this.reload();
  }

  #onReset(why: Reset): void {
    if (why === 'cleared' || !this.paused) void this.reload();
  }

  #arrive(row: RequestRow): void {
    // Only the newest form of each row counts.
    this.#arrived.set(row.id, row);
    // A page in the background gets no frames; it must not hoard.
    if (document.visibilityState === 'hidden' && this.#arrived.size > 500) this.#takeIn();
    else this.#frame ||= requestAnimationFrame(() => this.#takeIn());
  }

  #takeIn(): void {
    this.#frame = 0;
    // What comes while the list is fetched may be newer than the list: it is taken in afterwards.
    if (this.#loading) return;
    const rows = this.#arrived;
    this.#arrived = new Map();
    this.#noteRetries(rows.values());
    for (const row of rows.values()) this.#take(row);
    this.#showNew();
  }

  #noteRetries(rows: Iterable<RequestRow>): void {
    for (const row of rows) if (row.retryOf) this.#retried.add(row.retryOf);
  }

  #showNew(): void {
    if (this.atTop && !this.paused && this.#window.waiting > 0) {
      if (this.#window.overflowed) void this.reload();
      else this.#window.merge();
    }
    this.#changed();
  }

  #take(row: RequestRow): void {
    if (row.status !== 'pending')
      this.#statsDue ??= setTimeout(() => void this.#fetchStats(), STATS_EVERY_MS);
    if (row.model && !this.models.includes(row.model)) this.models = [...this.models, row.model].sort();
    // While paused, what is seen stays as it was; going on fetches anew.
    const shown = this.#window.indexOf(row.id) >= 0;
    if (shown && this.paused) return;
    const { q } = this.#filters;
    if (this.#window.update(row)) {
      if (shown && !this.#matches(row)) this.#refetchSoon();
      else if (q && row.status !== 'pending') this.#askSoon(row.id);
      return;
    }
    if (!this.#matches(row) || !this.#isNew(row)) return;
    if (!q) this.#window.add(row);
    // What runs is asked about once, and again when it has ended.
    else if (row.status !== 'pending' || !this.#askedRunning.has(row.id)) {
      if (row.status === 'pending') this.#askedRunning.add(row.id);
      this.#askSoon(row.id);
    }
    if (row.status !== 'pending') this.#askedRunning.delete(row.id);
  }

  #askSoon(id: string): void {
    this.#unsure.add(id);
    this.#askDue ??= setTimeout(() => void this.#ask(), ASK_AFTER_MS);
  }

  /** Asks once about all that came: what is meant comes back, with the places of the text. */
  async #ask(): Promise<void> {
    this.#askDue = undefined;
    if (this.#loading || this.paused || this.#unsure.size === 0) return;
    const ids = [...this.#unsure];
    this.#unsure.clear();
    if (ids.length > ASKED) return void this.reload();
    const load = this.#load;
    try {
      const query = { ...this.#query(), q: `(${this.#filters.q}) id:${ids.join(',')}`, limit: ASKED };
      const { data } = await unwrap(api.GET('/api/monitor/requests', { params: { query } }));
      if (load !== this.#load) return;
      const meant = new Set(data.map((row) => row.id));
      for (const row of data) if (!this.#window.update(row) && this.#isNew(row)) this.#window.add(row);
      if (ids.some((id) => !meant.has(id) && this.#window.indexOf(id) >= 0)) this.#refetchSoon();
      this.#showNew();
    } catch {
      this.#refetchSoon();
    }
  }

  /** Rows of blocks that are not held also change; they are not new. */
  #isNew(row: RequestRow): boolean {
    const newest = this.#window.at(0);
    return !newest || row.id > newest.id || this.#filters.status !== '';
  }

  #matches(row: RequestRow): boolean {
    const { status, model } = this.#filters;
    return (!status || row.status === status) && (!model || row.model === model || row.servedModel === model);
  }

  /** A row has left the filter; the list is set right once nobody is in the middle of it. */
  #refetchSoon(): void {
    this.#refetchDue ??= setTimeout(() => {
      this.#refetchDue = undefined;
      if (this.atTop && !this.paused) void this.reload();
    }, 1000);
  }

  async #fetchBlock(block: number): Promise<void> {
    this.#fetching.add(block);
    const load = this.#load;
    try {
      const start = this.#window.offsetOf(block);
      const shift = start % BLOCK;
      const first = Math.floor(start / BLOCK) + 1;
      const pages = await Promise.all(
        (shift === 0 ? [first] : [first, first + 1]).map((page) => this.#fetchPage(page)),
      );
      if (load !== this.#load) return;
      const rows = pages.flatMap((page) => page.data).slice(shift, shift + BLOCK);
      // The list has become shorter; start again.
      if (rows.length === 0) return void this.reload();
      this.#window.put(block, rows);
      this.#noteRetries(rows);
      this.#changed();
    } catch {
      // The rows stay blank; scrolling on, or the live connection's return, asks again.
    } finally {
      this.#fetching.delete(block);
    }
  }

  #fetchPage(page: number) {
    return unwrap(
      api.GET('/api/monitor/requests', { params: { query: { ...this.#query(), page, limit: BLOCK } } }),
    );
  }

  async #fetchStats(): Promise<void> {
    clearTimeout(this.#statsDue);
    this.#statsDue = undefined;
    const filters = this.#filters;
    try {
      const stats = await unwrap(api.GET('/api/monitor/stats', { params: { query: this.#query() } }));
      if (filters !== this.#filters) return;
      this.stats = stats;
      this.statsProblem = '';
      this.#takeCount();
    } catch (problem) {
      if (filters === this.#filters) this.statsProblem = problem instanceof Error ? problem.message : '';
    }
  }

  /** A list that was answered before it was counted takes its length from the figures. */
  #takeCount(): void {
    if (this.#counted || !this.stats || this.stats.totalRequests <= this.#window.total) return;
    this.#window.total = this.stats.totalRequests;
    this.#changed();
  }

  async #fetchModels(): Promise<void> {
    try {
      this.models = (await unwrap(api.GET('/api/monitor/models'))).data;
    } catch {
      // The menu then offers what the list has shown so far.
    }
  }

  #query() {
    const { q, status, model, timeRange } = this.#filters;
    return {
      ...(q && { q }),
      ...(status && { status }),
      ...(model && { model }),
      ...(timeRange && { timeRange }),
    };
  }

  #changed(): void {
    this.total = this.#window.total;
    this.waiting = this.#window.waiting;
    this.#version += 1;
  }
}

export const list = new RequestList();
