// An answer put together from its events as they come. It reads each event once and never fails: what cannot be read
// is left out here and stays visible in the Stream tab.
import { blockOf, type Block } from './blocks';
import { dict, isDict, text, tryParse, type Dict } from './json';
import type { StreamChunk } from '../../lib/types';

interface Open {
  raw: Dict;
  /** Pieces of a tool's input, not yet whole JSON. */
  input: string;
  done: boolean;
}

export interface Answer {
  role: string;
  model: string;
  blocks: Block[];
  /** Which of `blocks` still grows, by place. */
  growing: Set<number>;
  usage: Dict;
  stopReason: string | null;
  ended: boolean;
  error: string | null;
}

const APPENDED: Record<string, string> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'signature',
};

export class Assembler {
  #message: Dict = {};
  #open = new Map<number, Open>();
  #usage: Dict = {};
  #stop: string | null = null;
  #ended = false;
  #error: string | null = null;
  #read = 0;

  /** How many events were taken in. */
  get read(): number {
    return this.#read;
  }

  /** Takes in those of all `events` that are new since the last call. */
  follow(events: StreamChunk[]): void {
    while (this.#read < events.length) this.#take(events[this.#read++]!);
  }

  answer(): Answer {
    const places = [...this.#open.keys()].sort((a, b) => a - b);
    const growing = new Set<number>();
    const blocks = places.map((place, i) => {
      const open = this.#open.get(place)!;
      if (!open.done) growing.add(i);
      return finished(open);
    });
    return {
      role: text(this.#message['role']) || 'assistant',
      model: text(this.#message['model']),
      blocks,
      growing,
      usage: this.#usage,
      stopReason: this.#stop,
      ended: this.#ended,
      error: this.#error,
    };
  }

  #take(chunk: StreamChunk): void {
    const event = dict(tryParse(chunk.data));
    switch (text(event['type'])) {
      case 'message_start':
        this.#message = dict(event['message']);
        this.#usage = { ...dict(this.#message['usage']) };
        return;
      case 'content_block_start':
        this.#open.set(place(event), { raw: { ...dict(event['content_block']) }, input: '', done: false });
        return;
      case 'content_block_delta':
        this.#grow(place(event), dict(event['delta']));
        return;
      case 'content_block_stop': {
        const open = this.#open.get(place(event));
        if (open) open.done = true;
        return;
      }
      case 'message_delta':
        // Cumulative: later figures replace earlier ones.
        Object.assign(this.#usage, dict(event['usage']));
        this.#stop = text(dict(event['delta'])['stop_reason']) || this.#stop;
        return;
      case 'message_stop':
        this.#ended = true;
        return;
      case 'error':
        this.#error = text(dict(event['error'])['message']) || chunk.data;
    }
  }

  #grow(at: number, delta: Dict): void {
    const type = text(delta['type']);
    const open = this.#open.get(at) ?? { raw: {}, input: '', done: false };
    this.#open.set(at, open);
    const field = APPENDED[type];
    if (field) open.raw[field] = text(open.raw[field]) + text(delta[field]);
    else if (type === 'input_json_delta') open.input += text(delta['partial_json']);
    else if (type === 'citations_delta') {
      const cited = open.raw['citations'];
      open.raw['citations'] = [...(Array.isArray(cited) ? cited : []), delta['citation']];
    } else if (type === 'compaction_delta')
      open.raw['content'] = text(open.raw['content']) + text(delta['content']);
  }
}

function place(event: Dict): number {
  return typeof event['index'] === 'number' ? event['index'] : 0;
}

function finished({ raw, input }: Open): Block {
  if (input === '') return blockOf({ ...raw });
  const parsed = tryParse(input);
  const block = blockOf({ ...raw, ...(isDict(parsed) ? { input: parsed } : {}) });
  return block.kind === 'call' && parsed === undefined ? { ...block, partial: input } : block;
}
