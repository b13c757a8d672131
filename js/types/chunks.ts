/** The union of all chunks that a listener can receive, and the chunks that the client itself creates (PROTOCOL §3). */

import type { CarriedStreamChunk } from "./carried-chunks.js";
import type { ChunkOrigin } from "./chunk-fields.js";
import type { LegacyStreamChunk, StreamStartChunk } from "./legacy-chunks.js";

/**
 * Represents any string that no other chunk uses as its type. It is an enum so that comparing `type` with a known string
 * narrows the union.
 */
declare enum UnknownType {
  any = "any other string",
}

/** A chunk of a type that this version does not know, passed on unchanged. Assign `type` to a `string` variable to read it. */
export interface UnknownChunk extends Omit<ChunkOrigin, "unknown"> {
  type: UnknownType;
  unknown: true;
  [key: string]: unknown;
}

/**
 * The stream starts over from its beginning, so that all earlier chunks are no longer valid. Only a listener that is a
 * plain function receives it; the client calls `onReset` of a listener object instead.
 */
export interface StreamResetChunk extends ChunkOrigin {
  type: "stream_reset";
}

/** Any chunk that a listener can receive (PROTOCOL §3). */
export type StreamChunk =
  | StreamStartChunk
  | LegacyStreamChunk
  | CarriedStreamChunk
  | UnknownChunk
  | StreamResetChunk;

/** A chunk of either dialect as the backend sends it, after `JSON.parse`. */
export type WireStreamChunk = { type: string; [key: string]: unknown };
