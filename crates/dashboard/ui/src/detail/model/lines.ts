// What an edit changes, line by line: the lines that both texts share at the start and at the end, and between them
// what goes and what comes. Enough for the short pieces that editing tools send.

export interface Change {
  kind: 'same' | 'removed' | 'added';
  text: string;
}

export function changes(before: string, after: string): Change[] {
  const old = before.split('\n');
  const now = after.split('\n');
  const most = Math.min(old.length, now.length);
  let start = 0;
  while (start < most && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < most - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const parts: [Change['kind'], string[]][] = [
    ['same', old.slice(0, start)],
    ['removed', old.slice(start, old.length - end)],
    ['added', now.slice(start, now.length - end)],
    ['same', old.slice(old.length - end)],
  ];
  return parts
    .filter(([, lines]) => lines.length > 0)
    .map(([kind, lines]) => ({ kind, text: lines.join('\n') }));
}
