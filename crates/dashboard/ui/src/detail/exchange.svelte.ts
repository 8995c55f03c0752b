// One exchange as the pane shows it: fetched once, followed while it runs, fetched anew at its end or after a gap.
import { untrack } from 'svelte';
import { api, ApiError, unwrap } from '../lib/api/client';
import { live, type Delta } from '../lib/live.svelte';
import type { Deleted, RequestDetail, RequestRow, StreamChunk } from '../lib/types';
import { tryParse } from './model/json';

/** Larger bodies come only when asked for. */
export const BODY_LIMIT = 1_048_576;
/** So do the events beyond these, unless the answer still runs. */
export const EVENT_LIMIT = 5000;

/** The pause before asking again for what should be there already. */
const EARLY_MS = 500;

export type Side = 'request' | 'response';

export class Exchange {
  state: 'loading' | 'ready' | 'missing' | 'failed' = $state('loading');
  problem = $state('');
  /** Of a request that was here: when and why it went. */
  deleted: Deleted | null = $state.raw(null);
  detail: RequestDetail | null = $state.raw(null);
  /** The newest row: its figures move while the answer comes. */
  row: RequestRow | null = $state.raw(null);
  events: StreamChunk[] = $state.raw([]);
  /** How many events there are, fetched or not. */
  eventsTotal = $state(0);
  /** Bodies that were asked for because the detail left them out. */
  bodies: Partial<Record<Side, unknown>> = $state.raw({});

  #waiting: Delta[] | null = [];
  #abort = new AbortController();
  /** Ends the events' own connection. */
  #follow: () => void = () => undefined;
  #fetching = false;
  #again = false;

  constructor(readonly id: string) {}

  /** Fetches and follows until the returned function is called. */
  start(): () => void {
    this.#follow = live.onDelta(this.id, (delta) => this.#take(delta));
    const ends = [
      live.onRow((row) => {
        if (row.id !== this.id) return;
        const ended = row.status !== 'pending' && this.detail?.status === 'pending';
        this.row = row;
        if (ended) void this.fetch();
      }),
      live.onReset(() => void this.fetch()),
    ];
    // What it reads of its own state must not start it anew.
    untrack(() => void this.fetch());
    return () => {
      this.#abort.abort();
      this.#follow();
      for (const end of ends) end();
    };
  }

  /** Notes that it is pinned, or no longer. */
  pin(pinned: boolean): void {
    if (this.row) this.row = { ...this.row, pinned };
  }

  /** Fetches everything anew; while that runs, a second call only makes it run once more. */
  async fetch(): Promise<void> {
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = true;
    if (this.state !== 'ready') this.state = 'loading';
    this.#waiting ??= [];
    try {
      const detail = await this.#get();
      this.detail = detail;
      this.row = newer(this.row, detail);
      this.events = detail.streamChunks;
      this.eventsTotal = Math.max(detail.streamChunksTotal, detail.streamChunks.length);
      // A running answer is followed at its end, so what lies between has to come first.
      if (detail.status !== 'pending') this.#follow();
      else while (this.events.length < this.eventsTotal) if (!(await this.moreEvents())) break;
      this.state = 'ready';
    } catch (problem) {
      this.#fail(problem);
    }
    this.#replay();
  }

  async #get(): Promise<RequestDetail> {
    const params = { path: { id: this.id }, query: { bodyLimit: BODY_LIMIT, eventLimit: EVENT_LIMIT } };
    const answer = api.GET('/api/monitor/requests/{id}', { params, signal: this.#abort.signal });
    // The client's types make arrays of the document's pairs.
    return (await unwrap(answer)) as RequestDetail;
  }

  /** Fetches the next events; false if there were none. */
  async moreEvents(): Promise<boolean> {
    const from = this.events.length;
    const params = { path: { id: this.id }, query: { from, limit: EVENT_LIMIT } };
    const page = await unwrap(
      api.GET('/api/monitor/requests/{id}/events', { params, signal: this.#abort.signal }),
    );
    // Others may have fetched the same meanwhile.
    if (this.events.length === from) this.events = this.events.concat(page.data);
    this.eventsTotal = Math.max(page.total, this.events.length);
    return page.data.length > 0;
  }

  /** Fetches a body that the detail left out, as JSON if it is any. */
  async loadBody(side: Side): Promise<void> {
    const text = await this.bodyText(side);
    this.bodies = { ...this.bodies, [side]: tryParse(text) ?? text };
  }

  /** A body's exact text, its content coding undone. */
  async bodyText(side: Side): Promise<string> {
    const answer = await fetch(`${bodyUrl(this.id, side)}?decoded=1&masked=1`, {
      signal: this.#abort.signal,
    });
    if (!answer.ok) throw new ApiError(answer.status, await problemIn(answer));
    return answer.text();
  }

  #take(delta: Delta): void {
    if (this.#waiting) {
      this.#waiting.push(delta);
      return;
    }
    const have = this.events.length;
    if (delta.from > have) {
      void this.fetch();
      return;
    }
    const news = delta.events.slice(have - delta.from);
    if (news.length === 0) return;
    this.events = this.events.concat(news);
    this.eventsTotal = Math.max(this.eventsTotal, this.events.length);
  }

  /** Takes in what came while fetching. A gap even there is mended by the next fetch. */
  #replay(): void {
    const held = this.#waiting ?? [];
    const again = this.#again;
    this.#waiting = null;
    this.#fetching = this.#again = false;
    if (this.#abort.signal.aborted) return;
    if (again) return void this.fetch();
    if (this.state !== 'ready') return;
    for (const delta of held) this.#take(delta);
    // The row ended before the record of it was there.
    const early = this.row?.status !== 'pending' && this.detail?.status === 'pending';
    if (early) setTimeout(() => this.#abort.signal.aborted || void this.fetch(), EARLY_MS);
  }

  #fail(problem: unknown): void {
    if (this.#abort.signal.aborted) return;
    this.problem = problem instanceof Error ? problem.message : String(problem);
    this.state = problem instanceof ApiError && problem.status === 404 ? 'missing' : 'failed';
    this.deleted = problem instanceof ApiError ? problem.deleted : null;
  }
}

/** Where a body's exact bytes are. */
export function bodyUrl(id: string, side: Side): string {
  return `/api/monitor/requests/${encodeURIComponent(id)}/body/${side}`;
}

/** An ended row is never replaced by an older one that still ran. */
function newer(known: RequestRow | null, fetched: RequestRow): RequestRow {
  return known && known.status !== 'pending' && fetched.status === 'pending' ? known : fetched;
}

async function problemIn(answer: Response): Promise<string> {
  const said = tryParse(await answer.text()) as { error?: unknown } | undefined;
  return typeof said?.error === 'string' ? said.error : `${answer.status} ${answer.statusText}`.trim();
}
