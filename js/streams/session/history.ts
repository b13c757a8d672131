/**
 * What a stream gave so far, for listeners that come late: adjacent deltas of a block are one chunk. All of it: what it
 * takes goes by what the answer says, as the message itself does.
 */

import { chunksOf } from "../../chunks/batch.js";
import { isAfter } from "../../chunks/cursor.js";
import type { Batch } from "../../chunks/batch.js";
import type { StreamChunk } from "../../types/index.js";

type Delta = { type: string; blockId?: string; id?: string; toolCallId?: string; replayed?: true; eventId?: string } & {
  [text: string]: unknown;
};

/** By type: the member with the text, and the member with the block. */
const DELTAS: Record<string, readonly [text: string, block: string]> = {
  text_chunk: ["content", "blockId"],
  "reasoning-delta": ["delta", "id"],
  "tool-input-delta": ["inputTextDelta", "toolCallId"],
};

/** So much of what is no delta is kept as it came, in code units: some of it is merged into nothing. */
const MOST_OTHERS = 4 * 1024 * 1024;

/** Where the deltas of a merged chunk ended that had an id. */
interface Seams {
  readonly ids: string[];
  readonly ends: number[];
}

/** Chunks of one stream, merged. */
export class History {
  #chunks: StreamChunk[] = [];
  /** Of the chunks with the same places. */
  #seams: Array<Seams | undefined> = [];
  /** Whether the last chunk is a copy of ours, which may grow. */
  #isOpen = false;
  /** Not merged yet: most histories are never asked for, and deltas take less as they came. */
  #fresh: Batch[] = [];
  #freshOthers = 0;

  /** Takes the next chunks. */
  add(batch: Batch): void {
    this.#fresh.push(batch);
    this.#freshOthers += batch.others;
  }

  /** Whether so much waits to be merged that it should not be kept as it came. */
  get isFull(): boolean {
    return this.#freshOthers > MOST_OTHERS;
  }

  /** Merges what waits. */
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

  /** All of it; what is added later does not change it. */
  chunks(): StreamChunk[] {
    this.merge();
    this.#isOpen = false;
    return [...this.#chunks];
  }

  /** What came after an event. What has no id belongs to the event before it. */
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

/** What a merged chunk holds beyond an event. */
function tail(chunk: Delta, seams: Seams | undefined, cursor: string): StreamChunk {
  const end = seams?.ends[known(seams.ids, cursor) - 1];
  const name = DELTAS[chunk.type]?.[0];
  if (end === undefined || !name) return chunk as StreamChunk;
  return { ...chunk, [name]: String(chunk[name]).slice(end) } as StreamChunk;
}

/** How many of these, which are in order, one has who stands at the cursor. */
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

/** A delta without facts of its own: one with provider metadata, or a timestamp, stays by itself. */
function isPlain(chunk: StreamChunk | Delta): boolean {
  const names = DELTAS[chunk.type];
  if (!names) return false;
  let members = names[1] in chunk ? 3 : 2;
  if (chunk.eventId !== undefined) members++;
  if (chunk.replayed !== undefined) members++;
  return Object.keys(chunk).length === members;
}
