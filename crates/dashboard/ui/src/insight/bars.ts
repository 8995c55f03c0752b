// Stacked bars over time. Amounts of money are exact strings; only what is drawn becomes a share of the largest bar.
import type { UsageFigures } from '../lib/types';

export interface Part {
  /** Index of the group. */
  group: number;
  /** From the bottom, shares of the chart's height. */
  from: number;
  to: number;
}

export type Metric = 'cost' | 'tokens' | 'requests';

/** What of a group's figures is drawn. */
export function amount(figures: UsageFigures, metric: Metric): number {
  if (metric === 'requests') return figures.requests;
  if (metric === 'cost') return Math.max(0, Number(figures.cost));
  const { input, output, cacheRead, cacheWrite5m, cacheWrite1h } = figures.tokens;
  return input + output + cacheRead + cacheWrite5m + cacheWrite1h;
}

/** For each bucket its parts, by the amounts of its groups, against the largest bucket. */
export function stacks(buckets: readonly (readonly number[])[]): Part[][] {
  const sum = (parts: readonly number[]) => parts.reduce((total, part) => total + part, 0);
  const most = Math.max(0, ...buckets.map(sum));
  return buckets.map((parts) => {
    let from = 0;
    return parts.flatMap((part, group) => {
      if (part === 0 || most === 0) return [];
      const to = from + part / most;
      const drawn = { group, from, to };
      from = to;
      return [drawn];
    });
  });
}
