// What the page remembers between visits. Storage may be forbidden or full: then it just forgets.

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`anthropic-proxy.${key}`, value);
  } catch {
    // A private window; the choice lasts until the page closes.
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`anthropic-proxy.${key}`);
  } catch {
    return null;
  }
}
