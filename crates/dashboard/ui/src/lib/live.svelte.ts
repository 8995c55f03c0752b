// What the server tells as it happens: one EventSource for the page, handed on to whoever listens, and one for the
// events of each answer that is looked at. It keeps the newest
// row of each exchange that runs, and nothing else; lists and panes keep what they show.
import { SvelteMap } from 'svelte/reactivity';
import type { LiveMessage, RequestRow, Stats, StreamChunk } from './types';

export type Delta = { from: number; events: StreamChunk[] };
export type LiveState = 'connecting' | 'live' | 'waiting';
/** `cleared`: all that had ended was deleted. `resync`: something was missed, fetch anew what is shown. */
export type Reset = 'cleared' | 'resync';

type Listener<T> = (value: T) => void;

/** The browser's own pause before it asks again, and ours before we replace a source that it gave up. */
const RETRY_MS = 3000;
const SILENT_MS = 15 * 60_000;

class Live {
  state: LiveState = $state('connecting');
  /** Seconds until the next try, while `state` is `waiting`. */
  retryIn = $state(0);
  /** Figures over everything, whatever the filter. */
  stats: Stats | null = $state.raw(null);

  #source: EventSource | null = null;
  #running = new SvelteMap<string, RequestRow>();
  #rows = new Set<Listener<RequestRow>>();
  #resets = new Set<Listener<Reset>>();
  #countdown: ReturnType<typeof setInterval> | undefined;
  #connectedBefore = false;
  #heard = 0;

  /** Connects; again calls do nothing. Returns what ends it. */
  start(): () => void {
    if (!this.#source) this.#open();
    document.addEventListener('visibilitychange', this.#wake);
    return () => this.stop();
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.#wake);
    clearInterval(this.#countdown);
    this.#source?.close();
    this.#source = null;
    this.#connectedBefore = false;
    this.#hasCursor = false;
    this.state = 'connecting';
  }

  /** Calls `listener` with each row that began, went on or ended. Returns what ends it. */
  onRow(listener: Listener<RequestRow>): () => void {
    return add(this.#rows, listener);
  }

  /** Calls `listener` when what is shown has to be fetched anew. */
  onReset(listener: Listener<Reset>): () => void {
    return add(this.#resets, listener);
  }

  /**
   * Calls `listener` with the events of one answer as they come; `from` is the index of the first. They come over a
   * connection of their own, so that the events of all other answers never reach the page. After something was missed
   * `from` is beyond all that can be known.
   */
  onDelta(id: string, listener: Listener<Delta>): () => void {
    const source = new EventSource(`/api/monitor/stream?events=${encodeURIComponent(id)}`);
    source.onmessage = (event: MessageEvent<string>) => {
      const message = parse(event.data);
      if (message?.type === 'delta') listener({ from: message.from, events: message.events });
      else if (message?.type === 'resync') listener({ from: Number.MAX_SAFE_INTEGER, events: [] });
    };
    return () => source.close();
  }

  /** The newest row known of an exchange that runs; reactive. */
  row(id: string): RequestRow | undefined {
    return this.#running.get(id);
  }

  /** Takes a message in, as if it had come from the server. */
  take(message: LiveMessage): void {
    this.#heard = Date.now();
    switch (message.type) {
      case 'stats':
        this.stats = message.stats;
        return;
      case 'request': {
        const row = message.request;
        if (row.status === 'pending') this.#running.set(row.id, row);
        else this.#running.delete(row.id);
        tell(this.#rows, row);
        return;
      }
      case 'delta':
        return;
      case 'cleared':
      case 'resync':
        if (message.type === 'resync') this.#running.clear();
        tell(this.#resets, message.type);
    }
  }

  #open(): void {
    const source = new EventSource('/api/monitor/stream?events=none');
    this.#source = source;
    source.onopen = () => {
      clearInterval(this.#countdown);
      // Without a cursor to take up, what happened in between has to be fetched. With one the server tells what was missed.
      if (this.#connectedBefore && !this.#hasCursor) this.take({ type: 'resync' });
      this.#connectedBefore = true;
      this.#heard = Date.now();
      this.state = 'live';
    };
    source.onmessage = (event: MessageEvent<string>) => {
      if (event.lastEventId) this.#hasCursor = true;
      const message = parse(event.data);
      if (message) this.take(message);
    };
    source.onerror = () => this.#wait(source.readyState === EventSource.CLOSED);
  }

  /** Whether the source has had an `id:` line, which the browser sends along when it connects again. */
  #hasCursor = false;

  /** Counts down to the next try: the browser's own, or ours if it gave up. */
  #wait(gaveUp: boolean): void {
    clearInterval(this.#countdown);
    this.state = 'waiting';
    const due = Date.now() + RETRY_MS;
    this.retryIn = RETRY_MS / 1000;
    this.#countdown = setInterval(() => {
      this.retryIn = Math.max(0, Math.ceil((due - Date.now()) / 1000));
      if (this.retryIn > 0) return;
      clearInterval(this.#countdown);
      if (gaveUp) this.#reopen();
    }, 250);
  }

  #reopen(): void {
    this.#source?.close();
    this.#hasCursor = false;
    this.#open();
  }

  /** After a long sleep the connection may be dead without a sign. */
  #wake = (): void => {
    if (document.visibilityState !== 'visible' || !this.#source) return;
    if (this.state === 'live' && Date.now() - this.#heard < SILENT_MS) return;
    this.state = 'waiting';
    this.#reopen();
  };
}

export const live = new Live();

function add<T>(listeners: Set<Listener<T>>, listener: Listener<T>): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function tell<T>(listeners: Set<Listener<T>>, value: T): void {
  for (const listener of [...listeners]) listener(value);
}

function parse(text: string): LiveMessage | null {
  try {
    return JSON.parse(text) as LiveMessage;
  } catch {
    return null;
  }
}
