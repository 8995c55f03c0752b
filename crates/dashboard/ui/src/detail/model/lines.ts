// What an edit changes, line by line.
import { diffLines } from 'diff';

export interface Change {
  kind: 'same' | 'removed' | 'added';
  text: string;
}

/** Longer texts are shown as removed and added as a whole: a diff of them would freeze the page. */
const LIMIT = 100_000;

export function changes(before: string, after: string): Change[] {
  const whole: Change[] = [
    { kind: 'removed', text: before },
    { kind: 'added', text: after },
  ];
  if (before.length + after.length > LIMIT) return whole;
  // Both end in a newline, so that a last line without one counts as the same line.
  const parts = diffLines(`${before}\n`, `${after}\n`, { timeout: 200 });
  if (!parts) return whole;
  return parts.map(({ added, removed, value }) => ({
    kind: added ? 'added' : removed ? 'removed' : 'same',
    text: value.replace(/\n$/, ''),
  }));
}
