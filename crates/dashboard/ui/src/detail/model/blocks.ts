// The blocks of a message's content in one shape, whatever the API's own was. Nothing is dropped: what is not known by
// name keeps its JSON.
import { dict, isDict, list, pretty, text, type Dict } from './json';

export type Block =
  | { kind: 'text'; text: string; cited: number; raw: unknown }
  | { kind: 'thinking'; text: string; redacted: boolean; raw: unknown }
  | {
      kind: 'call';
      id: string;
      name: string;
      input: unknown;
      partial: string | null;
      server: boolean;
      raw: unknown;
    }
  | { kind: 'result'; callId: string; name: string; failed: boolean; content: Block[]; raw: unknown }
  | { kind: 'image'; mediaType: string; data: string; raw: unknown }
  | { kind: 'unknown'; name: string; raw: unknown };

export type CallBlock = Extract<Block, { kind: 'call' }>;
export type ResultBlock = Extract<Block, { kind: 'result' }>;

const SHOWN_IMAGES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/** The blocks of a `content` (or `system`) field: a string, an array of blocks, or something else. */
export function blocksOf(content: unknown): Block[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return content === '' ? [] : [plain(content)];
  if (Array.isArray(content)) return content.map(blockOf);
  return [blockOf(content)];
}

export function blockOf(raw: unknown): Block {
  if (typeof raw === 'string') return plain(raw);
  if (!isDict(raw)) return { kind: 'unknown', name: typeof raw, raw };
  const type = text(raw['type']);
  if (type === 'text' && typeof raw['text'] === 'string') {
    return { kind: 'text', text: raw['text'], cited: list(raw['citations']).length, raw };
  }
  if (type === 'thinking') return { kind: 'thinking', text: text(raw['thinking']), redacted: false, raw };
  if (type === 'redacted_thinking') return { kind: 'thinking', text: '', redacted: true, raw };
  if (type === 'image') return imageOf(raw);
  if (/(^|_)tool_use$/.test(type)) return callOf(raw, type !== 'tool_use');
  if (/(^|_)tool_result$/.test(type)) return resultOf(raw, type);
  return { kind: 'unknown', name: type || 'object', raw };
}

function plain(value: string): Block {
  return { kind: 'text', text: value, cited: 0, raw: { type: 'text', text: value } };
}

function callOf(raw: Dict, server: boolean): Block {
  return {
    kind: 'call',
    id: text(raw['id']),
    name: text(raw['name']) || text(raw['type']),
    input: raw['input'] ?? {},
    partial: null,
    server,
    raw,
  };
}

function resultOf(raw: Dict, type: string): Block {
  const content = raw['content'];
  const failed = raw['is_error'] === true || /error$/.test(text(dict(content)['type']));
  return {
    kind: 'result',
    callId: text(raw['tool_use_id']),
    name: type,
    failed,
    content: blocksOf(content),
    raw,
  };
}

/** Only pictures that travel inside the body are shown; a link would tell its server that someone reads this. */
function imageOf(raw: Dict): Block {
  const source = dict(raw['source']);
  const mediaType = text(source['media_type']);
  const data = text(source['data']);
  const safe = source['type'] === 'base64' && SHOWN_IMAGES.has(mediaType) && /^[A-Za-z0-9+/=\s]+$/.test(data);
  return safe ? { kind: 'image', mediaType, data, raw } : { kind: 'unknown', name: 'image', raw };
}

/** The lifetime of a block's cache breakpoint (`5m` unless it names another), or null if it has none. */
export function breakpointOf(raw: unknown): string | null {
  const control = dict(raw)['cache_control'];
  return isDict(control) ? text(control['ttl']) || '5m' : null;
}

/** A block as text for reading and copying. */
export function blockText(block: Block): string {
  switch (block.kind) {
    case 'text':
    case 'thinking':
      return block.text;
    case 'call':
      return `${block.name} ${block.partial ?? pretty(block.input)}`;
    case 'result':
      return block.content.map(blockText).join('\n');
    case 'image':
      return `[${block.mediaType}]`;
    case 'unknown':
      return pretty(block.raw);
  }
}

/** The first words, on one line. */
export function excerpt(value: string, length = 90): string {
  const line = value
    .slice(0, length * 4)
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
