/**
 * Reads the columns in which chunks come out of the WebAssembly module (src/batch.rs, whose table this mirrors).
 *
 * The hot path: one text per batch, cut by lengths; every object is a literal, so that each kind of chunk has one hidden
 * class, and a member that a chunk does not have is absent, not `undefined`.
 */

import type { MalformedFrame, StreamChunk } from "./types.js";

/** What a batch holds, each in the order of the stream. */
export interface Batch {
  /** Chunks; `{type: "stream_reset"}` where everything before became void. */
  chunks: StreamChunk[];
  /** Frames that are no chunk. */
  malformed: MalformedFrame[];
}

const KIND = 0xf;
const DELTA = 0;
const JSON_ARRAY = 1;
const MALFORMED = 2;

const VARIANT = 0xf0;
const LEGACY = 0;
const TEXT = 1 << 4;
const REASONING = 2 << 4;

const HAS_ID = 1 << 8;
const REPLAYED = 1 << 9;
const NEW_BLOCK = 1 << 10;

const REASONS = ["not JSON", "no string type"];

/** Makes the chunks of a batch. `descriptors` may be a view of the module's memory: nothing of it is kept. */
export function readBatch(descriptors: Uint32Array, text: string): Batch {
  const chunks: StreamChunk[] = [];
  const malformed: MalformedFrame[] = [];
  let block = "";
  let at = 0;
  let word = 0;
  const slice = (): string => text.slice(at, (at += descriptors[word++] as number));

  while (word < descriptors.length) {
    const head = descriptors[word++] as number;
    switch (head & KIND) {
      case DELTA: {
        const content = slice();
        if (head & NEW_BLOCK) block = slice();
        const eventId = head & HAS_ID ? slice() : undefined;
        const chunk = delta(head & VARIANT, content, block, eventId);
        if (head & REPLAYED) chunk.replayed = true;
        chunks.push(chunk);
        break;
      }
      case JSON_ARRAY:
        word++;
        for (const chunk of JSON.parse(slice()) as StreamChunk[]) chunks.push(chunk);
        break;
      case MALFORMED:
        malformed.push({ data: slice(), reason: REASONS[(head & VARIANT) >> 4] as string });
        break;
      default:
        chunks.push({ type: "stream_reset" });
    }
  }
  return { chunks, malformed };
}

function delta(variant: number, content: string, block: string, eventId: string | undefined): StreamChunk {
  switch (variant) {
    case LEGACY:
      return eventId === undefined ? { type: "text_chunk", content } : { type: "text_chunk", content, eventId };
    case TEXT:
      return eventId === undefined
        ? { type: "text_chunk", content, blockId: block }
        : { type: "text_chunk", content, blockId: block, eventId };
    case REASONING:
      return eventId === undefined
        ? { type: "reasoning-delta", id: block, delta: content }
        : { type: "reasoning-delta", id: block, delta: content, eventId };
    default:
      return eventId === undefined
        ? { type: "tool-input-delta", toolCallId: block, inputTextDelta: content }
        : { type: "tool-input-delta", toolCallId: block, inputTextDelta: content, eventId };
  }
}
