/**
 * Reads the columns in which chunks come out of the WebAssembly module (src/batch.rs, whose table this mirrors).
 *
 * The hot path: two texts per batch, cut by lengths; every object is a literal, so that each kind of chunk has one hidden
 * class, and a member that a chunk does not have is absent, not `undefined`. Whoever needs no objects makes none.
 */

import type { MalformedFrame, StreamChunk } from "../types/index.js";

/** Rows as they came, in the order of the stream. */
export interface Batch {
  readonly words: Uint32Array;
  /** What they say. */
  readonly text: string;
  /** The blocks and event ids of deltas. */
  readonly names: string;
  /** How long what it holds beside deltas is, in code units: much of it is of no use for long. */
  readonly others: number;
}

/** What a delta is of. */
export const enum Sort {
  Legacy = 0,
  Text = 1 << 4,
  Reasoning = 2 << 4,
  ToolInput = 3 << 4,
}

/** Hears what a batch holds. */
export interface Rows {
  /** Adjacent deltas of one block; `block` is empty where it has no name. */
  run(sort: Sort, block: string, text: string): void;
  /** Any other chunk; `{type: "stream_reset"}` where everything before became void. */
  chunk(chunk: StreamChunk): void;
}

const KIND = 0xf;
const DELTA = 0;
const JSON_ARRAY = 1;
const MALFORMED = 2;
const RESET = 3;
const TOOL = 4;

const SORT = 0xf0;
/** Where the length of an id stands. */
const ID = 16;
const REPLAYED = 1 << 9;
const NEW_BLOCK = 1 << 10;

const OUTPUT = 1 << 4;
const NAMED = 1 << 10;

const REASONS = ["not JSON", "no string type"];

/** Whether everything before it became void: nothing that did is left to stand before the mark. */
export function hasReset({ words }: Batch): boolean {
  return ((words[0] ?? DELTA) & KIND) === RESET;
}

/** Makes the chunks of a batch; `{type: "stream_reset"}` where everything before became void. */
export function chunksOf(batch: Batch): StreamChunk[] {
  return new ChunkReader(batch).take(Infinity);
}

/** Makes the chunks of a batch as they are asked for, so that those of before may be forgotten. */
export class ChunkReader {
  readonly #batch: Batch;
  #block = "";
  #at = 0;
  #name = 0;
  #word = 0;
  /** Of a JSON array, and how many of them were given. */
  #parsed: StreamChunk[] = [];
  #given = 0;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /** The next ones, `most` at most; none at the end. */
  take(most: number): StreamChunk[] {
    const chunks: StreamChunk[] = [];
    while (chunks.length < most) {
      const chunk = this.next();
      if (!chunk) break;
      chunks.push(chunk);
    }
    return chunks;
  }

  /** The next one; `undefined` at the end. */
  next(): StreamChunk | undefined {
    if (this.#given < this.#parsed.length) return this.#parsed[this.#given++];
    const { words, text, names } = this.#batch;
    while (this.#word < words.length) {
      const head = words[this.#word++] as number;
      if ((head & KIND) === DELTA) {
        if (head & NEW_BLOCK) this.#block = names.slice(this.#name, (this.#name += words[this.#word++] as number));
        const content = text.slice(this.#at, (this.#at += words[this.#word++] as number));
        const eventId = head >>> ID === 0 ? undefined : names.slice(this.#name, (this.#name += head >>> ID));
        return delta(head, content, this.#block, eventId);
      }
      if ((head & KIND) === JSON_ARRAY) {
        const length = words[this.#word + 1] as number;
        this.#parsed = arrayAt(text, this.#at, length);
        this.#given = 1;
        this.#at += length;
        this.#word += 2;
        return this.#parsed[0];
      }
      if ((head & KIND) === TOOL) {
        const chunk = toolAt(this.#batch, head, this.#word, this.#at, this.#name);
        this.#name += unitsOfNames(words, head, this.#word);
        this.#word += wordsOfNames(head);
        this.#at += words[this.#word++] as number;
        return chunk;
      }
      if ((head & KIND) === RESET) return { type: "stream_reset" };
      this.#at += words[this.#word++] as number;
    }
    return undefined;
  }
}

/** Tells of a batch without making objects of its deltas. */
export function readRows(batch: Batch, rows: Rows): void {
  const { words, text, names } = batch;
  const length = words.length;
  let block = "";
  let at = 0;
  let name = 0;
  let word = 0;
  while (word < length) {
    const head = words[word++] as number;
    if ((head & KIND) === DELTA) {
      if (head & NEW_BLOCK) block = names.slice(name, (name += words[word++] as number));
      name += head >>> ID;
      const start = at;
      at += words[word++] as number;
      while (word < length && continues(words[word] as number, head)) {
        name += (words[word] as number) >>> ID;
        at += words[word + 1] as number;
        word += 2;
      }
      rows.run(head & SORT, block, text.slice(start, at));
    } else if ((head & KIND) === JSON_ARRAY) {
      for (const chunk of arrayAt(text, at, words[word + 1] as number)) rows.chunk(chunk);
      at += words[word + 1] as number;
      word += 2;
    } else if ((head & KIND) === TOOL) {
      rows.chunk(toolAt(batch, head, word, at, name));
      name += unitsOfNames(words, head, word);
      word += wordsOfNames(head);
      at += words[word++] as number;
    } else if ((head & KIND) === MALFORMED) {
      at += words[word++] as number;
    } else {
      rows.chunk({ type: "stream_reset" });
    }
  }
}

/** The frames of a batch that are no chunk. */
export function malformedOf({ words, text }: Batch): MalformedFrame[] {
  const malformed: MalformedFrame[] = [];
  let at = 0;
  let word = 0;
  while (word < words.length) {
    const head = words[word++] as number;
    if ((head & KIND) === DELTA && head & NEW_BLOCK) word++;
    if ((head & KIND) === JSON_ARRAY) word++;
    if ((head & KIND) === TOOL) word += wordsOfNames(head);
    const start = at;
    if ((head & KIND) !== RESET) at += words[word++] as number;
    if ((head & KIND) === MALFORMED) malformed.push({ data: text.slice(start, at), reason: REASONS[(head & SORT) >> 4] as string });
  }
  return malformed;
}

/** Whether a row is a delta of the same sort and block as the one before. */
function continues(head: number, before: number): boolean {
  return (head & (KIND | SORT | NEW_BLOCK)) === (before & (KIND | SORT));
}

function arrayAt(text: string, at: number, length: number): StreamChunk[] {
  return JSON.parse(text.slice(at, at + length)) as StreamChunk[];
}

/** A tool's row, whose lengths stand at `word`, its payload at `at`, its names at `name`. */
function toolAt({ words, text, names }: Batch, head: number, word: number, at: number, name: number): StreamChunk {
  let end = name + (words[word] as number);
  const tool_id = names.slice(name, end);
  const tool_name = head & NAMED ? names.slice(end, (end += words[word + 1] as number)) : undefined;
  const payload: unknown = JSON.parse(text.slice(at, at + (words[word + wordsOfNames(head)] as number)));
  const chunk = tool(head, tool_id, tool_name, payload);
  if (head >>> ID) chunk.eventId = names.slice(end, end + (head >>> ID));
  if (head & REPLAYED) chunk.replayed = true;
  return chunk;
}

function wordsOfNames(head: number): number {
  return head & NAMED ? 2 : 1;
}

function unitsOfNames(words: Uint32Array, head: number, word: number): number {
  return (words[word] as number) + (head & NAMED ? (words[word + 1] as number) : 0) + (head >>> ID);
}

function tool(head: number, tool_id: string, tool_name: string | undefined, payload: unknown): StreamChunk {
  if (!(head & OUTPUT)) return { type: "tool_call_start", tool_id, tool_name: tool_name as string, arguments: payload };
  if (tool_name === undefined) return { type: "tool_response", tool_id, result: payload, success: true };
  return { type: "tool_response", tool_id, tool_name, result: payload, success: true };
}

/** Also what is replayed is made with all its members at once: one more would be kept apart from the others. */
function delta(head: number, content: string, block: string, eventId: string | undefined): StreamChunk {
  const sort = head & SORT;
  if (eventId === undefined) return unnumbered(head, content, block);
  if (head & REPLAYED) return replayed(sort, content, block, eventId);
  switch (sort) {
    case Sort.Legacy:
      return { type: "text_chunk", content, eventId };
    case Sort.Text:
      return { type: "text_chunk", content, blockId: block, eventId };
    case Sort.Reasoning:
      return { type: "reasoning-delta", id: block, delta: content, eventId };
    default:
      return { type: "tool-input-delta", toolCallId: block, inputTextDelta: content, eventId };
  }
}

function replayed(sort: Sort, content: string, block: string, eventId: string): StreamChunk {
  switch (sort) {
    case Sort.Legacy:
      return { type: "text_chunk", content, eventId, replayed: true };
    case Sort.Text:
      return { type: "text_chunk", content, blockId: block, eventId, replayed: true };
    case Sort.Reasoning:
      return { type: "reasoning-delta", id: block, delta: content, eventId, replayed: true };
    default:
      return { type: "tool-input-delta", toolCallId: block, inputTextDelta: content, eventId, replayed: true };
  }
}

/** Of a backend that numbers nothing. */
function unnumbered(head: number, content: string, block: string): StreamChunk {
  const chunk = bare(head & SORT, content, block);
  if (head & REPLAYED) chunk.replayed = true;
  return chunk;
}

function bare(sort: Sort, content: string, block: string): StreamChunk {
  switch (sort) {
    case Sort.Legacy:
      return { type: "text_chunk", content };
    case Sort.Text:
      return { type: "text_chunk", content, blockId: block };
    case Sort.Reasoning:
      return { type: "reasoning-delta", id: block, delta: content };
    default:
      return { type: "tool-input-delta", toolCallId: block, inputTextDelta: content };
  }
}
