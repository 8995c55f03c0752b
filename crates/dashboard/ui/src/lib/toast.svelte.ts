// Short notices at the foot of the page: `toast('Copied')`, `toast(problem, 'error')`.

export type ToastKind = 'info' | 'error';
export interface Toast {
  id: number;
  text: string;
  kind: ToastKind;
}

const SHOWN_MS = { info: 2200, error: 6000 } as const;

let last = 0;

/** The notices on show, oldest first. */
export const toasts: Toast[] = $state([]);

export function toast(text: string, kind: ToastKind = 'info'): void {
  const id = ++last;
  // The same words again take the older notice's place.
  const same = toasts.findIndex((shown) => shown.text === text);
  if (same >= 0) toasts.splice(same, 1);
  toasts.push({ id, text, kind });
  if (toasts.length > 4) toasts.shift();
  setTimeout(() => dismiss(id), SHOWN_MS[kind]);
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((shown) => shown.id === id);
  if (at >= 0) toasts.splice(at, 1);
}
