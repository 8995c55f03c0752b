// A request's body as a conversation: what was said before, what is new, tool calls joined to their results.
import { blocksOf, breakpointOf, type Block, type CallBlock, type ResultBlock } from './blocks';
import { dict, isDict, jsonSize, list, text, type Dict } from './json';

export interface Message {
  /** Place in the request's `messages`; -1 for the answer. */
  at: number;
  role: string;
  blocks: Block[];
  raw: unknown;
}

export interface Tool {
  name: string;
  description: string;
  /** Bytes as compact JSON. */
  size: number;
  breakpoint: string | null;
  raw: unknown;
}

export interface Breakpoint {
  /** `tools[3]`, `system[1]`, `messages[4].content[0]` */
  where: string;
  lifetime: string;
}

export interface Conversation {
  system: Block[];
  tools: Tool[];
  messages: Message[];
  breakpoints: Breakpoint[];
  /** All other fields of the body, in their order. */
  parameters: [name: string, value: unknown][];
}

const OWN_SECTIONS = new Set(['system', 'tools', 'messages']);

/** The conversation in a request's body; null if it is none of the Messages API's. */
export function conversationOf(body: unknown): Conversation | null {
  if (!isDict(body) || !Array.isArray(body['messages'])) return null;
  return {
    system: blocksOf(body['system']),
    tools: list(body['tools']).map(toolOf),
    messages: body['messages'].map(messageOf),
    breakpoints: breakpointsOf(body),
    parameters: Object.entries(body).filter(([name]) => !OWN_SECTIONS.has(name)),
  };
}

export function messageOf(raw: unknown, at: number): Message {
  const message = dict(raw);
  return { at, role: text(message['role']) || 'unknown', blocks: blocksOf(message['content']), raw };
}

function toolOf(raw: unknown): Tool {
  const tool = dict(raw);
  return {
    name: text(tool['name']) || text(tool['type']) || '?',
    description: text(tool['description']),
    size: jsonSize(raw),
    breakpoint: breakpointOf(raw),
    raw,
  };
}

/**
 * Where the news begin: behind the last message of the assistant, which the client had from an earlier answer. Before
 * it everything is known already. The first request of a conversation is all new.
 */
export function firstNew(messages: Message[]): number {
  const last = messages.findLastIndex((message) => message.role === 'assistant');
  // A prefilled answer at the very end is what the reader looks for.
  if (last === messages.length - 1) return Math.max(0, last - 1);
  // The call that the newest results answer stays with them.
  const next = messages[last + 1];
  return last >= 0 && next?.blocks.some((block) => block.kind === 'result') ? last : last + 1;
}

/** Results by the id of the call that they answer, over all messages. */
export function resultsByCall(messages: Message[]): Map<string, ResultBlock> {
  const results = new Map<string, ResultBlock>();
  for (const block of messages.flatMap((message) => message.blocks)) {
    if (block.kind === 'result' && block.callId) results.set(block.callId, block);
  }
  return results;
}

/** Calls by their id, over all messages. */
export function callsById(messages: Message[]): Map<string, CallBlock> {
  const calls = new Map<string, CallBlock>();
  for (const block of messages.flatMap((message) => message.blocks)) {
    if (block.kind === 'call' && block.id) calls.set(block.id, block);
  }
  return calls;
}

/** The cache breakpoints in the order in which the prefix is built: tools, system, messages. */
function breakpointsOf(body: Dict): Breakpoint[] {
  const found: Breakpoint[] = [];
  const look = (raw: unknown, where: string): void => {
    const lifetime = breakpointOf(raw);
    if (lifetime) found.push({ where, lifetime });
  };
  look(body, 'cache_control');
  list(body['tools']).forEach((tool, i) => look(tool, `tools[${i}]`));
  list(body['system']).forEach((block, i) => look(block, `system[${i}]`));
  list(body['messages']).forEach((message, i) =>
    list(dict(message)['content']).forEach((block, j) => {
      look(block, `messages[${i}].content[${j}]`);
      list(dict(block)['content']).forEach((inner, k) =>
        look(inner, `messages[${i}].content[${j}].content[${k}]`),
      );
    }),
  );
  return found;
}
