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

/** Whether the key belongs to a field, or to the browser. Esc leaves a field. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey)
    return true;
  const target = event.target;
  if (!(target instanceof HTMLElement) || !target.closest('input, select, textarea')) return false;
  if (event.key === 'Escape') target.blur();
  return true;
}
