/**
 * Reads the columns in which chunks come out of the WebAssembly module; src/stream/batch.rs has their table.
 *
 * The hot path: two texts per batch, cut by lengths; every object is a literal, so that each kind of chunk has one hidden
 * class, and a member that a chunk does not have is absent, not `undefined`. Whoever needs no objects makes none.
 */

import { Defect, DeltaFlag, DeltaSort, RowBits, RowKind, ToolFlag } from "../loader/constants.js";
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

/** Hears what a batch holds. */
export interface Rows {
  /** Adjacent deltas of one block; `block` is empty where it has no name. */
  run(sort: DeltaSort, block: string, text: string): void;
  /** Any other chunk; `{type: "stream_reset"}` where everything before became void. */
  chunk(chunk: StreamChunk): void;
}

const REASONS: Record<Defect, MalformedFrame["reason"]> = { [Defect.NotJson]: "not JSON", [Defect.NoType]: "no string type" };

/** Whether everything before it became void: nothing that did is left to stand before the mark. */
export function hasReset({ words }: Batch): boolean {
  return ((words[0] ?? RowKind.Delta) & RowBits.Kind) === RowKind.Reset;
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

/** The frames of a batch that are no chunk. */
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

/** Whether a row is a delta of the same sort and block as the one before. */
function continues(head: number, before: number): boolean {
  return (head & (RowBits.Kind | RowBits.Sort | DeltaFlag.NewBlock)) === (before & (RowBits.Kind | RowBits.Sort));
}

function arrayAt(text: string, at: number, length: number): StreamChunk[] {
  return JSON.parse(text.slice(at, at + length)) as StreamChunk[];
}

/** A tool's row, whose lengths stand at `word`, its payload at `at`, its names at `name`. */
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

/** Also what is replayed is made with all its members at once: one more would be kept apart from the others. */
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

/** Of a backend that numbers nothing. */
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
