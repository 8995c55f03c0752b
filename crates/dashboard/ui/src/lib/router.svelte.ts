// The address bar is the view's state: `/monitor/requests/ID?tab=stream&status=error`. A link opens the same view.

export const PAGES = [
  'requests',
  'sessions',
  'usage',
  'cache',
  'limits',
  'compare',
  'report',
  'settings',
] as const;
export type Page = (typeof PAGES)[number];
export interface Filters {
  /** The filter language. */
  q: string;
  status: string;
  model: string;
  timeRange: string;
}
export interface Place {
  page: Page;
  /** The request or the session that is open, or the two that are compared (`A..B`); empty: none. */
  id: string;
  /** The part of the page that is shown: a tab of a request, the order of the sessions. */
  tab: string;
  filters: Filters;
}

const BASE = '/monitor';
const WITH_ID: Page[] = ['requests', 'sessions', 'compare'];
export const NO_FILTERS: Filters = { q: '', status: '', model: '', timeRange: '' };

/** The place an address names. What it does not know it leaves out. */
export function parsePlace(path: string, search: string): Place {
  const parts = path.slice(BASE.length).split('/').filter(Boolean);
  const query = new URLSearchParams(search);
  const one = (name: string, known: string[]) => known.find((value) => value === query.get(name)) ?? '';
  const page = PAGES.find((known) => known === parts[0]);
  return {
    page: page ?? 'requests',
    id: page && WITH_ID.includes(page) ? safeDecode(parts[1] ?? '') : '',
    tab: query.get('tab') ?? '',
    filters: {
      q: query.get('q') ?? '',
      status: one('status', ['success', 'error', 'pending']),
      model: query.get('model') ?? '',
      timeRange: one('timeRange', ['1h', '24h', '7d']),
    },
  };
}

export function formatPlace(place: Place): string {
  const root = place.page === 'requests' && !place.id ? BASE : `${BASE}/${place.page}`;
  const path = place.id ? `${root}/${encodeURIComponent(place.id)}` : root;
  const query = filterQuery(place.filters);
  if (place.tab) query.set('tab', place.tab);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The filters that are set, as the API takes them. */
export function filterQuery(filters: Filters): URLSearchParams {
  return new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
}

export function hasFilters(filters: Filters): boolean {
  return Object.values(filters).some(Boolean);
}

class Router {
  place: Place = $state.raw(parsePlace(location.pathname, location.search));

  /** Follows Back and Forward. Returns what ends it. */
  start(): () => void {
    const follow = () => (this.place = parsePlace(location.pathname, location.search));
    window.addEventListener('popstate', follow);
    return () => window.removeEventListener('popstate', follow);
  }

  /** Goes to a place. `replace` leaves no entry behind for Back: for steps from row to row. */
  go(change: Partial<Place>, replace = false): void {
    const next = { ...this.place, ...change };
    const address = formatPlace(next);
    if (address === formatPlace(this.place)) return;
    this.place = next;
    if (replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
  }

  filter(change: Partial<Filters>): void {
    this.go({ filters: { ...this.place.filters, ...change } });
  }
}

export const router = new Router();

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
