// The one way to the API: typed by the document, errors as thrown `ApiError`s with the server's own words.
import createClient from 'openapi-fetch';
import type { paths } from '../../../generated/api';
import type { Deleted } from '../types';

// `fetch` is looked up at each call, so that tests can replace it.
export const api = createClient<paths>({
  baseUrl: typeof location === 'undefined' ? '' : location.origin,
  fetch: (request) => globalThis.fetch(request),
});

/** The server answered with an error, or not at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** What to do instead, and the part of a filter that is wrong (UTF-16 units), if the server says so. */
    readonly hint = '',
    readonly at: { start: number; end: number } | null = null,
    /** Of a request that was here: when and why it went. */
    readonly deleted: Deleted | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; throws an `ApiError` for everything else. */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  let settled: Answer<T>;
  try {
    settled = await answer;
  } catch (problem) {
    if (problem instanceof DOMException && problem.name === 'AbortError') throw problem;
    throw new ApiError(0, problem instanceof Error ? problem.message : String(problem));
  }
  if (settled.data !== undefined) return settled.data;
  const { status, statusText } = settled.response;
  const said = settled.error as
    { error?: unknown; hint?: string; at?: { start: number; end: number }; deleted?: Deleted } | undefined;
  const message = typeof said?.error === 'string' ? said.error : `${status} ${statusText}`.trim();
  throw new ApiError(status, message, said?.hint ?? '', said?.at ?? null, said?.deleted ?? null);
}
