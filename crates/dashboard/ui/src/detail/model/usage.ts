// An answer's `usage`, added up without counting anything twice.
import { count, dict, type Dict } from './json';

export interface Usage {
  fresh: number;
  read: number;
  write5m: number;
  write1h: number;
  /** Fresh, read and written together. */
  total: number;
  output: number;
  /** Null where the answer does not say. */
  thinking: number | null;
}

export function inputOf(usage: Dict): Usage {
  const number = (value: unknown) => count(value) ?? 0;
  const split = dict(usage['cache_creation']);
  const written = number(usage['cache_creation_input_tokens']);
  const write1h = number(split['ephemeral_1h_input_tokens']);
  // Without the split everything was written for five minutes.
  const write5m = Math.max(
    0,
    Math.max(written, number(split['ephemeral_5m_input_tokens']) + write1h) - write1h,
  );
  const fresh = number(usage['input_tokens']);
  const read = number(usage['cache_read_input_tokens']);
  return {
    fresh,
    read,
    write5m,
    write1h,
    total: fresh + read + write5m + write1h,
    output: number(usage['output_tokens']),
    thinking: count(dict(usage['output_tokens_details'])['thinking_tokens']),
  };
}
