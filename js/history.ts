/** What a stream gave so far, for listeners that come late: adjacent deltas of a block are one chunk. */

import type { StreamChunk } from "./types.js";

/** Beyond this many merged chunks the oldest are forgotten. */
const MOST = 50_000;

type Delta = { type: string; blockId?: string; id?: string; toolCallId?: string; replayed?: true; eventId?: string } & {
  [text: string]: unknown;
};

/** By type: the member with the text, and the member with the block. */
const DELTAS: Record<string, readonly [text: string, block: string]> = {
  text_chunk: ["content", "blockId"],
  "reasoning-delta": ["delta", "id"],
  "tool-input-delta": ["inputTextDelta", "toolCallId"],
};

/** Chunks of one stream, merged. */
export class History {
  #chunks: StreamChunk[] = [];
  /** Whether the last chunk is a copy of ours, which may grow. */
  #isOpen = false;

  add(chunk: StreamChunk): void {
    if (chunk.type === "stream_reset") return this.clear();
    if ("transient" in chunk && chunk.transient === true) return;
    if (this.#grow(chunk)) return;
    this.#isOpen = isPlain(chunk);
    this.#chunks.push(this.#isOpen ? { ...chunk } : chunk);
    if (this.#chunks.length > MOST) this.#chunks = this.#chunks.slice(MOST >> 3);
  }

  clear(): void {
    this.#chunks = [];
    this.#isOpen = false;
  }

  /** All of it; what is added later does not change it. */
  chunks(): StreamChunk[] {
    this.#isOpen = false;
    return [...this.#chunks];
  }

  #grow(chunk: StreamChunk): boolean {
    const last = this.#chunks.at(-1) as Delta | undefined;
    const names = DELTAS[chunk.type];
    if (!this.#isOpen || !last || !names || !continues(last, chunk as Delta, names[1])) return false;
    last[names[0]] = `${String(last[names[0]])}${String((chunk as Delta)[names[0]])}`;
    if (chunk.eventId !== undefined) last.eventId = chunk.eventId;
    return true;
  }
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
