/**
 * The chunks of a stream so far, for late listeners. Adjacent deltas of a block are merged into one chunk, so that the memory that
 * it takes is proportional to the answer.
 */

import { chunksOf } from "../../chunks/batch.js";
import { isAfter } from "../../chunks/cursor.js";
import type { Batch } from "../../chunks/batch.js";
import type { StreamChunk } from "../../types/index.js";

type Delta = { type: string; blockId?: string; id?: string; toolCallId?: string; replayed?: true; eventId?: string } & {
  [text: string]: unknown;
};

/** The names of the member with the text and of the member with the block, by type. */
const DELTAS: Record<string, readonly [text: string, block: string]> = {
  text_chunk: ["content", "blockId"],
  "reasoning-delta": ["delta", "id"],
  "tool-input-delta": ["inputTextDelta", "toolCallId"],
};

/** The amount of other chunks, in code units, that is kept unmerged. */
const MOST_OTHERS = 4 * 1024 * 1024;

/** The ends of the deltas with an id within a merged chunk. */
interface Seams {
  readonly ids: string[];
  readonly ends: number[];
}

/** Chunks of one stream, merged. */
export class History {
  #chunks: StreamChunk[] = [];
  /** The seams of the chunks, by the same index. */
  #seams: Array<Seams | undefined> = [];
  /** Whether the last chunk is a private copy, which may grow. */
  #isOpen = false;
  /** The batches that are not merged yet. Most histories are never read, and unmerged deltas take less memory. */
  #fresh: Batch[] = [];
  #freshOthers = 0;

  /** Adds the next chunks. */
  add(batch: Batch): void {
    this.#fresh.push(batch);
    this.#freshOthers += batch.others;
  }

  /** Whether the unmerged chunks take so much memory that they should be merged. */
  get isFull(): boolean {
    return this.#freshOthers > MOST_OTHERS;
  }

  /** Merges the batches that are not merged yet. */
  merge(): void {
    for (const batch of this.#takeFresh()) for (const chunk of chunksOf(batch)) this.#take(chunk);
  }

  #takeFresh(): Batch[] {
    const fresh = this.#fresh;
    this.#fresh = [];
    this.#freshOthers = 0;
    return fresh;
  }

  #take(chunk: StreamChunk): void {
    if (chunk.type === "stream_reset") return this.#forget();
    if ("transient" in chunk && chunk.transient === true) return;
    if (this.#grow(chunk)) return;
    this.#isOpen = isPlain(chunk);
    this.#chunks.push(this.#isOpen ? { ...chunk } : chunk);
    this.#seams.push(undefined);
  }

  clear(): void {
    this.#takeFresh();
    this.#forget();
  }

  #forget(): void {
    this.#chunks = [];
    this.#seams = [];
    this.#isOpen = false;
  }

  /** Returns all chunks. Later additions do not change the list. */
  chunks(): StreamChunk[] {
    this.merge();
    this.#isOpen = false;
    return [...this.#chunks];
  }

  /** Returns the chunks after an event. A chunk without an id belongs to the event before it. */
  after(cursor: string): StreamChunk[] {
    this.merge();
    const first = known(this.#chunks.map(({ eventId }) => eventId), cursor);
    const [partly, ...rest] = this.chunks().slice(first);
    return partly ? [tail(partly as Delta, this.#seams[first], cursor), ...rest] : [];
  }

  #grow(chunk: StreamChunk): boolean {
    const last = this.#chunks.at(-1) as Delta | undefined;
    const names = DELTAS[chunk.type];
    if (!this.#isOpen || !last || !names || !continues(last, chunk as Delta, names[1])) return false;
    if (last.eventId !== undefined) this.#mark(last.eventId, String(last[names[0]]).length);
    last[names[0]] = `${String(last[names[0]])}${String((chunk as Delta)[names[0]])}`;
    if (chunk.eventId !== undefined) last.eventId = chunk.eventId;
    return true;
  }

  #mark(id: string, end: number): void {
    const seams = (this.#seams[this.#seams.length - 1] ??= { ids: [], ends: [] });
    seams.ids.push(id);
    seams.ends.push(end);
  }
}

/** Returns the part of a merged chunk after an event. */
function tail(chunk: Delta, seams: Seams | undefined, cursor: string): StreamChunk {
  const end = seams?.ends[known(seams.ids, cursor) - 1];
  const name = DELTAS[chunk.type]?.[0];
  if (end === undefined || !name) return chunk as StreamChunk;
  return { ...chunk, [name]: String(chunk[name]).slice(end) } as StreamChunk;
}

/** Returns the number of ids, which are in order, up to a cursor. */
function known(ids: ReadonlyArray<string | undefined>, cursor: string): number {
  let last = ids.length;
  for (; last > 0; last--) {
    const id = ids[last - 1];
    if (id !== undefined && !isAfter(id, cursor)) break;
  }
  return last;
}

function continues(last: Delta, next: Delta, block: string): boolean {
  return last.type === next.type && last[block] === next[block] && last.replayed === next.replayed && isPlain(next);
}

/** Returns whether a chunk is a delta without further members. One with provider metadata or a timestamp is not merged. */
function isPlain(chunk: StreamChunk | Delta): boolean {
  const names = DELTAS[chunk.type];
  if (!names) return false;
  let members = names[1] in chunk ? 3 : 2;
  if (chunk.eventId !== undefined) members++;
  if (chunk.replayed !== undefined) members++;
  return Object.keys(chunk).length === members;
}
