// The bodies of an exchange as the tabs want them: the JSON where it is there, and why not where it is not.
import type { Exchange, Side } from './exchange.svelte';
import { isDict, list, text, utf8Size } from './model/json';

export type BodyView =
  | { state: 'shown'; value: unknown }
  | { state: 'large' | 'binary'; size: number }
  | { state: 'notStored' | 'empty' | 'waiting' | 'noAnswer' };

/** What there is to show of a body. */
export function bodyView(exchange: Exchange, side: Side): BodyView {
  const { detail, row } = exchange;
  const loaded = exchange.bodies[side];
  if (loaded !== undefined) return { state: 'shown', value: loaded };
  const part = side === 'request' ? detail?.request : detail?.response;
  if (!part) return { state: detail?.status === 'pending' ? 'waiting' : 'noAnswer' };
  const size = (side === 'request' ? row?.metrics.requestSize : row?.metrics.responseSize) ?? 0;
  switch (part.bodyEncoding) {
    case 'omitted':
      return { state: 'large', size };
    case 'base64':
      return { state: 'binary', size };
    case 'empty':
      if (part.bodyStored)
        return { state: side === 'response' && detail?.status === 'pending' ? 'waiting' : 'empty' };
      return { state: 'notStored' };
    default:
      if (part.body === null && !part.bodyStored) return { state: 'notStored' };
      return { state: 'shown', value: part.body };
  }
}

/** The assembled message of an answer that has ended, else an answer's own JSON if that is a message. */
export function answerMessage(exchange: Exchange): Record<string, unknown> | null {
  const merged = exchange.detail?.mergedContent?.message;
  if (isDict(merged) && Array.isArray(merged['content'])) return merged;
  const view = bodyView(exchange, 'response');
  if (view.state === 'shown' && isDict(view.value) && list(view.value['content']).length > 0)
    return view.value;
  return null;
}

/** A header's value, whatever its letter case. */
export function header(headers: Record<string, string> | undefined, name: string): string {
  return text(headers?.[name.toLowerCase()]);
}

/** The size of a shown value: its text in UTF-8. */
export function sizeOf(value: unknown): number {
  return utf8Size(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
}
