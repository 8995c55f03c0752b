// Looking into JSON of which nothing is known: recorded bodies may hold anything.

export type Dict = Record<string, unknown>;

export function isDict(value: unknown): value is Dict {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function dict(value: unknown): Dict {
  return isDict(value) ? value : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Pretty JSON; a string stays as it is. */
export function pretty(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? '');
}

/** The bytes that `value` takes as compact JSON in UTF-8. */
export function jsonSize(value: unknown): number {
  return utf8Size(JSON.stringify(value) ?? '');
}

const encoder = new TextEncoder();

export function utf8Size(value: string): number {
  return encoder.encode(value).length;
}

/** `text` as JSON, or undefined if it is none. */
export function tryParse(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return undefined;
  }
}
