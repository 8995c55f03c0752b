// What is on show, as the address bar says it: `/monitor/requests/ID?tab=stream&status=error&timeRange=1h`.
// A link opens the same view; Back returns to the last one. Live updates never come here.

export const STATUSES = ['success', 'error', 'pending'] as const;
export const RANGES = ['1h', '24h', '7d'] as const;

export interface Filters {
  status: (typeof STATUSES)[number] | null;
  model: string | null;
  timeRange: (typeof RANGES)[number] | null;
}

export interface Place extends Filters {
  /** The request that stands open. */
  id: string | null;
  /** The open tab of it; empty is the first. */
  tab: string;
}

const BASE = '/monitor';

/** The place that an address names; what it does not know is left out. */
export function parsePlace(address: URL): Place {
  const known = <T extends string>(name: string, values: readonly T[]): T | null =>
    values.find((value) => value === address.searchParams.get(name)) ?? null;
  const id = /\/requests\/([^/]+)\/?$/.exec(address.pathname)?.[1];
  return {
    id: id ? decode(id) : null,
    tab: address.searchParams.get('tab') ?? '',
    status: known('status', STATUSES),
    model: address.searchParams.get('model') || null,
    timeRange: known('timeRange', RANGES),
  };
}

/** The address of a place, from the origin on. */
export function formatPlace(place: Place): string {
  const query = new URLSearchParams();
  if (place.id && place.tab) query.set('tab', place.tab);
  for (const [name, value] of Object.entries(filterQuery(place))) query.set(name, value);
  const path = place.id ? `${BASE}/requests/${encodeURIComponent(place.id)}` : BASE;
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The filters as the API takes them: those that are set. */
export function filterQuery({ status, model, timeRange }: Filters): Record<string, string> {
  return {
    ...(status ? { status } : {}),
    ...(model ? { model } : {}),
    ...(timeRange ? { timeRange } : {}),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

class View {
  place: Place = $state.raw(parsePlace(new URL(location.href)));

  /** Follows Back and Forward. Returns what ends it. */
  start(): () => void {
    const moved = () => (this.place = parsePlace(new URL(location.href)));
    addEventListener('popstate', moved);
    return () => removeEventListener('popstate', moved);
  }

  /** Changes parts of the place. `replace` leaves no step to go back to. */
  go(change: Partial<Place>, replace = false): void {
    const next = { ...this.place, ...change };
    const address = formatPlace(next);
    if (address === location.pathname + location.search) return;
    history[replace ? 'replaceState' : 'pushState'](null, '', address);
    this.place = next;
  }

  get filtered(): boolean {
    const { status, model, timeRange } = this.place;
    return status !== null || model !== null || timeRange !== null;
  }
}

export const view = new View();
