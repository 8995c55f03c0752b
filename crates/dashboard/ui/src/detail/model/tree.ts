// A JSON value as rows of a tree of which only the open branches exist, so that a body of any size shows at once.
import { isDict } from './json';

export interface TreeRow {
  path: string;
  depth: number;
  /** The key or index; null at the root. */
  name: string | null;
  value: unknown;
  kind: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null' | 'more';
  /** Members, for objects and arrays; those not shown, for `more`. */
  size: number;
  open: boolean;
}

/** Members shown of one branch at first; a row `more` asks for the next as many. */
export const PAGE = 100;

export function kindOf(value: unknown): TreeRow['kind'] {
  if (Array.isArray(value)) return 'array';
  if (isDict(value)) return 'object';
  const type = typeof value;
  return type === 'string' || type === 'number' || type === 'boolean' ? type : 'null';
}

/** The rows to show: `open` says of each path whether it is open, `shown` how many members of it. */
export function rowsOf(
  value: unknown,
  open: (path: string, depth: number) => boolean,
  shown: (path: string) => number = () => PAGE,
): TreeRow[] {
  const rows: TreeRow[] = [];
  walk(value, null, '$', 0);
  return rows;

  function walk(value: unknown, name: string | null, path: string, depth: number): void {
    const kind = kindOf(value);
    const members = kind === 'object' || kind === 'array' ? Object.keys(value as object) : [];
    const isOpen = members.length > 0 && open(path, depth);
    rows.push({ path, depth, name, value, kind, size: members.length, open: isOpen });
    if (!isOpen) return;
    const limit = shown(path);
    for (const member of members.slice(0, limit)) {
      walk((value as Record<string, unknown>)[member], member, childPath(path, member, kind), depth + 1);
    }
    const rest = members.length - limit;
    if (rest > 0) {
      rows.push({
        path: `${path}…`,
        depth: depth + 1,
        name: path,
        value: null,
        kind: 'more',
        size: rest,
        open: false,
      });
    }
  }
}

function childPath(path: string, member: string, kind: TreeRow['kind']): string {
  if (kind === 'array') return `${path}[${member}]`;
  return /^[A-Za-z_$][\w$]*$/.test(member) ? `${path}.${member}` : `${path}[${JSON.stringify(member)}]`;
}
