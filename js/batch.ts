/**
 * Reads the columns in which chunks come out of the WebAssembly module (src/batch.rs, whose table this mirrors).
 *
 * The hot path: two texts per batch, cut by lengths; every object is a literal, so that each kind of chunk has one hidden
 * class, and a member that a chunk does not have is absent, not `undefined`. Whoever needs no objects makes none.
 */

import type { MalformedFrame, StreamChunk } from "./types.js";

/** Rows as they came, in the order of the stream. */
export interface Batch {
  readonly words: Uint32Array;
  /** What they say. */
  readonly text: string;
  /** The blocks and event ids of deltas. */
  readonly names: string;
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

const SORT = 0xf0;
/** Where the length of an id stands. */
const ID = 16;
const REPLAYED = 1 << 9;
const NEW_BLOCK = 1 << 10;

const REASONS = ["not JSON", "no string type"];

/** Whether everything before it became void. */
export function hasReset({ words }: Batch): boolean {
  let found = false;
  eachRow(words, (head) => (found ||= (head & KIND) > MALFORMED));
  return found;
}

/** How long what it holds beside deltas is, in code units: much of it is of no use for long. */
export function lengthOfObjects({ words }: Batch): number {
  let length = 0;
  eachRow(words, (head, units) => (length += (head & KIND) === DELTA ? 0 : units));
  return length;
}

/** Calls with the first word of each row and the length of its text. */
function eachRow(words: Uint32Array, row: (head: number, units: number) => void): void {
  for (let word = 0; word < words.length; ) {
    const head = words[word++] as number;
    if ((head & KIND) === JSON_ARRAY || ((head & KIND) === DELTA && head & NEW_BLOCK)) word++;
    row(head, (head & KIND) > MALFORMED ? 0 : (words[word++] as number));
  }
}

/** Makes the chunks of a batch; `{type: "stream_reset"}` where everything before became void. */
export function chunksOf(batch: Batch): StreamChunk[] {
  return new ChunkReader(batch).take(Infinity);
}

/** Makes the chunks of a batch in parts, so that those of one part are forgotten when the next is made. */
export class ChunkReader {
  readonly #batch: Batch;
  #block = "";
  #at = 0;
  #name = 0;
  #word = 0;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /** The next ones, `most` or a few more; none at the end. */
  take(most: number): StreamChunk[] {
    const chunks: StreamChunk[] = [];
    const { words, text, names } = this.#batch;
    const length = words.length;
    let block = this.#block;
    let at = this.#at;
    let name = this.#name;
    let word = this.#word;
    while (word < length && chunks.length < most) {
      const head = words[word++] as number;
      if ((head & KIND) === DELTA) {
        if (head & NEW_BLOCK) block = names.slice(name, (name += words[word++] as number));
        const content = text.slice(at, (at += words[word++] as number));
        const eventId = head >>> ID === 0 ? undefined : names.slice(name, (name += head >>> ID));
        const chunk = delta(head & SORT, content, block, eventId);
        if (head & REPLAYED) chunk.replayed = true;
        chunks.push(chunk);
      } else if ((head & KIND) === JSON_ARRAY) {
        for (const chunk of arrayAt(text, at, words[word + 1] as number)) chunks.push(chunk);
        at += words[word + 1] as number;
        word += 2;
      } else if ((head & KIND) === MALFORMED) {
        at += words[word++] as number;
      } else {
        chunks.push({ type: "stream_reset" });
      }
    }
    this.#block = block;
    this.#at = at;
    this.#name = name;
    this.#word = word;
    return chunks;
  }
}

/** Tells of a batch without making objects of its deltas. */
export function readRows({ words, text, names }: Batch, rows: Rows): void {
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
    const start = at;
    if ((head & KIND) <= MALFORMED) at += words[word++] as number;
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

function delta(sort: Sort, content: string, block: string, eventId: string | undefined): StreamChunk {
  switch (sort) {
    case Sort.Legacy:
      return eventId === undefined ? { type: "text_chunk", content } : { type: "text_chunk", content, eventId };
    case Sort.Text:
      return eventId === undefined
        ? { type: "text_chunk", content, blockId: block }
        : { type: "text_chunk", content, blockId: block, eventId };
    case Sort.Reasoning:
      return eventId === undefined
        ? { type: "reasoning-delta", id: block, delta: content }
        : { type: "reasoning-delta", id: block, delta: content, eventId };
    default:
      return eventId === undefined
        ? { type: "tool-input-delta", toolCallId: block, inputTextDelta: content }
        : { type: "tool-input-delta", toolCallId: block, inputTextDelta: content, eventId };
  }
}
