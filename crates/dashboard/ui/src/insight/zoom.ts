// A span of time within the filter language: `since:… until:…`, put in, taken out.

const SPAN = /\s*\b(?:since|until):(?:"[^"]*"|\S+)/g;

/** The filter without a span of time of its own. */
export function withoutSpan(q: string): string {
  return q.replace(SPAN, '').trim();
}

export function hasSpan(q: string): boolean {
  return withoutSpan(q) !== q.trim();
}

/** The filter for what began from one moment up to, and without, another (milliseconds since the Unix epoch). */
export function withSpan(q: string, from: number, to: number): string {
  const at = (moment: number) => new Date(moment).toISOString();
  const rest = withoutSpan(q);
  return `${rest && `${rest} `}since:${at(from)} until:${at(to)}`;
}
