/**
 * Reads batches, in which the WebAssembly module hands over chunks (`src/stream/batch.rs` describes the layout).
 *
 * This is the hot path. A batch has two texts, which are cut by lengths. Every chunk is an object literal, so that the engine
 * has one hidden class for each kind of chunk. A property that a chunk does not have is absent and not `undefined`. A reader
 * that needs no objects uses `readRows`, which creates none for deltas.
 */

import { Defect, DeltaFlag, DeltaSort, RowBits, RowKind, ToolFlag } from "../loader/generated.js";
import type { MalformedFrame, StreamChunk } from "../types/index.js";

/** Rows in the order of the stream, in the layout of the module. */
export interface Batch {
  /** For each row its kind and flags, followed by lengths. */
  readonly words: Uint32Array;
  /** The texts of all rows, one after the other. */
  readonly text: string;
  /** The block ids, event ids and names of all rows, one after the other. */
  readonly names: string;
  /** The length of the text of all rows that are not deltas, in UTF-16 code units. A history drops much of that text early. */
  readonly others: number;
}

/** Receives the content of a batch from `readRows`. */
export interface Rows {
  /** Receives the text of adjacent deltas of one block. `block` is empty if the block has no id. */
  run(sort: DeltaSort, block: string, text: string): void;
  /** Receives any other chunk. It is `{type: "stream_reset"}` if all earlier rows are no longer valid. */
  chunk(chunk: StreamChunk): void;
}

const REASONS: Record<Defect, MalformedFrame["reason"]> = { [Defect.NotJson]: "not JSON", [Defect.NoType]: "no string type" };

/** Returns whether the batch voids everything before it. The module puts a reset only at the beginning of a batch. */
export function hasReset({ words }: Batch): boolean {
  return ((words[0] ?? RowKind.Delta) & RowBits.Kind) === RowKind.Reset;
}

/** Returns all chunks of a batch. A reset is the chunk `{type: "stream_reset"}`. */
export function chunksOf(batch: Batch): StreamChunk[] {
  return new ChunkReader(batch).take(Infinity);
}

/** Creates the chunks of a batch on demand, so that earlier ones can be collected before later ones exist. */
export class ChunkReader {
  readonly #batch: Batch;
  #block = "";
  #at = 0;
  #name = 0;
  #word = 0;
  /** The chunks of the last JSON array, and how many of them `next` has returned. */
  #parsed: StreamChunk[] = [];
  #given = 0;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /** Returns the next chunks, up to `most` of them. The list is empty at the end. */
  take(most: number): StreamChunk[] {
    const chunks: StreamChunk[] = [];
    while (chunks.length < most) {
      const chunk = this.next();
      if (!chunk) break;
      chunks.push(chunk);
    }
    return chunks;
  }

  /** Returns the next chunk, or undefined at the end. */
  next(): StreamChunk | undefined {
    if (this.#given < this.#parsed.length) return this.#parsed[this.#given++];
    const { words, text, names } = this.#batch;
    while (this.#word < words.length) {
      const head = words[this.#word++] as number;
      if ((head & RowBits.Kind) === RowKind.Delta) {
        if (head & DeltaFlag.NewBlock) this.#block = names.slice(this.#name, (this.#name += words[this.#word++] as number));
        const content = text.slice(this.#at, (this.#at += words[this.#word++] as number));
        const eventId = head >>> RowBits.IdShift === 0 ? undefined : names.slice(this.#name, (this.#name += head >>> RowBits.IdShift));
        return delta(head, content, this.#block, eventId);
      }
      if ((head & RowBits.Kind) === RowKind.Json) {
        const length = words[this.#word + 1] as number;
        this.#parsed = arrayAt(text, this.#at, length);
        this.#given = 1;
        this.#at += length;
        this.#word += 2;
        return this.#parsed[0];
      }
      if ((head & RowBits.Kind) === RowKind.Tool) {
        const chunk = toolAt(this.#batch, head, this.#word, this.#at, this.#name);
        this.#name += unitsOfNames(words, head, this.#word);
        this.#word += wordsOfNames(head);
        this.#at += words[this.#word++] as number;
        return chunk;
      }
      if ((head & RowBits.Kind) === RowKind.Reset) return { type: "stream_reset" };
      this.#at += words[this.#word++] as number;
    }
    return undefined;
  }
}

/** Passes the content of a batch to `rows` without creating objects for its deltas. */
export function readRows(batch: Batch, rows: Rows): void {
  const { words, text, names } = batch;
  const length = words.length;
  let block = "";
  let at = 0;
  let name = 0;
  let word = 0;
  while (word < length) {
    const head = words[word++] as number;
    if ((head & RowBits.Kind) === RowKind.Delta) {
      if (head & DeltaFlag.NewBlock) block = names.slice(name, (name += words[word++] as number));
      name += head >>> RowBits.IdShift;
      const start = at;
      at += words[word++] as number;
      while (word < length && continues(words[word] as number, head)) {
        name += (words[word] as number) >>> RowBits.IdShift;
        at += words[word + 1] as number;
        word += 2;
      }
      rows.run(head & RowBits.Sort, block, text.slice(start, at));
    } else if ((head & RowBits.Kind) === RowKind.Json) {
      for (const chunk of arrayAt(text, at, words[word + 1] as number)) rows.chunk(chunk);
      at += words[word + 1] as number;
      word += 2;
    } else if ((head & RowBits.Kind) === RowKind.Tool) {
      rows.chunk(toolAt(batch, head, word, at, name));
      name += unitsOfNames(words, head, word);
      word += wordsOfNames(head);
      at += words[word++] as number;
    } else if ((head & RowBits.Kind) === RowKind.Malformed) {
      at += words[word++] as number;
    } else {
      rows.chunk({ type: "stream_reset" });
    }
  }
}

/** Returns the events of a batch whose data is not a chunk. */
export function malformedOf({ words, text }: Batch): MalformedFrame[] {
  const malformed: MalformedFrame[] = [];
  let at = 0;
  let word = 0;
  while (word < words.length) {
    const head = words[word++] as number;
    if ((head & RowBits.Kind) === RowKind.Delta && head & DeltaFlag.NewBlock) word++;
    if ((head & RowBits.Kind) === RowKind.Json) word++;
    if ((head & RowBits.Kind) === RowKind.Tool) word += wordsOfNames(head);
    const start = at;
    if ((head & RowBits.Kind) !== RowKind.Reset) at += words[word++] as number;
    if ((head & RowBits.Kind) === RowKind.Malformed) malformed.push({ data: text.slice(start, at), reason: REASONS[(head & RowBits.Sort) as Defect] });
  }
  return malformed;
}

/** Returns whether a row is a delta of the same sort and the same block as the one before. */
function continues(head: number, before: number): boolean {
  return (head & (RowBits.Kind | RowBits.Sort | DeltaFlag.NewBlock)) === (before & (RowBits.Kind | RowBits.Sort));
}

function arrayAt(text: string, at: number, length: number): StreamChunk[] {
  return JSON.parse(text.slice(at, at + length)) as StreamChunk[];
}

/**
 * Creates the chunk of a tool's row. `word` is the place of its lengths, `at` that of its payload, `name` that of its names.
 */
function toolAt({ words, text, names }: Batch, head: number, word: number, at: number, name: number): StreamChunk {
  let end = name + (words[word] as number);
  const tool_id = names.slice(name, end);
  const tool_name = head & ToolFlag.Named ? names.slice(end, (end += words[word + 1] as number)) : undefined;
  const payload: unknown = JSON.parse(text.slice(at, at + (words[word + wordsOfNames(head)] as number)));
  const chunk = tool(head, tool_id, tool_name, payload);
  if (head >>> RowBits.IdShift) chunk.eventId = names.slice(end, end + (head >>> RowBits.IdShift));
  if (head & RowBits.Replayed) chunk.replayed = true;
  return chunk;
}

function wordsOfNames(head: number): number {
  return head & ToolFlag.Named ? 2 : 1;
}

function unitsOfNames(words: Uint32Array, head: number, word: number): number {
  return (words[word] as number) + (head & ToolFlag.Named ? (words[word + 1] as number) : 0) + (head >>> RowBits.IdShift);
}

function tool(head: number, tool_id: string, tool_name: string | undefined, payload: unknown): StreamChunk {
  if (!(head & ToolFlag.Output)) return { type: "tool_call_start", tool_id, tool_name: tool_name as string, arguments: payload };
  if (tool_name === undefined) return { type: "tool_response", tool_id, result: payload, success: true };
  return { type: "tool_response", tool_id, tool_name, result: payload, success: true };
}

/** Creates the chunk of a delta as one literal. A property that is added later would give it another hidden class. */
function delta(head: number, content: string, block: string, eventId: string | undefined): StreamChunk {
  const sort = head & RowBits.Sort;
  if (eventId === undefined) return unnumbered(head, content, block);
  if (head & RowBits.Replayed) return replayed(sort, content, block, eventId);
  switch (sort) {
    case DeltaSort.Legacy:
      return { type: "text_chunk", content, eventId };
    case DeltaSort.Text:
      return { type: "text_chunk", content, blockId: block, eventId };
    case DeltaSort.Reasoning:
      return { type: "reasoning-delta", id: block, delta: content, eventId };
    default:
      return { type: "tool-input-delta", toolCallId: block, inputTextDelta: content, eventId };
  }
}

function replayed(sort: DeltaSort, content: string, block: string, eventId: string): StreamChunk {
  switch (sort) {
    case DeltaSort.Legacy:
      return { type: "text_chunk", content, eventId, replayed: true };
    case DeltaSort.Text:
      return { type: "text_chunk", content, blockId: block, eventId, replayed: true };
    case DeltaSort.Reasoning:
      return { type: "reasoning-delta", id: block, delta: content, eventId, replayed: true };
    default:
      return { type: "tool-input-delta", toolCallId: block, inputTextDelta: content, eventId, replayed: true };
  }
}

/** Creates the chunk of a delta whose event has no id. */
function unnumbered(head: number, content: string, block: string): StreamChunk {
  const chunk = bare(head & RowBits.Sort, content, block);
  if (head & RowBits.Replayed) chunk.replayed = true;
  return chunk;
}

function bare(sort: DeltaSort, content: string, block: string): StreamChunk {
  switch (sort) {
    case DeltaSort.Legacy:
      return { type: "text_chunk", content };
    case DeltaSort.Text:
      return { type: "text_chunk", content, blockId: block };
    case DeltaSort.Reasoning:
      return { type: "reasoning-delta", id: block, delta: content };
    default:
      return { type: "tool-input-delta", toolCallId: block, inputTextDelta: content };
  }
}
