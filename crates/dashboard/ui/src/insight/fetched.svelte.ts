// What a page shows of the server: fetched when its question changes, and again now and then while the page is looked at.
import { ApiError } from '../lib/api/client';

/** How often what is shown is fetched anew. */
const AGAIN_MS = 10_000;

export class Fetched<T> {
  state: 'loading' | 'ready' | 'error' = $state('loading');
  data: T | null = $state.raw(null);
  problem = $state('');
  #asked = 0;

  constructor(readonly ask: () => Promise<T>) {}

  /** Fetches until the returned function is called. */
  start(): () => void {
    void this.fetch();
    const timer = setInterval(() => {
      if (!document.hidden) void this.fetch();
    }, AGAIN_MS);
    return () => {
      clearInterval(timer);
      this.#asked += 1;
    };
  }

  /** Fetches what never changes: once. */
  once(): () => void {
    void this.fetch();
    return () => {
      this.#asked += 1;
    };
  }

  async fetch(): Promise<void> {
    const asked = ++this.#asked;
    try {
      const data = await this.ask();
      if (asked !== this.#asked) return;
      this.data = data;
      this.state = 'ready';
    } catch (problem) {
      if (asked !== this.#asked) return;
      const hint = problem instanceof ApiError && problem.hint ? ` (${problem.hint})` : '';
      this.problem = (problem instanceof Error ? problem.message : String(problem)) + hint;
      // What was shown stays; the next try may succeed.
      if (!this.data) this.state = 'error';
    }
  }
}
