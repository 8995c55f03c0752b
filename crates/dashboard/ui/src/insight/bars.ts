// Stacked bars of money over time. Amounts are exact strings; only what is drawn becomes a share of the largest bar.
export interface Part {
  /** Index of the group. */
  group: number;
  /** From the bottom, shares of the chart's height. */
  from: number;
  to: number;
}

/** For each bucket its parts, by what its groups cost, against the dearest bucket. */
export function stacks(buckets: readonly { groups: readonly { cost: string }[] }[]): Part[][] {
  const amounts = buckets.map((bucket) => bucket.groups.map((group) => Math.max(0, Number(group.cost))));
  const sum = (parts: number[]) => parts.reduce((total, part) => total + part, 0);
  const most = Math.max(0, ...amounts.map(sum));
  return amounts.map((parts) => {
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
