// Which key means what on the page.

export type KeyAction =
  | 'down'
  | 'up'
  | 'open'
  | 'back'
  | 'error'
  | 'pause'
  | 'filter'
  | 'follow'
  | 'mark'
  | 'compare'
  | { tab: number };

const actions: Record<string, KeyAction> = {
  j: 'down',
  ArrowDown: 'down',
  k: 'up',
  ArrowUp: 'up',
  Enter: 'open',
  Escape: 'back',
  e: 'error',
  x: 'mark',
  d: 'compare',
  p: 'pause',
  '/': 'filter',
  End: 'follow',
};

export function keyAction(key: string): KeyAction | undefined {
  if (/^[1-7]$/.test(key)) return { tab: Number(key) - 1 };
  return Object.hasOwn(actions, key) ? actions[key] : undefined;
}
