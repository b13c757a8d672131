/** Every chunk that a listener may get, and those that the client itself makes (PROTOCOL §3). */

import type { CarriedStreamChunk } from "./carried-chunks.js";
import type { ChunkOrigin } from "./chunk-fields.js";
import type { LegacyStreamChunk, StreamStartChunk } from "./legacy-chunks.js";

/** Any string that no other chunk has as its type. An enum, so that comparing `type` to a known one narrows the union. */
declare enum UnknownType {
  any = "any other string",
}

/** A chunk of a type that this version does not know, as it came. Assign `type` to a `string` to look at it. */
export interface UnknownChunk extends Omit<ChunkOrigin, "unknown"> {
  type: UnknownType;
  unknown: true;
  [key: string]: unknown;
}

/**
 * Everything so far is void: the stream starts over from its beginning. Given to a plain-function listener; an object
 * listener hears `onReset` instead.
 */
export interface StreamResetChunk extends ChunkOrigin {
  type: "stream_reset";
}

/** Every chunk a listener may get (PROTOCOL §3). */
export type StreamChunk =
  | StreamStartChunk
  | LegacyStreamChunk
  | CarriedStreamChunk
  | UnknownChunk
  | StreamResetChunk;

/** A chunk as it stands on the wire, in either dialect, parsed. */
export type WireStreamChunk = { type: string; [key: string]: unknown };
