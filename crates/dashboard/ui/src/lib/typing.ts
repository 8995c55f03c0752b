// Keys that are for the page, and keys that are for what is typed.

/** Whether the key belongs to a field, or to the browser. Esc leaves a field. */
export function isTyping(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey)
    return true;
  const target = event.target;
  if (!(target instanceof HTMLElement) || !target.closest('input, select, textarea')) return false;
  if (event.key === 'Escape') target.blur();
  return true;
}
