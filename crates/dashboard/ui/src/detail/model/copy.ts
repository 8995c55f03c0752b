// What the copy buttons put on the clipboard: a call as cURL, a conversation as Markdown.
import { blockText, type Block } from './blocks';
import type { Message } from './conversation';
import { pretty } from './json';

type Header = readonly [string, string];

/** Set by the connection, not by whoever repeats the call. */
const OF_THE_CONNECTION = new Set([
  'host',
  'content-length',
  'connection',
  'accept-encoding',
  'transfer-encoding',
]);

export interface CurlCall {
  method: string;
  url: string;
  headers: readonly Header[];
  /** The body's text, or null if it has none or is not known. */
  body: string | null;
}

/** The call as a cURL command for a POSIX shell. Keys stand as variables, never as recorded. */
export function curl(call: CurlCall): string {
  const parts = [`curl ${quoted(call.url)}`];
  if (call.method !== 'GET' && !(call.method === 'POST' && call.body !== null)) {
    parts.push(call.method === 'HEAD' ? '--head' : `-X ${quoted(call.method)}`);
  }
  if (call.headers.some(([name]) => name.toLowerCase() === 'accept-encoding')) parts.push('--compressed');
  for (const [name, value] of call.headers) {
    if (!OF_THE_CONNECTION.has(name.toLowerCase())) parts.push(`-H ${header(name, value)}`);
  }
  if (call.body !== null && call.body !== '') parts.push(`--data-raw ${quoted(call.body)}`);
  return parts.join(' \\\n  ');
}

function header(name: string, value: string): string {
  switch (name.toLowerCase()) {
    case 'x-api-key':
      return `"${name}: $ANTHROPIC_API_KEY"`;
    case 'authorization':
      return `"${name}: Bearer $ANTHROPIC_AUTH_TOKEN"`;
    case 'cookie':
    case 'proxy-authorization':
      return `"${name}: $${name.toUpperCase().replaceAll('-', '_')}"`;
    default:
      return quoted(`${name}: ${value}`);
  }
}

/** `value` for a POSIX shell: nothing in single quotes means anything but a single quote. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Messages as Markdown, a heading each. */
export function markdown(messages: Pick<Message, 'role' | 'blocks'>[]): string {
  return messages
    .map(({ role, blocks }) => `## ${role}\n\n${blocks.map(markdownBlock).join('\n\n')}`)
    .join('\n\n');
}

function markdownBlock(block: Block): string {
  switch (block.kind) {
    case 'text':
      return block.text;
    case 'thinking':
      return quote(block.redacted ? '*redacted thinking*' : block.text);
    case 'call':
      return `**${block.name}**\n\n${fenced(block.partial ?? pretty(block.input), 'json')}`;
    case 'result':
      return `**→**\n\n${fenced(blockText(block), '')}`;
    case 'image':
      return `*${block.mediaType}*`;
    case 'unknown':
      return `*${block.name}*\n\n${fenced(pretty(block.raw), 'json')}`;
  }
}

function quote(value: string): string {
  return value.replace(/^/gm, '> ');
}

/** A fence longer than any inside. */
function fenced(value: string, language: string): string {
  const longest = Math.max(2, ...[...value.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${value}\n${fence}`;
}
